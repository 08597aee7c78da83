package lua

import (
	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"
)

// condition compiles an expression of which only matters whether it is true.
func (c *purifier) condition(e ast.Expr) condition {
	switch e := e.(type) {
	case *ast.UnaryNotOpExpr:
		x := c.condition(e.Expr)
		return func(f *frame) bool { return !x(f) }
	case *ast.LogicalOpExpr:
		x, y := c.condition(e.Lhs), c.condition(e.Rhs)
		if e.Operator == "and" {
			return func(f *frame) bool { return x(f) && y(f) }
		}
		return func(f *frame) bool { return x(f) || y(f) }
	case *ast.RelationalOpExpr:
		return c.relation(e)
	}
	return truth(c.expression(e))
}

// truth compiles whether a value is neither nil nor false.
func truth(op operand) condition {
	switch op.kind {
	case isBoolean:
		return op.condition
	case isNumber:
		x := op.number
		return func(f *frame) bool {
			x(f) // which may give up
			return true
		}
	case isGuarded:
		when, then := op.condition, truth(*op.then)
		return func(f *frame) bool { return when(f) && then(f) }
	}
	x := op.value
	return func(f *frame) bool { return vm.LVAsBool(x(f)) }
}

func (c *purifier) relation(e *ast.RelationalOpExpr) condition {
	if e.Operator == "==" || e.Operator == "~=" {
		same := c.equal(c.expression(e.Lhs), c.expression(e.Rhs), e)
		if e.Operator == "~=" {
			return func(f *frame) bool { return !same(f) }
		}
		return same
	}
	a, b := c.number(e.Lhs), c.number(e.Rhs)
	switch e.Operator {
	case "<":
		return func(f *frame) bool { return a(f) < b(f) }
	case "<=":
		return func(f *frame) bool { return a(f) <= b(f) }
	case ">":
		return func(f *frame) bool { return a(f) > b(f) }
	}
	return func(f *frame) bool { return a(f) >= b(f) }
}

func (c *purifier) equal(x, y operand, e ast.Expr) condition {
	switch {
	case x.kind == isGuarded || y.kind == isGuarded:
		stop(e.Line(), "a comparison with an and without an or")
	case x.kind == isNumber && y.kind == isNumber:
		a, b := x.number, y.number
		return func(f *frame) bool { return a(f) == b(f) }
	case x.kind == isBoolean && y.kind == isBoolean:
		a, b := x.condition, y.condition
		return func(f *frame) bool { return a(f) == b(f) }
	case x.kind == isValue && y.kind == isNumber:
		return sameNumber(x.value, y.number)
	case x.kind == isNumber && y.kind == isValue:
		return sameNumber(y.value, x.number)
	case x.kind == isValue && y.kind == isValue:
		if s, ok := y.constant.(vm.LString); ok {
			return sameString(x.value, s)
		}
		if s, ok := x.constant.(vm.LString); ok {
			return sameString(y.value, s)
		}
		// Strings, numbers, booleans and nil are equal where the interfaces are.
		a, b := x.value, y.value
		return func(f *frame) bool { return a(f) == b(f) }
	case x.kind == isValue && y.kind == isBoolean:
		return sameBoolean(x.value, y.condition)
	case x.kind == isBoolean && y.kind == isValue:
		return sameBoolean(y.value, x.condition)
	}
	stop(e.Line(), "a comparison of different types")
	return nil
}

func sameNumber(v value, n number) condition {
	return func(f *frame) bool {
		x, ok := v(f).(vm.LNumber)
		return float64(x) == n(f) && ok
	}
}

func sameString(v value, s vm.LString) condition {
	return func(f *frame) bool {
		x, ok := v(f).(vm.LString)
		return ok && x == s
	}
}

func sameBoolean(v value, b condition) condition {
	return func(f *frame) bool {
		x, ok := v(f).(vm.LBool)
		return bool(x) == b(f) && ok
	}
}

// logical compiles and, or where the value matters. "a and b" has two types
// unless an or follows, as in "a and b or c".
func (c *purifier) logical(e *ast.LogicalOpExpr) operand {
	x := c.expression(e.Lhs)
	if e.Operator == "and" {
		y := c.expression(e.Rhs)
		if x.kind == isBoolean && y.kind == isBoolean {
			a, b := x.condition, y.condition
			return operand{kind: isBoolean, condition: func(f *frame) bool { return a(f) && b(f) }}
		}
		if y.kind == isGuarded {
			a, b := truth(x), y.condition
			return operand{kind: isGuarded, then: y.then, condition: func(f *frame) bool { return a(f) && b(f) }}
		}
		return operand{kind: isGuarded, condition: truth(x), then: &y}
	}
	switch x.kind {
	case isNumber: // which is true, so that the rest does not matter
		c.expression(e.Rhs)
		x.literal = false
		return x
	case isBoolean:
		y := c.expression(e.Rhs)
		if y.kind == isBoolean {
			a, b := x.condition, y.condition
			return operand{kind: isBoolean, condition: func(f *frame) bool { return a(f) || b(f) }}
		}
		if x.constant == vm.LFalse {
			y.literal = false
			return y
		}
		stop(e.Line(), "an or of different types")
	case isGuarded:
		return c.choice(x, c.expression(e.Rhs), e)
	}
	return c.fallback(x, c.expression(e.Rhs), e)
}

// choice compiles "when and then or otherwise".
func (c *purifier) choice(x, y operand, e ast.Expr) operand {
	when, then := x.condition, *x.then
	if then.kind != y.kind {
		stop(e.Line(), "an and-or of different types")
	}
	switch y.kind {
	case isNumber:
		a, b := then.number, y.number
		return operand{kind: isNumber, number: func(f *frame) float64 {
			if when(f) {
				return a(f)
			}
			return b(f)
		}}
	case isBoolean:
		a, b := then.condition, y.condition
		return operand{kind: isBoolean, condition: func(f *frame) bool { return when(f) && a(f) || b(f) }}
	case isValue:
		a, b := then.value, y.value
		return operand{kind: isValue, value: func(f *frame) vm.LValue {
			if when(f) {
				if v := a(f); vm.LVAsBool(v) {
					return v
				}
			}
			return b(f)
		}}
	}
	stop(e.Line(), "an and-or of different types")
	return operand{}
}

// fallback compiles "value or otherwise", with which a missing tag is given a
// default.
func (c *purifier) fallback(x, y operand, e ast.Expr) operand {
	if x.constant != nil {
		if vm.LVAsBool(x.constant) {
			return x
		}
		y.literal = false
		return y
	}
	read := x.value
	switch y.kind {
	case isNumber:
		otherwise := y.number
		op := operand{kind: isValue}
		op.number = func(f *frame) float64 {
			switch v := read(f).(type) {
			case vm.LNumber:
				return float64(v)
			case *vm.LNilType:
				return otherwise(f)
			case vm.LBool:
				if !bool(v) {
					return otherwise(f)
				}
			}
			return f.giveUp()
		}
		op.value = func(f *frame) vm.LValue {
			if v := read(f); vm.LVAsBool(v) {
				return v
			}
			return vm.LNumber(otherwise(f))
		}
		return op
	case isValue:
		otherwise := y.value
		return operand{kind: isValue, value: func(f *frame) vm.LValue {
			if v := read(f); vm.LVAsBool(v) {
				return v
			}
			return otherwise(f)
		}}
	}
	stop(e.Line(), "an or of different types")
	return operand{}
}
