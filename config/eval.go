package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// maxNames bounds variables and locals: each of them sees the others.
const maxNames = 1000

// sensitive marks values that show must not print.
type sensitive struct{}

// An evaluator knows what expressions may refer to: variables, locals and
// functions. Functions differ by file, since file("x") counts from the folder of
// the file that says so.
type evaluator struct {
	files     map[string]*hcl.File
	env       func(string) (string, bool)
	variables map[string]cty.Value
	locals    map[string]cty.Value
	contexts  map[string]*hcl.EvalContext // by file, made when needed
	included  map[string]bool             // files that file(...) has read
	spent     int
}

// value evaluates an expression. It reports false, and says why in diags, where
// that fails or would take too much.
func (e *evaluator) value(expr hcl.Expression, diags *hcl.Diagnostics) (cty.Value, bool) {
	at := expr.Range()
	ctx := e.context(at.Filename)
	var src []byte
	if f := e.files[at.Filename]; f != nil {
		src = f.Bytes
	}
	n := cost(expr, ctx, src)
	e.spent += n
	if n > maxCost || e.spent > maxTotalCost {
		*diags = append(*diags, tooMuch(at, sentence(errCost)))
		return cty.NilVal, false
	}
	v, d := expr.Value(ctx)
	for _, each := range d {
		if each.Summary == "Unknown variable" {
			each.Detail += " Text stands in quotation marks; variables begin with var. or local., as in var.region."
		}
	}
	*diags = append(*diags, d...)
	return v, !d.HasErrors() && v.IsWhollyKnown()
}

func (e *evaluator) context(filename string) *hcl.EvalContext {
	if c, ok := e.contexts[filename]; ok {
		return c
	}
	c := &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var":   cty.ObjectVal(e.variables),
			"local": cty.ObjectVal(e.locals),
		},
		Functions: functions(filename, e.env, e.included),
	}
	e.contexts[filename] = c
	return c
}

var variableSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
	{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"},
}}

// readVariables takes the variable blocks; given are the values of the caller,
// which win over the defaults.
func (r *reader) readVariables(blocks hcl.Blocks, given map[string]string) {
	if len(blocks) > maxNames {
		r.fail(blocks[maxNames].DefRange, "Too many variables", fmt.Sprintf("A configuration may have %d variables.", maxNames))
		return
	}
	first := map[string]hcl.Range{}
	for _, b := range blocks {
		name := b.Labels[0]
		if at, ok := first[name]; ok {
			r.fail(b.DefRange, "Duplicate variable", fmt.Sprintf("Variable %q is declared at %s already.", name, place(at)))
			continue
		}
		first[name] = b.DefRange
		if !hclsyntax.ValidIdentifier(name) {
			r.fail(b.LabelRanges[0], "Unsuitable name", fmt.Sprintf("%s is not a name: use letters, digits, _ and -.", quote(name)))
			continue
		}
		text, isGiven := given[name]
		if v, ok := r.readVariable(b, text, isGiven); ok {
			r.eval.variables[name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := first[name]; !ok {
			r.diags = append(r.diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Undeclared variable",
				Detail: sentence(fmt.Errorf("a value was given for variable %q, but no file declares it%s",
					name, didYouMean(name, slices.Sorted(maps.Keys(first))))),
			})
		}
	}
}

func (r *reader) readVariable(b *hcl.Block, given string, isGiven bool) (cty.Value, bool) {
	content, diags := b.Body.Content(variableSchema)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	name, want := b.Labels[0], cty.DynamicPseudoType
	if a, ok := content.Attributes["type"]; ok {
		t, diags := typeexpr.TypeConstraint(a.Expr)
		r.diags = append(r.diags, diags...)
		if diags.HasErrors() {
			return cty.NilVal, false
		}
		want = t
	}
	var v cty.Value
	at := b.DefRange
	switch a, ok := content.Attributes["default"]; {
	case isGiven:
		v = cty.StringVal(given)
	case ok:
		if v, ok = r.eval.value(a.Expr, &r.diags); !ok {
			return cty.NilVal, false
		}
		at = a.Expr.Range()
	default:
		r.fail(b.DefRange, "Variable without a value",
			fmt.Sprintf("Variable %q has no default. Give it one, or set it on the command line with --var %s=VALUE.", name, name))
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, want)
	if err != nil {
		r.fail(at, "Unsuitable value", fmt.Sprintf("Variable %q: %v.", name, err))
		return cty.NilVal, false
	}
	if a, ok := content.Attributes["sensitive"]; ok {
		var hide bool
		if !r.set(field{value: boolean(&hide)}, a, "variable") {
			return cty.NilVal, false
		}
		if hide {
			v = v.Mark(sensitive{})
		}
	}
	return v, true
}

// readLocals evaluates the attributes of the locals blocks, each after those
// that it refers to.
func (r *reader) readLocals(blocks hcl.Blocks) {
	waiting := map[string]*hcl.Attribute{}
	for _, b := range blocks {
		attrs, diags := b.Body.JustAttributes()
		r.diags = append(r.diags, diags...)
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			if first, ok := waiting[name]; ok {
				r.fail(attrs[name].NameRange, "Duplicate local", fmt.Sprintf("Local %q is set at %s already.", name, place(first.NameRange)))
				continue
			}
			waiting[name] = attrs[name]
		}
		if len(waiting) > maxNames {
			r.fail(b.DefRange, "Too many locals", fmt.Sprintf("A configuration may have %d locals.", maxNames))
			return
		}
	}
	failed := map[string]bool{}
	for len(waiting) > 0 {
		progress := false
		for _, name := range slices.Sorted(maps.Keys(waiting)) {
			attr := waiting[name]
			needs := localsIn(attr.Expr)
			if slices.ContainsFunc(needs, func(n string) bool { return waiting[n] != nil }) {
				continue
			}
			delete(waiting, name)
			progress = true
			if slices.ContainsFunc(needs, func(n string) bool { return failed[n] }) {
				failed[name] = true // what it needs was complained about
				continue
			}
			clear(r.eval.contexts) // they hold the locals of before
			v, ok := r.eval.value(attr.Expr, &r.diags)
			if !ok {
				failed[name] = true
				continue
			}
			r.eval.locals[name] = v
		}
		if !progress {
			name := slices.Min(slices.Collect(maps.Keys(waiting)))
			r.fail(waiting[name].NameRange, "Circular locals", fmt.Sprintf("Local %q refers to itself, directly or through others.", name))
			break
		}
	}
	clear(r.eval.contexts)
}

// localsIn names the locals that an expression refers to.
func localsIn(expr hcl.Expression) []string {
	var names []string
	for _, t := range expr.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		switch step := t[1].(type) {
		case hcl.TraverseAttr:
			names = append(names, step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
				names = append(names, step.Key.AsString())
			}
		}
	}
	return names
}
