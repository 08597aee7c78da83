package config

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/rspool/rspool/registrar"
)

// Starter returns a file that sets nothing and shows everything: each attribute
// stands in a comment with its meaning and its default.
func Starter() []byte {
	var b bytes.Buffer
	b.WriteString(`# Configuration of rspool. Everything has a default: a line in a comment shows
# it, or an example where there is none. Check this file with
# "rspool config check", and see what is in effect with "rspool config show".

`)
	c := Default()
	blocks := c.blocks()
	for i := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeStarter(&b, &blocks[i], "")
	}
	p := poolBlock(&registrar.PoolConfig{}, nil)
	b.WriteByte('\n')
	writeStarter(&b, &p, "*")
	return hclwrite.Format(b.Bytes())
}

func writeStarter(b *bytes.Buffer, t *block, label string) {
	writeComment(b, t.doc)
	b.WriteString(t.name)
	if t.label != "" {
		fmt.Fprintf(b, " %q", label)
	}
	b.WriteString(" {\n")
	for i, f := range t.fields {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeComment(b, f.doc)
		v := f.def
		if v == "" {
			v = f.example
		}
		fmt.Fprintf(b, "# %s = %s\n", f.name, v)
	}
	for i := range t.blocks {
		if len(t.fields) > 0 || i > 0 {
			b.WriteByte('\n')
		}
		writeStarter(b, &t.blocks[i], "")
	}
	b.WriteString("}\n")
}

// writeComment wraps a sentence at 76 columns.
func writeComment(b *bytes.Buffer, text string) {
	line := "#"
	for _, w := range strings.Fields(text) {
		if len(line)+1+len(w) > 76 {
			fmt.Fprintln(b, line)
			line = "#"
		}
		line += " " + w
	}
	fmt.Fprintln(b, line)
}

// Format returns HCL text in the canonical form: indentation and alignment. Text
// that is no HCL comes back with an *Error.
func Format(name string, src []byte) ([]byte, error) {
	if len(src) > MaxFileSize {
		return nil, tooLarge(name)
	}
	r := newReader(Options{})
	r.parse(name, src)
	if r.diags.HasErrors() {
		return nil, newError(r)
	}
	return hclwrite.Format(src), nil
}
