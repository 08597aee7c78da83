package lua

import (
	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"
)

// field compiles config.name and math.name, and what pe and request show.
func (c *purifier) field(e *ast.AttrGetExpr) operand {
	key, ok := e.Key.(*ast.StringExpr)
	if !ok {
		stop(e.Line(), "a field whose name is computed")
	}
	if op, ok := c.shown(e, key.Value); ok {
		return op
	}
	if object, ok := e.Object.(*ast.IdentExpr); ok && c.global(object.Value) && object.Value == "math" {
		switch key.Value {
		case "huge":
			return constant(vm.LNumber(infinity))
		case "pi":
			return constant(vm.LNumber(pi))
		}
	}
	if v, ok := c.file.constant(e); ok && c.global("config") {
		if !c.file.config {
			stop(e.Line(), "the table config, which the file may change: keep its value in a local variable")
		}
		lv, err := fromGo(v, 0)
		if err != nil {
			stop(e.Line(), err.Error())
		}
		if _, ok := lv.(*vm.LTable); !ok {
			return constant(lv)
		}
	}
	stop(e.Line(), construct(e))
	return operand{}
}

// shown compiles fields of pe and request.
func (c *purifier) shown(e *ast.AttrGetExpr, field string) (operand, bool) {
	if inner, ok := e.Object.(*ast.AttrGetExpr); ok {
		key, named := inner.Key.(*ast.StringExpr)
		if !named {
			return operand{}, false
		}
		switch c.object(inner.Object) + "." + key.Value {
		case "pe.tags":
			return operand{kind: isValue, value: func(f *frame) vm.LValue { return f.element().tag(field) }}, true
		case "request.attributes":
			return operand{kind: isValue, value: func(f *frame) vm.LValue {
				if v, ok := f.request.Attributes[field]; ok {
					return vm.LString(v)
				}
				return vm.LNil
			}}, true
		}
		return operand{}, false
	}
	var known []input
	switch c.object(e.Object) {
	case "pe":
		known = c.file.shown
	case "request":
		known = requestFields
	}
	for _, in := range known {
		if in.name == field && !in.table {
			if in.number != nil {
				return operand{kind: isNumber, number: in.number}, true
			}
			return operand{kind: isValue, value: in.value}, true
		}
	}
	return operand{}, false
}

// object returns "pe" or "request" where an expression is that parameter.
func (c *purifier) object(e ast.Expr) string {
	if name, ok := e.(*ast.IdentExpr); ok {
		if v := c.find(name.Value); v != nil {
			return v.object
		}
	}
	return ""
}

// global reports whether a name means the global variable.
func (c *purifier) global(name string) bool {
	_, outer := c.outer(name)
	return !outer && c.find(name) == nil
}
