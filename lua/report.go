package lua

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// HookReport tells how a function of a policy is run.
type HookReport struct {
	Name string
	Line int
	// Inputs are the names of its parameters.
	Inputs []string
	// Compiled says that it runs as compiled Go closures, not in the
	// interpreter.
	Compiled bool
	// Obstacle is what prevents that, and ObstacleLine where it is. Functions
	// that may change something are never compiled, and have no obstacle.
	Obstacle     string
	ObstacleLine int
}

// Report returns how the functions of the policy are run, in the order of the
// documentation.
func (p *Program) Report() []HookReport {
	var all []HookReport
	for i := range hooks {
		b := p.functions[i]
		if b == nil {
			continue
		}
		r := HookReport{Name: b.hook.name, Line: b.line, Compiled: b.pure != nil}
		for _, in := range b.inputs {
			r.Inputs = append(r.Inputs, in.name)
		}
		if b.reason != nil {
			r.Obstacle, r.ObstacleLine = b.reason.what, b.reason.line
		}
		all = append(all, r)
	}
	return all
}

// InputDoc describes an input for lists and help texts.
type InputDoc struct{ Name, Summary string }

// Inputs returns what functions may have as parameters, but for tags.
func Inputs() []InputDoc {
	var all []InputDoc
	for _, in := range join(elementInputs, requestInputs, []input{peInput, reasonInput, poolInput, countInput, oldInput}) {
		all = append(all, InputDoc{in.name, in.summary})
	}
	return all
}

// Fields returns the fields of a policy that hold functions.
func Fields() []InputDoc {
	var all []InputDoc
	for i := range hooks {
		all = append(all, InputDoc{hooks[i].name, hooks[i].summary})
	}
	return all
}

// construct names a statement or expression that is not compiled.
func construct(n any) string {
	switch n := n.(type) {
	case *ast.WhileStmt, *ast.RepeatStmt, *ast.NumberForStmt, *ast.GenericForStmt:
		return "a loop"
	case *ast.FuncCallStmt:
		return construct(n.Expr)
	case *ast.FuncDefStmt, *ast.FunctionExpr:
		return "a function within the function"
	case *ast.TableExpr:
		return "a table"
	case *ast.StringExpr:
		return "a string where a number is wanted"
	case *ast.AttrGetExpr:
		return "a field of a table"
	case *ast.Comma3Expr:
		return "..."
	case *ast.StringConcatOpExpr:
		return "a string put together by .."
	case *ast.UnaryLenOpExpr:
		return "the operator #"
	case *ast.FuncCallExpr:
		switch callee := n.Func.(type) {
		case *ast.IdentExpr:
			return "a call of " + callee.Value
		case *ast.AttrGetExpr:
			if key, ok := callee.Key.(*ast.StringExpr); ok {
				return "a call of " + key.Value
			}
		}
		if n.Func == nil {
			return "a call of the method " + n.Method
		}
		return "a call"
	}
	return fmt.Sprintf("a %T", n)
}
