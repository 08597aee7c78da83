package config

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
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
	for _, t := range c.blocks() {
		writeStarter(&b, &t)
		b.WriteByte('\n')
	}
	series := c.series()
	for i, t := range series {
		if i < len(series)-1 {
			writeDormant(&b, &t) // these would not be good as they are
			b.WriteByte('\n')
		} else {
			writeStarter(&b, &t) // the pools
		}
	}
	return hclwrite.Format(b.Bytes())
}

// writeDormant writes a block as a comment: without the first "# " of each line it is a
// block like the others. What such a block must have is not commented in it.
func writeDormant(b *bytes.Buffer, t *block) {
	var inner bytes.Buffer
	writeStarter(&inner, t)
	text := string(hclwrite.Format(inner.Bytes()))
	doc, rest, _ := strings.Cut(text, "\n"+t.name+" ")
	b.WriteString(doc + "\n")
	for line := range strings.Lines(t.name + " " + rest) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
}

// writeStarter writes a block of which nothing is set, but for what it must have.
func writeStarter(b *bytes.Buffer, t *block) {
	writeComment(b, t.doc)
	b.WriteString(t.name)
	for _, l := range t.sample {
		fmt.Fprintf(b, " %q", l)
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
		if !strings.Contains(f.doc, "may not be absent") {
			b.WriteString("# ")
		}
		fmt.Fprintf(b, "%s = %s\n", f.name, v)
	}
	for i := range t.blocks {
		if len(t.fields) > 0 || i > 0 {
			b.WriteByte('\n')
		}
		writeStarter(b, &t.blocks[i])
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
