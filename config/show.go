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

// A section is a block at the top of a file.
type section struct {
	block
	labels []string
	path   string // by which masks know it
}

// sections returns everything that c holds, in the order in which it is shown.
func (c *Config) sections() []section {
	var all []section
	for _, b := range c.blocks() {
		all = append(all, section{block: b, path: b.name})
	}
	for i := range c.Plugins {
		p := &c.Plugins[i]
		all = append(all, section{p.block(), []string{p.Name}, p.path()})
	}
	for i := range c.Policies {
		p := &c.Policies[i]
		all = append(all, section{p.block(), []string{p.Kind, p.Name}, p.path()})
	}
	for i := range c.Registrar.Pools {
		p := &c.Registrar.Pools[i]
		all = append(all, section{poolBlock(p, c.known), []string{p.Pattern}, poolPath(p.Pattern)})
	}
	return all
}

// WriteHCL writes the effective configuration as a file: what is set, and the
// defaults with a comment that says so. Values that come from sensitive
// variables are masked.
func (c *Config) WriteHCL(w io.Writer) error {
	var b bytes.Buffer
	for i, s := range c.sections() {
		if i > 0 {
			b.WriteByte('\n')
		}
		c.writeBlock(&b, &s.block, s.labels, s.path)
	}
	_, err := w.Write(hclwrite.Format(b.Bytes()))
	return err
}

func (c *Config) writeBlock(b *bytes.Buffer, t *block, labels []string, path string) {
	b.WriteString(t.name)
	for _, l := range labels {
		fmt.Fprintf(b, " %s", literal(cty.StringVal(l)))
	}
	b.WriteString(" {\n")
	if t.free != nil {
		for _, name := range t.free.names() {
			v := t.free.values[name]
			if c.masked[path+"."+name] {
				v = cty.StringVal(hidden)
			}
			fmt.Fprintf(b, "%s = %s\n", name, literal(v))
		}
	}
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
		c.writeBlock(b, &t.blocks[i], nil, path+"."+t.blocks[i].name)
	}
	b.WriteString("}\n")
}

// MarshalJSON writes the effective configuration in the JSON form of the files,
// without the defaults, which WriteHCL names.
func (c *Config) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	for _, s := range c.sections() {
		m := c.jsonBlock(&s.block, s.path)
		if len(m) == 0 && len(s.labels) == 0 {
			continue
		}
		at, names := out, append([]string{s.name}, s.labels...)
		for _, name := range names[:len(names)-1] {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
		at[names[len(names)-1]] = m
	}
	return json.Marshal(out)
}

func (c *Config) jsonBlock(t *block, path string) map[string]any {
	m := map[string]any{}
	if t.free != nil {
		for _, name := range t.free.names() {
			m[name] = ctyjson.SimpleJSONValue{Value: escapeTemplates(t.free.values[name])}
			if c.masked[path+"."+name] {
				m[name] = hidden
			}
		}
	}
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
