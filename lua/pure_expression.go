package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"
)

func (c *purifier) expression(e ast.Expr) operand {
	switch e := e.(type) {
	case *ast.NumberExpr:
		return literal(parseNumber(e.Value), e.Line())
	case *ast.StringExpr:
		return constant(vm.LString(e.Value))
	case *ast.TrueExpr:
		return constant(vm.LTrue)
	case *ast.FalseExpr:
		return constant(vm.LFalse)
	case *ast.NilExpr:
		return constant(vm.LNil)
	case *ast.IdentExpr:
		return c.name(e)
	case *ast.AttrGetExpr:
		return c.field(e)
	case *ast.UnaryMinusOpExpr:
		x := c.expression(e.Expr)
		if x.literal {
			return literal(-float64(x.constant.(vm.LNumber)), e.Line())
		}
		n := c.toNumber(x, e)
		return operand{kind: isNumber, number: func(f *frame) float64 { return -n(f) }}
	case *ast.ArithmeticOpExpr:
		return c.arithmetic(e)
	case *ast.UnaryNotOpExpr, *ast.RelationalOpExpr:
		return operand{kind: isBoolean, condition: c.condition(e)}
	case *ast.LogicalOpExpr:
		return c.logical(e)
	case *ast.FuncCallExpr:
		return c.call(e)
	}
	stop(e.Line(), construct(e))
	return operand{}
}

