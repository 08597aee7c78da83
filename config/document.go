package config

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rspool/rspool/registrar"
)

// BlockSchema says what may stand in a block.
type BlockSchema struct {
	Name string `json:"name"`
	// Labels follow the name; those in capitals are for the author to choose. A
	// block with labels may stand several times.
	Labels     []string          `json:"labels,omitempty"`
	Doc        string            `json:"doc"`
	Attributes []AttributeSchema `json:"attributes,omitempty"`
	// Free says that any attribute may stand in the block.
	Free   bool          `json:"free,omitempty"`
	Blocks []BlockSchema `json:"blocks,omitempty"`
}

// AttributeSchema says what an attribute is.
type AttributeSchema struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Default is HCL. Where it is empty, Doc says what happens without the
	// attribute.
	Default string `json:"default,omitempty"`
	Example string `json:"example,omitempty"`
	Doc     string `json:"doc"`
	// Live says that a running registrar takes a new value over; else it needs
	// a restart.
	Live bool `json:"live"`
}

// Schema returns everything that may stand in a file, but for variable and locals
// blocks.
func Schema() []BlockSchema {
	c := Default()
	var all []BlockSchema
	for _, b := range append(c.blocks(), c.series()...) {
		all = append(all, b.document())
	}
	return all
}

// series are the blocks that may stand several times, without values.
func (c *Config) series() []block {
	return []block{
		(&PluginConfig{}).block(),
		(&Policy{Kind: Lua}).block(),
		(&Policy{Kind: Plugin}).block(),
		poolBlock(&registrar.PoolConfig{}, c.known),
	}
}

func (b *block) document() BlockSchema {
	s := BlockSchema{Name: b.name, Doc: b.doc, Free: b.free != nil}
	for _, l := range b.labels {
		s.Labels = append(s.Labels, strings.ToUpper(l))
	}
	if b.name == "policy" {
		s.Labels[0] = b.sample[0]
	}
	for _, f := range b.fields {
		s.Attributes = append(s.Attributes, AttributeSchema{Name: f.name, Kind: f.value.kind, Default: f.def, Example: f.example, Doc: f.doc, Live: f.live})
	}
	for i := range b.blocks {
		s.Blocks = append(s.Blocks, b.blocks[i].document())
	}
	return s
}

// WriteText writes the block and what is in it for a person, indented.
func (s *BlockSchema) WriteText(w io.Writer) error { return s.writeText(w, "") }

func (s *BlockSchema) writeText(w io.Writer, indent string) error {
	name := s.Name
	for _, l := range s.Labels {
		name += fmt.Sprintf(" %q", l)
	}
	_, err := fmt.Fprintf(w, "%s%s\n%s", indent, name, wrapped(s.Doc, indent+"    "))
	if s.Free && err == nil {
		_, err = fmt.Fprintf(w, "%s  any attributes\n", indent)
	}
	for _, a := range s.Attributes {
		if err != nil {
			return err
		}
		value := "default " + a.Default
		if a.Default == "" {
			value = "as in " + a.Example
		}
		live := ""
		if a.Live {
			live = ", reloaded"
		}
		_, err = fmt.Fprintf(w, "%s  %s  (%s, %s%s)\n%s", indent, a.Name, a.Kind, value, live, wrapped(a.Doc, indent+"      "))
	}
	for i := range s.Blocks {
		if err != nil {
			return err
		}
		err = s.Blocks[i].writeText(w, indent+"  ")
	}
	return err
}

// Find returns the block or attribute of a name as in "registrar.asap" or
// "pool.policy". An attribute comes in its block without the others.
func Find(schema []BlockSchema, path string) ([]BlockSchema, error) {
	names := strings.Split(path, ".")
	var found []BlockSchema
	var known, blocks []string
	for _, b := range schema {
		known = b.paths(known, "")
		blocks = append(blocks, b.Name)
		if b.Name == names[0] {
			if s, ok := b.narrow(names[1:]); ok {
				found = append(found, s)
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	slices.Sort(blocks)
	return nil, fmt.Errorf("there is no block or attribute %s%s", quote(path),
		cmp.Or(didYouMean(path, known), "; the blocks are "+strings.Join(slices.Compact(blocks), ", ")))
}

// paths appends the names of the block and of everything in it.
func (s *BlockSchema) paths(to []string, prefix string) []string {
	prefix += s.Name
	to = append(to, prefix)
	for _, a := range s.Attributes {
		to = append(to, prefix+"."+a.Name)
	}
	for i := range s.Blocks {
		to = s.Blocks[i].paths(to, prefix+".")
	}
	return to
}

// narrow leaves what the names lead to.
func (s BlockSchema) narrow(names []string) (BlockSchema, bool) {
	if len(names) == 0 {
		return s, true
	}
	all := s
	s.Attributes, s.Blocks = nil, nil
	for _, a := range all.Attributes {
		if a.Name == names[0] && len(names) == 1 {
			s.Attributes = append(s.Attributes, a)
		}
	}
	for _, b := range all.Blocks {
		if b.Name == names[0] {
			if b, ok := b.narrow(names[1:]); ok {
				s.Blocks = append(s.Blocks, b)
			}
		}
	}
	return s, len(s.Attributes)+len(s.Blocks) > 0
}

// wrapped breaks a text into lines of 78 columns.
func wrapped(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, w := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+len(w) >= 78 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += w + " "
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
