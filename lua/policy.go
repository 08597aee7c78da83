package lua

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/suggest"
)

// form is how a policy chooses.
type form uint8

const (
	byKey form = iota
	byWeight
	byAffinity
	bySelect
)

// The bounds of what a policy may ask for.
const (
	maxSample   = 1024
	maxScan     = 4096
	maxElements = 4096
	maxPoints   = 1000
	maxInputs   = 64
	leastEvery  = 100 * time.Millisecond
	defaultScan = 64
	defaultCap  = 256
	defaultRing = 100
)

// rules are what the returned table says, but for its functions.
type rules struct {
	form        form
	sample      int
	points      int
	maxScan     int
	maxElements int
	mark        int
	every       time.Duration
	clock       engine.Clock
	tags        []input
	functions   [hookCount]*bound
	inputs      engine.Inputs // of key or weight
	wants       wants
	shown       []input // fields of pe that the file looks at
	interpreted bool    // not all functions are compiled
	simple      bool    // the policy has the form plain
}

// knownFields are the fields of a policy, in the order in which people are told.
var knownFields = []string{
	"api", "key", "weight", "affinity", "select", "sample", "ring", "filter", "max_scan", "max_elements", "mark",
	"inputs", "every", "on_register", "on_select", "on_failure", "on_deregister", "on_tick", "on_upgrade", "tests",
}

// reader reads the returned table. It remembers the first error.
type reader struct {
	program *Program
	table   *vm.LTable
	failed  *Error
}

// read reads the returned table.
func (p *Program) read(t *vm.LTable) *Error {
	r := &reader{program: p, table: t}
	r.names()
	r.number("api", 1, 1, 1)
	r.inputs()
	for i := range hooks {
		r.hook(&hooks[i])
	}
	r.form()
	r.settings()
	r.time()
	p.wants = wantsOf(p)
	for _, in := range join(elementInputs, p.tags) {
		if p.wants.field(in.name) {
			p.shown = append(p.shown, in)
		}
	}
	return r.failed
}

func (r *reader) fail(field, format string, args ...any) {
	if r.failed == nil {
		r.failed = r.program.source.errorf(r.program.analysis.lines[field], format, args...)
	}
}

// names refuses fields that mean nothing.
func (r *reader) names() {
	for k := range fields(r.table) {
		name, ok := k.(vm.LString)
		if !ok {
			r.fail("", "the policy has a field without a name: write name = value")
			return
		}
		if !slices.Contains(knownFields, string(name)) {
			hint := suggest.Sentence(string(name), knownFields)
			if hint == "" {
				hint = " It may have " + strings.Join(knownFields, ", ") + "."
			}
			r.fail(string(name), "the policy has no field %s.%s", quoted(name), hint)
		}
	}
}

// number reads a whole number within bounds.
func (r *reader) number(field string, least, most, otherwise int) int {
	v := r.table.RawGetString(field)
	if v == vm.LNil {
		return otherwise
	}
	n, ok := v.(vm.LNumber)
	if f := float64(n); !ok || f != math.Trunc(f) || f < float64(least) || f > float64(most) {
		if least == most {
			r.fail(field, "%s is %s: this program knows %s = %d", field, quoted(v), field, least)
		} else {
			r.fail(field, "%s is %s: it must be a whole number from %d to %d", field, quoted(v), least, most)
		}
		return otherwise
	}
	return int(n)
}

func (r *reader) inputs() {
	switch list := r.table.RawGetString("inputs").(type) {
	case *vm.LNilType:
	case *vm.LTable:
		for k, v := range fields(list) {
			name, ok := v.(vm.LString)
			if _, position := k.(vm.LNumber); !ok || !position {
				r.fail("inputs", "inputs is a list of tag names, as in { \"site\", \"zone\" }")
				return
			}
			r.tag(string(name))
		}
	default:
		r.fail("inputs", "inputs is %s: it must be a list of tag names", article(list))
	}
}

func (r *reader) tag(name string) {
	for _, in := range join(elementInputs, requestInputs, []input{peInput, reasonInput, poolInput, countInput, oldInput}) {
		if in.name == name {
			r.fail("inputs", "inputs names %s, which is an input anyway: a tag of that name is pe.tags.%s", name, name)
			return
		}
	}
	if len(r.program.tags) == maxInputs {
		r.fail("inputs", "inputs has more than %d names", maxInputs)
		return
	}
	if !identifier(name) {
		r.fail("inputs", "inputs names %s, which can not be a parameter: such a tag is pe.tags[...]", quoted(vm.LString(name)))
		return
	}
	r.program.tags = append(r.program.tags, tagInput(name))
}

func identifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (r *reader) hook(h *hook) {
	v := r.table.RawGetString(h.name)
	if v == vm.LNil {
		return
	}
	f, ok := v.(*vm.LFunction)
	if !ok {
		r.fail(h.name, "%s is %s: it must be a function", h.name, article(v))
		return
	}
	b, e := r.program.bind(h, f)
	if e != nil {
		if r.failed == nil {
			r.failed = e
		}
		return
	}
	r.program.functions[h.id] = b
}