// parseNumber reads a literal as the interpreter's compiler does.
func parseNumber(s string) float64 {
	s = strings.Trim(s, " \t\n")
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return float64(n)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// literal is a constant that the interpreter's compiler folds with others. It
// takes equal constants for one, and so negative zero for zero or the reverse.
func literal(f float64, line int) operand {
	if f == 0 && math.Signbit(f) {
		stop(line, "negative zero")
	}
	op := constant(vm.LNumber(f))
	op.literal = true
	return op
}

func constant(v vm.LValue) operand {
	switch x := v.(type) {
	case vm.LNumber:
		n := float64(x)
		return operand{kind: isNumber, constant: v, number: func(*frame) float64 { return n }}
	case vm.LBool:
		b := bool(x)
		return operand{kind: isBoolean, constant: v, condition: func(*frame) bool { return b }}
	}
	return operand{kind: isValue, constant: v, value: func(*frame) vm.LValue { return v }}
}

// name compiles a variable, a parameter, or a variable around the function that
// keeps the value it has.
func (c *purifier) name(e *ast.IdentExpr) operand {
	if v := c.find(e.Value); v != nil {
		return c.read(v, e)
	}
	if v, ok := c.outer(e.Value); ok {
		if c.file.assigned[e.Value] {
			stop(e.Line(), fmt.Sprintf("the variable %s around the function, which is assigned to", e.Value))
		}
		if c.file.drawn {
			stop(e.Line(), fmt.Sprintf("the variable %s around the function, since the file draws random numbers when it is loaded", e.Value))
		}
		switch v.(type) {
		case vm.LNumber, vm.LBool, vm.LString, *vm.LNilType:
			return constant(v)
		}
		stop(e.Line(), fmt.Sprintf("the variable %s, which is %s", e.Value, article(v)))
	}
	stop(e.Line(), fmt.Sprintf("the global variable %s", e.Value))
	return operand{}
}

// outer returns the value of a variable around the function.
func (c *purifier) outer(name string) (vm.LValue, bool) {
	for i, n := range c.function.Proto.DbgUpvalues {
		if n == name {
			return c.function.Upvalues[i].Value(), true
		}
	}
	return nil, false
}

func (c *purifier) read(v *variable, e *ast.IdentExpr) operand {
	if v.in != nil {
		return *v.in
	}
	if v.object != "" {
		stop(e.Line(), fmt.Sprintf("%s as a whole: only its fields are known", v.name))
	}
	slot, flag := v.slot, v.flag
	if flag >= 0 {
		c.pure.total = false
	}
	var op operand
	switch v.kind {
	case isNumber:
		op = operand{kind: isNumber, number: func(f *frame) float64 { return f.numbers[slot] }}
		if flag >= 0 {
			op.number = func(f *frame) float64 {
				if f.numbers[flag] == 0 {
					return f.giveUp()
				}
				return f.numbers[slot]
			}
		}
	case isBoolean:
		op = operand{kind: isBoolean, condition: func(f *frame) bool { return f.numbers[slot] != 0 }}
		if flag >= 0 {
			op.condition = func(f *frame) bool {
				if f.numbers[flag] == 0 {
					f.giveUp()
				}
				return f.numbers[slot] != 0
			}
		}
	case isValue:
		op = operand{kind: isValue, value: func(f *frame) vm.LValue { return f.values[slot] }}
		if flag >= 0 {
			op.value = func(f *frame) vm.LValue {
				if f.numbers[flag] == 0 {
					return vm.LNil
				}
				return f.values[slot]
			}
		}
	default:
		stop(e.Line(), fmt.Sprintf("the variable %s before it has a value", v.name))
	}
	return op
}

// number compiles an expression that has to be a number.
func (c *purifier) number(e ast.Expr) number { return c.toNumber(c.expression(e), e) }

func (c *purifier) toNumber(op operand, e ast.Expr) number {
	switch {
	case op.number != nil:
		return op.number
	case op.kind == isValue && op.constant == nil:
		read := op.value
		return func(f *frame) float64 {
			if n, ok := read(f).(vm.LNumber); ok {
				return float64(n)
			}
			return f.giveUp()
		}
	case op.kind == isBoolean:
		stop(e.Line(), "true or false where a number is wanted")
	case op.kind == isGuarded:
		stop(e.Line(), "an and without an or where a number is wanted")
	}
	stop(e.Line(), construct(e))
	return nil
}

func (c *purifier) arithmetic(e *ast.ArithmeticOpExpr) operand {
	x, y := c.expression(e.Lhs), c.expression(e.Rhs)
	if x.literal && y.literal {
		return literal(operate(e.Operator, float64(x.constant.(vm.LNumber)), float64(y.constant.(vm.LNumber))), e.Line())
	}
	a, b := c.toNumber(x, e.Lhs), c.toNumber(y, e.Rhs)
	if k, ok := y.constant.(vm.LNumber); ok {
		return withConstant(e.Operator, a, float64(k))
	}
	op := operand{kind: isNumber}
	switch e.Operator {
	case "+":
		if b, c := y.factors[0], y.factors[1]; b != nil { // the commonest sum, with a call less
			op.number = func(f *frame) float64 { return unsigned(a(f) + unsigned(b(f)*c(f))) }
			break
		}
		op.number = func(f *frame) float64 { return unsigned(a(f) + b(f)) }
	case "-":
		op.number = func(f *frame) float64 { return unsigned(a(f) - b(f)) }
	case "*":
		op.factors = [2]number{a, b}
		op.number = func(f *frame) float64 { return unsigned(a(f) * b(f)) }
	case "/":
		op.number = func(f *frame) float64 { return unsigned(a(f) / b(f)) }
	case "%":
		op.number = func(f *frame) float64 { return unsigned(modulo(a(f), b(f))) }
	default:
		op.number = func(f *frame) float64 { return unsigned(math.Pow(a(f), b(f))) }
	}
	return op
}

// withConstant is arithmetic whose right side is a constant, which spares a call.
func withConstant(operator string, a number, k float64) operand {
	op := operand{kind: isNumber}
	switch operator {
	case "+":
		op.number = func(f *frame) float64 { return unsigned(a(f) + k) }
	case "-":
		op.number = func(f *frame) float64 { return unsigned(a(f) - k) }
	case "*":
		op.number = func(f *frame) float64 { return unsigned(a(f) * k) }
	case "/":
		op.number = func(f *frame) float64 { return unsigned(a(f) / k) }
	case "%":
		op.number = func(f *frame) float64 { return unsigned(modulo(a(f), k)) }
	default:
		op.number = func(f *frame) float64 { return unsigned(math.Pow(a(f), k)) }
	}
	return op
}

// unsigned returns a result of arithmetic as the interpreter keeps it, which has no
// negative zero. The conversion keeps processors from adding before they round.
func unsigned(x float64) float64 { return float64(x) + 0 }

func operate(operator string, a, b float64) float64 {
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "%":
		return modulo(a, b)
	}
	return math.Pow(a, b)
}
