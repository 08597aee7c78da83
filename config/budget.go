package config

import (
	"encoding/json"
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// What evaluation may cost, in the unit of cost: about bytes made or steps
// taken. Thirty lines of locals that double each other would fill any memory
// otherwise, and the evaluation cannot be interrupted.
const (
	maxCost      = 1 << 22 // of one expression
	maxTotalCost = 1 << 25 // of all files together
	digitCost    = 64      // of each bit of a number's exponent beyond 64
)

var errCost = errors.New("the expression could grow beyond all reason; make the values that it combines smaller")

// cost returns an upper bound of what evaluating expr takes and of the size of
// its result, at most maxCost+1. Names that ctx lacks cost nothing: their
// evaluation fails.
func cost(expr hcl.Expression, ctx *hcl.EvalContext, file []byte) int {
	e := estimate{ctx: ctx}
	if native, ok := expr.(hclsyntax.Expression); ok {
		return e.of(native)
	}
	return e.ofJSON(expr.Range().SliceBytes(file))
}

// An estimate is the evaluation of one expression, with sizes for values.
type estimate struct {
	ctx   *hcl.EvalContext
	loops []loop // innermost last
	spent int    // sizes measured so far: measuring takes time too
}

// A loop is a for expression or a splat around the one looked at.
type loop struct {
	key, item string // names of its variables, empty for a splat
	size      int    // of its largest item
}

func (e *estimate) of(expr hclsyntax.Expression) int {
	switch x := expr.(type) {
	case nil:
		return 0
	case *hclsyntax.LiteralValueExpr:
		return sizeOf(x.Val)
	case *hclsyntax.ScopeTraversalExpr:
		return e.variable(x.Traversal)
	case *hclsyntax.RelativeTraversalExpr:
		return e.of(x.Source)
	case *hclsyntax.FunctionCallExpr:
		return e.call(x)
	case *hclsyntax.ConditionalExpr:
		return plus(e.of(x.Condition), e.of(x.TrueResult), e.of(x.FalseResult))
	case *hclsyntax.IndexExpr:
		return plus(e.of(x.Collection), e.of(x.Key))
	case *hclsyntax.TupleConsExpr:
		return plus(len(x.Exprs), e.all(x.Exprs))
	case *hclsyntax.ObjectConsExpr:
		n := len(x.Items)
		for _, item := range x.Items {
			n = plus(n, e.of(item.KeyExpr), e.of(item.ValueExpr))
		}
		return n
	case *hclsyntax.ObjectConsKeyExpr:
		return e.of(x.UnwrapExpression())
	case *hclsyntax.ForExpr:
		size, count, item := e.collection(x.CollExpr)
		body := e.within(loop{x.KeyVar, x.ValVar, item}, x.KeyExpr, x.ValExpr, x.CondExpr)
		return plus(size, times(count, plus(1, body)))
	case *hclsyntax.SplatExpr:
		size, count, item := e.collection(x.Source)
		return plus(size, times(count, plus(1, e.within(loop{size: item}, x.Each))))
	case *hclsyntax.AnonSymbolExpr:
		if len(e.loops) > 0 {
			return e.loops[len(e.loops)-1].size
		}
		return 1
	case *hclsyntax.TemplateExpr:
		return plus(1, e.all(x.Parts))
	case *hclsyntax.TemplateJoinExpr:
		return e.of(x.Tuple)
	case *hclsyntax.TemplateWrapExpr:
		return e.of(x.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		return e.of(x.Expression)
	case *hclsyntax.UnaryOpExpr:
		return plus(1, e.of(x.Val))
	case *hclsyntax.BinaryOpExpr:
		return plus(1, e.of(x.LHS), e.of(x.RHS))
	}
	return maxCost + 1
}

func (e *estimate) all(exprs []hclsyntax.Expression) int {
	n := 0
	for _, x := range exprs {
		n = plus(n, e.of(x))
	}
	return n
}

func (e *estimate) within(l loop, exprs ...hclsyntax.Expression) int {
	e.loops = append(e.loops, l)
	n := e.all(exprs)
	e.loops = e.loops[:len(e.loops)-1]
	return n
}

// collection returns the cost of a collection, the number of its items, and the
// size of the largest.
func (e *estimate) collection(expr hclsyntax.Expression) (size, count, item int) {
	switch x := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return e.collection(x.Expression)
	case *hclsyntax.TupleConsExpr:
		for _, c := range x.Exprs {
			n := e.of(c)
			size, item = plus(size, n), max(item, n)
		}
		return size, len(x.Exprs), item
	case *hclsyntax.ScopeTraversalExpr:
		v, ok := e.lookUp(x.Traversal)
		if !ok {
			break
		}
		size = e.variable(x.Traversal)
		v, _ = v.Unmark()
		if size > maxCost || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
			break
		}
		for it := v.ElementIterator(); it.Next(); {
			k, c := it.Element()
			count++
			item = max(item, sizeOf(k), sizeOf(c))
		}
		return size, count, item
	}
	n := e.of(expr)
	return n, n, n
}

// lookUp returns the value of a variable that is not one of a loop.
func (e *estimate) lookUp(t hcl.Traversal) (cty.Value, bool) {
	for _, l := range e.loops {
		if t.RootName() == l.item || t.RootName() == l.key {
			return cty.NilVal, false
		}
	}
	v, diags := t.TraverseAbs(e.ctx)
	return v, !diags.HasErrors()
}

func (e *estimate) variable(t hcl.Traversal) int {
	if e.spent > maxCost {
		return maxCost + 1
	}
	for i := len(e.loops) - 1; i >= 0; i-- {
		if l := e.loops[i]; t.RootName() == l.item || t.RootName() == l.key {
			return max(1, l.size)
		}
	}
	v, ok := e.lookUp(t)
	if !ok {
		return 1
	}
	n := sizeOf(v)
	e.spent = plus(e.spent, n)
	return n
}

func (e *estimate) call(x *hclsyntax.FunctionCallExpr) int {
	args := plus(1, e.all(x.Args))
	switch x.Name {
	case "file":
		return plus(args, maxInclude)
	case "env":
		return plus(args, maxEnv)
	case "hash":
		return plus(args, 64)
	case "join": // the separator may stand between any two
		return times(args, args)
	}
	return args
}

func (e *estimate) ofJSON(src []byte) int {
	n := 1
	_, _ = eachJSONToken(src, func(t json.Token) error {
		n = plus(n, 1)
		if s, ok := t.(string); ok {
			x, diags := hclsyntax.ParseTemplate([]byte(s), "", hcl.InitialPos)
			if !diags.HasErrors() {
				n = plus(n, e.of(x))
			}
		}
		return nil
	})
	return n
}

// sizeOf returns the size of a value in the unit of cost, at most maxCost+1.
func sizeOf(v cty.Value) int {
	n := 0
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		n = plus(n, 1)
		if !v.IsKnown() || v.IsNull() {
			return false, nil
		}
		switch v.Type() {
		case cty.String:
			n = plus(n, len(v.AsString()))
		case cty.Number:
			e := v.AsBigFloat().MantExp(nil)
			n = plus(n, times(digitCost, max(0, max(e, -e)-64)))
		}
		return n <= maxCost, nil
	})
	return n
}

// plus and times saturate just above what is allowed.
func plus(a int, more ...int) int {
	for _, b := range more {
		a = min(a+b, maxCost+1)
	}
	return a
}

func times(a, b int) int {
	if a > 0 && b > maxCost/a {
		return maxCost + 1
	}
	return a * b
}
