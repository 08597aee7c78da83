package lua

import (
	"math"

	vm "github.com/yuin/gopher-lua"
)

const pi = math.Pi

var infinity = math.Inf(1)

// unary are the functions of one number. Compiled functions call the same.
var unary = map[string]func(float64) float64{
	"abs":   math.Abs,
	"acos":  math.Acos,
	"asin":  math.Asin,
	"atan":  math.Atan,
	"ceil":  math.Ceil,
	"cos":   math.Cos,
	"cosh":  math.Cosh,
	"deg":   func(x float64) float64 { return float64(x*180) / math.Pi },
	"exp":   math.Exp,
	"floor": math.Floor,
	"log":   math.Log,
	"log10": math.Log10,
	"rad":   func(x float64) float64 { return float64(x*math.Pi) / 180 },
	"sin":   math.Sin,
	"sinh":  math.Sinh,
	"sqrt":  math.Sqrt,
	"tan":   math.Tan,
	"tanh":  math.Tanh,
}

// binary are the functions of two numbers.
var binary = map[string]func(x, y float64) float64{
	"atan2": math.Atan2,
	"fmod":  math.Mod,
	"pow":   math.Pow,
}

func mathFunctions() map[string]vm.LGFunction {
	fs := map[string]vm.LGFunction{
		"frexp":  mathFrexp,
		"ldexp":  mathLdexp,
		"max":    mathMax,
		"min":    mathMin,
		"modf":   mathModf,
		"random": mathRandom,
	}
	for name, f := range unary {
		fs[name] = func(L *vm.LState) int {
			L.Push(vm.LNumber(f(float64(L.CheckNumber(1)))))
			return 1
		}
	}
	for name, f := range binary {
		fs[name] = func(L *vm.LState) int {
			L.Push(vm.LNumber(f(float64(L.CheckNumber(1)), float64(L.CheckNumber(2)))))
			return 1
		}
	}
	return fs
}

// least and most compare as Lua does: what is not less, NaN included, does not
// replace what came first.
func least(x, y float64) float64 {
	if y < x {
		return y
	}
	return x
}

func most(x, y float64) float64 {
	if y > x {
		return y
	}
	return x
}

func mathMin(L *vm.LState) int { return mathFold(L, least) }
func mathMax(L *vm.LState) int { return mathFold(L, most) }

func mathFold(L *vm.LState, f func(x, y float64) float64) int {
	x := float64(L.CheckNumber(1))
	for i := 2; i <= L.GetTop(); i++ {
		x = f(x, float64(L.CheckNumber(i)))
	}
	L.Push(vm.LNumber(x))
	return 1
}

func mathFrexp(L *vm.LState) int {
	fraction, exponent := math.Frexp(float64(L.CheckNumber(1)))
	L.Push(vm.LNumber(fraction))
	L.Push(vm.LNumber(exponent))
	return 2
}

func mathLdexp(L *vm.LState) int {
	L.Push(vm.LNumber(math.Ldexp(float64(L.CheckNumber(1)), whole(L, 2, 0))))
	return 1
}

func mathModf(L *vm.LState) int {
	integer, fraction := math.Modf(float64(L.CheckNumber(1)))
	L.Push(vm.LNumber(integer))
	L.Push(vm.LNumber(fraction))
	return 2
}

// mathRandom is random() in [0, 1), random(n) in 1 to n and random(m, n) in m to n.
func mathRandom(L *vm.LState) int {
	h := &meterOf(L).host
	h.drawn = true
	if L.GetTop() == 0 {
		L.Push(vm.LNumber(h.random.Float64()))
		return 1
	}
	from, to := 1, whole(L, 1, 0)
	if L.GetTop() > 1 {
		from, to = to, whole(L, 2, 0)
	}
	if from > to {
		L.RaiseError("random from %d to %d: the interval is empty", from, to)
	}
	L.Push(vm.LNumber(from + h.random.IntN(to-from+1)))
	return 1
}

// modulo is a % b: it has the sign of b.
func modulo(a, b float64) float64 {
	r := math.Mod(a, b)
	if b > 0 && r < 0 || b < 0 && r > 0 {
		r += b
	}
	return r
}
