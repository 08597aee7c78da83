package config

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Change is an attribute that differs between two configurations.
type Change struct {
	// Attribute says which, as in `pool "web".policy`.
	Attribute string `json:"attribute"`
	// Before and After are the values as HCL, empty where there is none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Live says that a running process takes the change over; else it needs a
	// restart.
	Live bool `json:"live"`
}

// Effect is what becomes of the change: "reloaded" or "needs a restart".
func (c Change) Effect() string {
	if c.Live {
		return "reloaded"
	}
	return "needs a restart"
}

// Compare returns what differs between two configurations, in the order in which
// they are shown. Values that come from sensitive variables are not shown.
func Compare(before, after *Config) []Change {
	old, now := before.flat(), after.flat()
	changes := []Change{}
	add := func(e, o entry) {
		if e.value != o.value || e.text != o.text {
			changes = append(changes, Change{Attribute: e.name, Before: o.text, After: e.text, Live: e.live})
		}
	}
	for _, e := range now.entries {
		add(e, old.find(e.name))
	}
	for _, o := range old.entries {
		if _, ok := now.places[o.name]; !ok {
			add(entry{name: o.name, live: o.live}, o)
		}
	}
	return changes
}

// entry is one attribute that is set.
type entry struct {
	name  string
	value string // to compare
	text  string // to show
	live  bool
}

type flatConfig struct {
	entries []entry
	places  map[string]int
}

func (f *flatConfig) find(name string) entry {
	if i, ok := f.places[name]; ok {
		return f.entries[i]
	}
	return entry{}
}

// flat returns everything that is set and no default.
func (c *Config) flat() *flatConfig {
	f := &flatConfig{places: map[string]int{}}
	for _, s := range c.sections() {
		name := s.name
		for _, l := range s.labels {
			name += " " + literal(cty.StringVal(l))
		}
		if len(s.labels) > 0 {
			// That there is a block matters even if nothing is set in it.
			f.add(entry{name: name, value: "block", text: "{ }", live: true})
		}
		c.flatten(f, &s.block, name, s.path)
	}
	return f
}

func (f *flatConfig) add(e entry) {
	f.places[e.name] = len(f.entries)
	f.entries = append(f.entries, e)
}

func (c *Config) flatten(f *flatConfig, b *block, name, path string) {
	put := func(attribute string, v cty.Value, live bool) {
		e := entry{name: name + "." + attribute, value: literal(v), live: live}
		if e.text = e.value; c.masked[path+"."+attribute] {
			e.text = fmt.Sprintf("%q", hidden)
		}
		f.add(e)
	}
	if b.free != nil {
		for _, n := range b.free.names() {
			put(n, b.free.values[n], true)
		}
	}
	for _, a := range b.fields {
		if v, ok := a.value.get(); ok && literal(v) != a.def {
			put(a.name, v, a.live)
		}
	}
	for i := range b.blocks {
		c.flatten(f, &b.blocks[i], name+"."+b.blocks[i].name, path+"."+b.blocks[i].name)
	}
}

// String writes the change on one line.
func (c Change) String() string {
	var b strings.Builder
	b.WriteString(c.Attribute)
	switch {
	case c.Before == "":
		fmt.Fprintf(&b, " = %s", c.After)
	case c.After == "":
		fmt.Fprintf(&b, " = %s is gone", c.Before)
	default:
		fmt.Fprintf(&b, ": %s -> %s", c.Before, c.After)
	}
	return b.String()
}