// form finds which of the four forms the policy has.
func (r *reader) form() {
	p := r.program
	var found []string
	for _, h := range []hookID{keyHook, weightHook, affinityHook, selectHook} {
		if p.functions[h] != nil {
			found = append(found, hooks[h].name)
		}
	}
	switch strings.Join(found, " ") {
	case "key":
		p.form = byKey
	case "weight":
		p.form = byWeight
	case "affinity", "weight affinity":
		p.form = byAffinity
	case "select":
		p.form = bySelect
	case "":
		r.fail("", "the policy has none of key, weight, affinity and select: write one, as in key = function(load) return load end")
	default:
		r.fail(found[len(found)-1], "the policy has %s: exactly one of key, weight, affinity and select says how to choose", strings.Join(found, " and "))
	}
}

// settings reads what depends on the form.
func (r *reader) settings() {
	p := r.program
	only := func(field string, ok bool, what string) {
		if !ok && r.table.RawGetString(field) != vm.LNil {
			r.fail(field, "%s is for policies with %s", field, what)
		}
	}
	only("sample", p.form == byKey, "key")
	only("ring", p.form == byAffinity, "affinity")
	only("max_elements", p.form == bySelect, "select")
	only("filter", p.form != bySelect, "key, weight or affinity: select can leave elements out itself")
	only("max_scan", p.functions[filterHook] != nil, "filter")
	p.sample = r.number("sample", 2, maxSample, 0)
	p.maxScan = r.number("max_scan", 1, maxScan, defaultScan)
	p.maxElements = r.number("max_elements", 1, maxElements, defaultCap)
	p.points = defaultRing
	switch ring := r.table.RawGetString("ring").(type) {
	case *vm.LNilType:
	case *vm.LTable:
		inner := &reader{program: p, table: ring}
		for k := range fields(ring) {
			if k != vm.LString("points") {
				r.fail("ring", "ring has no field %s: it has points", quoted(k))
			}
		}
		if p.points = inner.number("points", 1, maxPoints, defaultRing); inner.failed != nil {
			r.fail("ring", "ring.%s", inner.failed.Message)
		}
	default:
		r.fail("ring", "ring is %s: it must be a table, as in { points = %d }", article(ring), defaultRing)
	}
	if r.table.RawGetString("mark") == vm.LString("all") {
		p.mark = engine.All
	} else {
		p.mark = r.number("mark", 0, engine.All, 1)
	}
	if v := r.table.RawGetString("tests"); v != vm.LNil {
		if _, ok := v.(*vm.LTable); !ok {
			r.fail("tests", "tests is %s: it must be a list of cases", article(v))
		}
	}
}

// time reads every, and finds what the functions depend on.
func (r *reader) time() {
	p := r.program
	timed := ""
	for _, b := range p.functions {
		if b == nil {
			continue
		}
		ranks := b.index == keyHook || b.index == weightHook
		if ranks {
			p.inputs |= b.depends()
		}
		for _, in := range b.inputs {
			if in.time {
				timed = in.name
			}
			if ranks {
				p.clock = max(p.clock, in.clock)
			}
		}
	}
	switch v := r.table.RawGetString("every").(type) {
	case *vm.LNilType:
		switch {
		case p.functions[onTick] != nil:
			r.fail("on_tick", `on_tick needs a period, as in every = "30s"`)
		case timed != "":
			r.fail("", `the input %s needs a period, as in every = "30s"`, timed)
		}
	case vm.LString:
		d, err := time.ParseDuration(string(v))
		if err != nil || d < leastEvery || d > 24*time.Hour {
			r.fail("every", `every is %s: it must be a duration from 100 ms to a day, as in "30s"`, quoted(v))
			return
		}
		if p.every = d; p.functions[onTick] == nil && timed == "" && p.clock == engine.NoClock {
			r.fail("every", "every is of no use without on_tick or an input that the time changes: now, since_selected, hour, minute, weekday")
		}
	default:
		r.fail("every", `every is %s: it must be a duration, as in "30s"`, article(v))
	}
}

// wants are the fields of pe that a script looks at.
type wants map[string]bool

func (w wants) field(name string) bool { return w == nil || w[name] }

// wantsOf returns the fields that occur in the file, and nil for all of them.
func wantsOf(p *Program) wants {
	if p.analysis.computed {
		return nil
	}
	w := wants{}
	for _, in := range join(elementInputs, p.tags) {
		if p.analysis.fields[in.name] {
			w[in.name] = true
		}
	}
	for _, name := range []string{"tags", "addresses"} {
		w[name] = p.analysis.fields[name]
	}
	return w
}

// String returns the policy's name and version.
func (p *Program) String() string { return fmt.Sprintf("lua.%s %s", p.name, p.Version()) }
