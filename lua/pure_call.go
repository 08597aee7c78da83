package lua

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"
)

// call compiles a call of a mathematical function, which may have a local name.
func (c *purifier) call(e *ast.FuncCallExpr) operand {
	name, ok := c.callee(e)
	if !ok {
		stop(e.Line(), construct(e))
	}
	args := make([]number, len(e.Args))
	var last operand
	for i, a := range e.Args {
		last = c.expression(a)
		args[i] = c.toNumber(last, a)
	}
	op := operand{kind: isNumber}
	if f := unary[name]; f != nil && len(args) == 1 {
		x := args[0]
		op.number = func(fr *frame) float64 { return f(x(fr)) }
		return op
	}
	f := binary[name]
	switch name {
	case "min":
		f = least
	case "max":
		f = most
	}
	switch {
	case f == nil || len(args) != 2 && name != "min" && name != "max" || len(args) == 0:
		stop(e.Line(), fmt.Sprintf("a call of math.%s with %d arguments", name, len(args)))
	case len(args) == 1:
		op.number = args[0]
	case len(args) == 2:
		x, y := args[0], args[1]
		if k, ok := last.constant.(vm.LNumber); ok {
			k := float64(k)
			op.number = func(fr *frame) float64 { return f(x(fr), k) }
			if name == "min" {
				op.number = func(fr *frame) float64 { return least(x(fr), k) }
			}
			break
		}
		switch name {
		case "min":
			op.number = func(fr *frame) float64 { return least(x(fr), y(fr)) }
		case "max":
			op.number = func(fr *frame) float64 { return most(x(fr), y(fr)) }
		default:
			op.number = func(fr *frame) float64 { return f(x(fr), y(fr)) }
		}
	default:
		op.number = func(fr *frame) float64 {
			r := args[0](fr)
			for _, a := range args[1:] {
				r = f(r, a(fr))
			}
			return r
		}
	}
	return op
}

// callee returns the name of the mathematical function that a call means.
func (c *purifier) callee(e *ast.FuncCallExpr) (string, bool) {
	switch f := e.Func.(type) {
	case *ast.IdentExpr:
		if c.find(f.Value) != nil || c.file.assigned[f.Value] || c.file.drawn {
			return "", false
		}
		v, _ := c.outer(f.Value)
		lf, ok := v.(*vm.LFunction)
		if !ok {
			return "", false
		}
		name, ok := mathNames[lf]
		return name, ok
	case *ast.AttrGetExpr:
		object, ok := f.Object.(*ast.IdentExpr)
		if !ok || object.Value != "math" || !c.global("math") {
			return "", false
		}
		key, ok := f.Key.(*ast.StringExpr)
		if !ok {
			return "", false
		}
		_, known := mathTable.RawGetString(key.Value).(*vm.LFunction)
		return key.Value, known
	}
	return "", false
}
