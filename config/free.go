package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// free are the attributes of a block in which any name may stand: the config
// block of a policy, which the policy's author knows and nobody else.
type free struct {
	values map[string]cty.Value
	places map[string]hcl.Range
	body   hcl.Body // as it was read, nil without the block
}

// names are those of the attributes, in lexical order.
func (f *free) names() []string { return slices.Sorted(maps.Keys(f.values)) }

// plain returns the values as programs have them: strings, booleans, float64,
// []any and map[string]any.
func (f *free) plain() map[string]any {
	if len(f.values) == 0 {
		return nil
	}
	m := make(map[string]any, len(f.values))
	for name, v := range f.values {
		m[name] = plain(v)
	}
	return m
}

func plain(v cty.Value) any {
	switch t := v.Type(); {
	case v.IsNull():
		return nil
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return f
	case t.IsObjectType() || t.IsMapType():
		m := map[string]any{}
		for name, e := range v.AsValueMap() {
			m[name] = plain(e)
		}
		return m
	default: // a list, a set or a tuple: HCL has no other types
		l := []any{}
		for _, e := range v.AsValueSlice() {
			l = append(l, plain(e))
		}
		return l
	}
}

// readFree sets f from a block's attributes. path names the block for masking.
func (r *reader) readFree(f *free, body hcl.Body, path string) {
	attrs, diags := body.JustAttributes()
	for _, d := range diags {
		if strings.HasPrefix(d.Summary, "Unexpected \"") {
			d.Detail += " Give nested values an equals sign."
		}
	}
	r.diags = append(r.diags, diags...)
	f.values, f.places, f.body = map[string]cty.Value{}, map[string]hcl.Range{}, body
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		attr := attrs[name]
		v, ok := r.eval.value(attr.Expr, &r.diags)
		if !ok {
			continue
		}
		v, marks := v.UnmarkDeep()
		if len(marks) > 0 {
			r.masked[path+"."+name] = true
		}
		if !finite(v) {
			r.fail(attr.Expr.Range(), "Unsuitable number", "A number is beyond what programs compute with, which ends at about 1.8e308.")
			continue
		}
		f.values[name], f.places[name] = v, attr.Expr.Range()
	}
}

// finite reports whether all numbers in v have a float64.
func finite(v cty.Value) bool {
	good := true
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.Type() == cty.Number && v.IsKnown() && !v.IsNull() {
			f, _ := v.AsBigFloat().Float64()
			good = good && !math.IsInf(f, 0)
		}
		return good, nil
	})
	return good
}

// texts is a map from names to strings.
func texts(most int, m *map[string]string) value {
	return value{
		kind: "map",
		set: func(v cty.Value) error {
			out, err := textsOf(v)
			if err != nil {
				return err
			}
			if len(out) > most {
				return fmt.Errorf("the map has %d entries; at most %d are allowed", len(out), most)
			}
			*m = out
			return nil
		},
		get: func() (cty.Value, bool) { return ctyOfTexts(*m), len(*m) > 0 },
	}
}

// flat is a map of plain values that are neither lists nor maps.
func flat(v cty.Value, most int) (map[string]any, error) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil, fmt.Errorf("it is a map, as in { site = \"small\" }, not %s", typeText(v))
	}
	if n := v.LengthInt(); n > most {
		return nil, fmt.Errorf("the map has %d entries; at most %d are allowed", n, most)
	}
	if !finite(v) {
		return nil, fmt.Errorf("a number in it is beyond 1.8e308")
	}
	out := map[string]any{}
	for name, e := range v.AsValueMap() {
		if e.IsNull() {
			continue
		}
		if !e.Type().IsPrimitiveType() {
			return nil, fmt.Errorf("%s is %s; a string, a number or a truth value is wanted", quote(name), typeText(e))
		}
		out[name] = plain(e)
	}
	return out, nil
}

// ctyOf is the inverse of plain.
func ctyOf(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case float64:
		return cty.NumberFloatVal(v)
	case []any:
		l := make([]cty.Value, len(v))
		for i, e := range v {
			l[i] = ctyOf(e)
		}
		return cty.TupleVal(l)
	case map[string]any:
		m := make(map[string]cty.Value, len(v))
		for name, e := range v {
			m[name] = ctyOf(e)
		}
		return cty.ObjectVal(m)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
