package lua

import (
	"fmt"
	"math"
	"strings"

	vm "github.com/yuin/gopher-lua"
)

// stringFunctions are those whose work is in proportion to what they are given.
// Patterns are missing on purpose: a short one can take exponential time.
var stringFunctions = map[string]vm.LGFunction{
	"byte":    stringByte,
	"char":    stringChar,
	"find":    stringFind,
	"format":  stringFormat,
	"len":     stringLen,
	"lower":   stringLower,
	"rep":     stringRep,
	"reverse": stringReverse,
	"sub":     stringSub,
	"upper":   stringUpper,
}

// span turns Lua's positions, which count from 1 and from the end where negative,
// into the bounds of a slice of n bytes.
func span(from, to, n int) (int, int) {
	if from < 0 {
		from = max(n+from+1, 1)
	}
	if to < 0 {
		to = n + to + 1
	}
	from, to = max(from, 1), min(to, n)
	if from > to {
		return 0, 0
	}
	return from - 1, to
}

func stringByte(L *vm.LState) int {
	s := L.CheckString(1)
	first := whole(L, 2, 1)
	from, to := span(first, whole(L, 3, first), len(s))
	if to-from > maxValues {
		L.RaiseError("byte of more than %d characters", maxValues)
	}
	for i := from; i < to; i++ {
		L.Push(vm.LNumber(s[i]))
	}
	return to - from
}

func stringChar(L *vm.LState) int {
	b := make([]byte, L.GetTop())
	for i := range b {
		c := whole(L, i+1, 0)
		if c < 0 || c > 255 {
			L.ArgError(i+1, "a byte expected, 0 to 255")
		}
		b[i] = byte(c)
	}
	L.Push(meterOf(L).text(L, string(b)))
	return 1
}

// stringFind looks for plain text. A fourth argument is accepted, as in
// find(s, text, 1, true), which is how plain text is said elsewhere.
func stringFind(L *vm.LState) int {
	s, what := L.CheckString(1), L.CheckString(2)
	from := whole(L, 3, 1)
	if from < 0 {
		from += len(s) + 1
	}
	from = max(from, 1)
	meterOf(L).work(len(s) / 16)
	if from > len(s)+1 {
		L.Push(vm.LNil)
		return 1
	}
	i := strings.Index(s[from-1:], what)
	if i < 0 {
		L.Push(vm.LNil)
		return 1
	}
	L.Push(vm.LNumber(from + i))
	L.Push(vm.LNumber(from + i + len(what) - 1))
	return 2
}

func stringLen(L *vm.LState) int {
	L.Push(vm.LNumber(len(L.CheckString(1))))
	return 1
}

func stringLower(L *vm.LState) int { return mapped(L, lower) }
func stringUpper(L *vm.LState) int { return mapped(L, upper) }

// lower and upper know ASCII alone, so that the length stays.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func mapped(L *vm.LState, f func(byte) byte) int {
	s := L.CheckString(1)
	meterOf(L).room(L, len(s))
	b := []byte(s)
	for i, c := range b {
		b[i] = f(c)
	}
	L.Push(vm.LString(b))
	return 1
}

func stringRep(L *vm.LState) int {
	s, n := L.CheckString(1), max(whole(L, 2, 0), 0)
	if len(s) == 0 {
		n = 0
	}
	if n > math.MaxInt32/max(len(s), 1) {
		n = math.MaxInt32 / len(s)
	}
	meterOf(L).room(L, n*len(s))
	L.Push(vm.LString(strings.Repeat(s, n)))
	return 1
}

func stringReverse(L *vm.LState) int {
	s := L.CheckString(1)
	meterOf(L).room(L, len(s))
	b := make([]byte, len(s))
	for i := range len(s) {
		b[len(s)-1-i] = s[i]
	}
	L.Push(vm.LString(b))
	return 1
}

// stringSub copies, so that a short string does not keep a long one.
func stringSub(L *vm.LState) int {
	s := L.CheckString(1)
	from, to := span(whole(L, 2, 1), whole(L, 3, -1), len(s))
	L.Push(meterOf(L).text(L, strings.Clone(s[from:to])))
	return 1
}

// stringFormat knows %d %i %u %c %x %X %o %e %E %f %g %G %q %s %%, with flags, and
// width and precision of at most two digits.
func stringFormat(L *vm.LState) int {
	pattern, m := L.CheckString(1), meterOf(L)
	var b strings.Builder
	argument := 1
	for {
		plain, rest, found := strings.Cut(pattern, "%")
		b.WriteString(plain)
		if !found {
			break
		}
		if strings.HasPrefix(rest, "%") {
			b.WriteByte('%')
			pattern = rest[1:]
			continue
		}
		flags := len(rest) - len(strings.TrimLeft(rest, "-+ #0"))
		width := digits(rest[flags:])
		end := flags + width
		precision := 0
		if strings.HasPrefix(rest[end:], ".") {
			precision = digits(rest[end+1:])
			end += 1 + precision
		}
		if flags > 5 || width > 2 || precision > 2 || end >= len(rest) {
			L.RaiseError("invalid format %q", printable("%"+rest, 20))
		}
		argument++
		directive(L, &b, "%"+rest[:end], rest[end], argument)
		m.room(L, b.Len())
		pattern = rest[end+1:]
	}
	L.Push(m.text(L, b.String()))
	return 1
}

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func directive(L *vm.LState, b *strings.Builder, format string, verb byte, argument int) {
	switch verb {
	case 'd', 'i', 'u':
		fmt.Fprintf(b, format+"d", int64(L.CheckNumber(argument)))
	case 'x', 'X', 'o':
		fmt.Fprintf(b, format+string(verb), int64(L.CheckNumber(argument)))
	case 'e', 'E', 'f', 'g', 'G':
		fmt.Fprintf(b, format+string(verb), float64(L.CheckNumber(argument)))
	case 'c':
		b.WriteByte(byte(whole(L, argument, 0)))
	case 'q':
		fmt.Fprintf(b, format+"q", L.CheckString(argument))
	case 's':
		fmt.Fprintf(b, format+"s", display(L, L.CheckAny(argument)))
	default:
		L.RaiseError("invalid format %q", printable(format+string(verb), 20))
	}
}
