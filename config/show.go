package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// hidden stands for values that come from sensitive variables.
const hidden = "(sensitive)"

// WriteHCL writes the effective configuration as a file: what is set, and the
// defaults with a comment that says so. Values that come from sensitive
// variables are masked.
func (c *Config) WriteHCL(w io.Writer) error {
	var b bytes.Buffer
	blocks := c.blocks()
	for i := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.writeBlock(&b, &blocks[i], "", blocks[i].name)
	}
	for i := range c.Registrar.Pools {
		p := poolBlock(&c.Registrar.Pools[i], nil)
		b.WriteByte('\n')
		c.writeBlock(&b, &p, c.Registrar.Pools[i].Pattern, poolPath(c.Registrar.Pools[i].Pattern))
	}
	_, err := w.Write(hclwrite.Format(b.Bytes()))
	return err
}

func (c *Config) writeBlock(b *bytes.Buffer, t *block, label, path string) {
	b.WriteString(t.name)
	if t.label != "" {
		fmt.Fprintf(b, " %s", literal(cty.StringVal(label)))
	}
	b.WriteString(" {\n")
	for _, f := range t.fields {
		switch v, ok := f.value.get(); {
		case c.masked[path+"."+f.name]:
			fmt.Fprintf(b, "%s = %s\n", f.name, literal(cty.StringVal(hidden)))
		case ok && literal(v) != f.def:
			fmt.Fprintf(b, "%s = %s\n", f.name, literal(v))
		case f.def != "":
			fmt.Fprintf(b, "%s = %s # default\n", f.name, f.def)
		}
	}
	for i := range t.blocks {
		if len(t.fields) > 0 || i > 0 {
			b.WriteByte('\n')
		}
		c.writeBlock(b, &t.blocks[i], "", path+"."+t.blocks[i].name)
	}
	b.WriteString("}\n")
}

// MarshalJSON writes the effective configuration in the JSON form of the files,
// without the defaults, which WriteHCL names.
func (c *Config) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	blocks := c.blocks()
	for i := range blocks {
		if m := c.jsonBlock(&blocks[i], blocks[i].name); len(m) > 0 {
			out[blocks[i].name] = m
		}
	}
	pools := map[string]any{}
	for i := range c.Registrar.Pools {
		p := poolBlock(&c.Registrar.Pools[i], nil)
		pools[c.Registrar.Pools[i].Pattern] = c.jsonBlock(&p, poolPath(c.Registrar.Pools[i].Pattern))
	}
	if len(pools) > 0 {
		out["pool"] = pools
	}
	return json.Marshal(out)
}

func (c *Config) jsonBlock(t *block, path string) map[string]any {
	m := map[string]any{}
	for _, f := range t.fields {
		v, ok := f.value.get()
		switch {
		case c.masked[path+"."+f.name]:
			m[f.name] = hidden
		case ok && literal(v) != f.def:
			m[f.name] = ctyjson.SimpleJSONValue{Value: escapeTemplates(v)}
		}
	}
	for i := range t.blocks {
		if sub := c.jsonBlock(&t.blocks[i], path+"."+t.blocks[i].name); len(sub) > 0 {
			m[t.blocks[i].name] = sub
		}
	}
	return m
}

// literal writes a value as HCL.
func literal(v cty.Value) string {
	return strings.TrimSpace(string(hclwrite.TokensForValue(v).Bytes()))
}

// escapeTemplates doubles what would begin a template: strings of the JSON form
// are templates.
func escapeTemplates(v cty.Value) cty.Value {
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
			return cty.StringVal(strings.NewReplacer("${", "$${", "%{", "%%{").Replace(v.AsString())), nil
		}
		return v, nil
	})
	if err != nil {
		return v // the callback never fails
	}
	return out
}
