package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// A block is one kind of HCL block: what may stand in it, what it means, and
// where its values go. Reading, checking, showing and the starting file all
// walk these tables, so that none of them can say something the others do not
// know.
type block struct {
	name   string
	labels []string // of a block that may stand several times: what they are called
	sample []string // and what they are in the starting file
	doc    string
	fields []field
	blocks []block
	// free takes attributes of any name, of a block that has no fields.
	free *free
	// check looks at the values together, after all were set. It returns the
	// name of the attribute at fault and a sentence, or two empty strings.
	check func() (name, problem string)
}

// A field is one attribute.
type field struct {
	name string
	doc  string // one sentence
	// def is the default as HCL text. Where there is none, example is shown,
	// and doc says what happens without the attribute.
	def     string
	example string
	value   value
	// live says that a running registrar takes a new value over when it reads
	// its files again; others need a restart.
	live bool
}

// schema returns what hcl needs to know of the block.
func (b *block) schema() *hcl.BodySchema {
	s := new(hcl.BodySchema)
	for _, f := range b.fields {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: f.name})
	}
	for _, c := range b.blocks {
		s.Blocks = append(s.Blocks, c.header())
	}
	return s
}

func (b *block) header() hcl.BlockHeaderSchema {
	return hcl.BlockHeaderSchema{Type: b.name, LabelNames: b.labels}
}

// read sets the block's values from body. path names the block for masking, as
// in "registrar.asap".
func (r *reader) read(b *block, body hcl.Body, path string) {
	if b.free != nil {
		r.readFree(b.free, body, path)
		return
	}
	content, diags := body.Content(b.schema())
	r.diags = append(r.diags, diags...)
	if content == nil {
		return
	}
	sound := !diags.HasErrors()
	for _, f := range b.fields {
		if attr, ok := content.Attributes[f.name]; ok && !r.set(f, attr, path+"."+f.name) {
			sound = false
		}
	}
	for i := range b.blocks {
		c := &b.blocks[i]
		if found := r.single(c.name, content.Blocks.OfType(c.name)); found != nil {
			r.read(c, found.Body, path+"."+c.name)
		}
	}
	if b.check == nil || !sound {
		return
	}
	if name, problem := b.check(); problem != "" {
		d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Values that do not fit together", Detail: problem}
		if attr, ok := content.Attributes[name]; ok {
			d.Subject = attr.Expr.Range().Ptr()
		} else {
			d.Subject = content.MissingItemRange.Ptr()
		}
		r.diags = append(r.diags, d)
	}
}

// single returns the only block of found, or nil; more than one is an error
// that names both places.
func (r *reader) single(name string, found hcl.Blocks) *hcl.Block {
	if len(found) == 0 {
		return nil
	}
	for _, extra := range found[1:] {
		r.fail(extra.DefRange, "Duplicate "+name+" block",
			fmt.Sprintf("Only one %s block is allowed here; the first is at %s. Merge the two.", name, place(found[0].DefRange)))
	}
	return found[0]
}

// set evaluates an attribute and stores its value; null is as good as absent.
func (r *reader) set(f field, attr *hcl.Attribute, path string) bool {
	v, ok := r.eval.value(attr.Expr, &r.diags)
	if !ok {
		return false
	}
	v, marks := v.UnmarkDeep()
	if len(marks) > 0 {
		r.masked[path] = true
	}
	if v.IsNull() {
		return true
	}
	if err := f.value.set(v); err != nil {
		detail := sentence(err)
		if len(marks) > 0 {
			detail = "The value, which is sensitive and not shown here, does not fit."
		}
		r.fail(attr.Expr.Range(), "Unsuitable "+f.value.kind, detail)
		return false
	}
	return true
}

// place is where something stands, for the middle of a sentence.
func place(at hcl.Range) string {
	return fmt.Sprintf("%s, line %d", at.Filename, at.Start.Line)
}
