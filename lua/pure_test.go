package lua

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"

	vm "github.com/yuin/gopher-lua"
)

// author writes random functions, of which most are pure. Choices come from the
// bytes of a fuzz input.
type author struct {
	choices []byte
	locals  []string // of numbers
	depth   int
	b       strings.Builder
}

func (a *author) choose(n int) int {
	if len(a.choices) == 0 {
		return 0
	}
	c := int(a.choices[0])
	a.choices = a.choices[1:]
	return c % n
}

func (a *author) pick(words ...string) string { return words[a.choose(len(words))] }

var numbers = []string{"load", "degradation", "selections", "weight", "priority", "pool_size", "ceiling", "config.boost"}

func (a *author) number() string {
	a.depth++
	defer func() { a.depth-- }()
	if a.depth > 6 {
		return a.pick("load", "1", "0.5")
	}
	switch a.choose(16) {
	case 0, 1:
		return a.pick(numbers...)
	case 2:
		return a.pick("0", "1", "2", "0.5", "0.1", "3", "1e300", "1e-300", "0x10", "255", "012", ".5", "7e0")
	case 3:
		if len(a.locals) > 0 {
			return a.pick(a.locals...)
		}
		return "load"
	case 4, 5, 6, 7:
		return "(" + a.number() + " " + a.pick("+", "-", "*", "/", "%", "^") + " " + a.number() + ")"
	case 8:
		return a.number() + a.pick(" + ", " - ", " * ", " / ") + a.number()
	case 9:
		return "-" + a.pick(numbers...)
	case 10:
		return a.pick("math.min", "math.max", "least") + "(" + a.number() + ", " + a.number() + ")"
	case 11:
		return a.pick("math.min", "math.max") + "(" + a.number() + ", " + a.number() + ", " + a.number() + ")"
	case 12:
		return "math." + a.pick("floor", "ceil", "abs", "sqrt", "exp", "log", "sin", "rad", "deg") + "(" + a.number() + ")"
	case 13:
		return "(" + a.condition() + " and " + a.number() + " or " + a.number() + ")"
	case 14:
		return a.pick("(speed or 1)", "speed", "(site or 2)", "(flag and 1 or 0)", "math.huge", "math.pi", "(site == 'small' and 3 or load)")
	default:
		return "-(" + a.number() + ")"
	}
}

func (a *author) condition() string {
	a.depth++
	defer func() { a.depth-- }()
	if a.depth > 6 {
		return a.pick("load > 0.5", "true", "false")
	}
	switch a.choose(10) {
	case 0, 1, 2, 3:
		return a.number() + a.pick(" < ", " <= ", " > ", " >= ", " == ", " ~= ") + a.number()
	case 4:
		return "(" + a.condition() + a.pick(" and ", " or ") + a.condition() + ")"
	case 5:
		return "not " + "(" + a.condition() + ")"
	case 6:
		return a.pick("site == 'small'", "site ~= 'big'", "'small' == site", "site == nil", "flag", "speed", "flag == true", "site == speed", "speed == 4", "not site")
	case 7:
		return a.pick("true", "false", "nil", "1", "'text'")
	case 8:
		return "(" + a.condition() + ") == (" + a.condition() + ")"
	default:
		return a.number()
	}
}

func (a *author) block(level int) {
	outer := len(a.locals)
	for range a.choose(4) {
		a.statement(level)
	}
	if a.choose(3) == 0 {
		fmt.Fprintf(&a.b, "do return %s end\n", a.number())
	}
	a.locals = a.locals[:outer]
}

func (a *author) statement(level int) {
	if a.b.Len() > 4000 || level > 4 {
		return
	}
	switch a.choose(6) {
	case 0, 1:
		name := fmt.Sprintf("x%d", len(a.locals))
		fmt.Fprintf(&a.b, "local %s = %s\n", name, a.number())
		a.locals = append(a.locals, name)
	case 2:
		if len(a.locals) > 0 {
			fmt.Fprintf(&a.b, "%s = %s\n", a.pick(a.locals...), a.number())
		}
	case 3:
		fmt.Fprintf(&a.b, "if %s then\n", a.condition())
		a.block(level + 1)
		if a.choose(2) == 0 {
			fmt.Fprintf(&a.b, "elseif %s then\n", a.condition())
			a.block(level + 1)
		}
		if a.choose(2) == 0 {
			a.b.WriteString("else\n")
			a.block(level + 1)
		}
		a.b.WriteString("end\n")
	case 4:
		name := fmt.Sprintf("x%d", len(a.locals))
		fmt.Fprintf(&a.b, "local %s\nif %s then %s = %s end\n", name, a.condition(), name, a.number())
		a.locals = append(a.locals, name)
	default:
		fmt.Fprintf(&a.b, "local truth = %s\nif truth then return %s end\n", a.pick("load > 0.5", "not flag", "(load > degradation or flag == true)"), a.number())
	}
}

func (a *author) policy() string {
	a.b.WriteString("local ceiling = config.ceiling or 0.8\nlocal least = math.min\nreturn { inputs = { 'site', 'speed', 'flag' }, key = function(load, degradation, selections, weight, priority, pool_size, site, speed, flag)\n")
	for range 1 + a.choose(5) {
		a.statement(0)
	}
	fmt.Fprintf(&a.b, "return %s\nend }\n", a.number())
	return a.b.String()
}

// subjects are the elements that random functions are tried on.
var subjects = func() (all []rserpool.Element) {
	for _, tags := range []rserpool.Tags{nil, {"site": "small", "speed": 4.0, "flag": true}, {"site": "big", "speed": "fast", "flag": false}, {"site": 2.0, "speed": -1.5}} {
		for _, load := range []rserpool.Load{0, 0x20000000, 0x80000001, 0xffffffff} {
			all = append(all, rserpool.Element{Tags: tags, Policy: rserpool.Policy{
				Type: rserpool.WeightedRandom, Load: load, Degradation: load / 7, Weight: uint32(load) >> 28, Priority: uint32(load) % 11,
			}})
		}
	}
	return all
}()

// filter writes a filter by the same means, which looks at pe and request.
func (a *author) filter() string {
	condition := a.condition()
	condition = inputNames.ReplaceAllString(condition, "pe.$1")
	condition = strings.ReplaceAll(condition, "pe.flag", "pe.tags.flag")
	condition = strings.ReplaceAll(condition, "'small'", "request.attributes.site")
	return "local ceiling = config.ceiling or 0.8\nlocal least = math.min\nreturn { inputs = { 'site', 'speed', 'flag' }, key = function(load) return load end, filter = function(pe, request)\nreturn " + condition + "\nend }\n"
}

var inputNames = regexp.MustCompile(`\b(load|degradation|selections|weight|priority|pool_size|site|speed|flag)\b`)

// agreeFilter compares a compiled filter with the interpreter's.
func agreeFilter(t *testing.T, text string) (compiled bool) {
	t.Helper()
	p, err := Load("test", text, Options{Config: map[string]any{"boost": 1.5}})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b := p.functions[filterHook]
	if b.pure == nil {
		return false
	}
	o := &opened{Program: p}
	_, members := selectorOf(t, o, subjects...)
	for _, q := range []*engine.Request{
		{Items: 2, Handle: "pool"},
		{Items: 1, Handle: "pool", Attributes: map[string]string{"site": "small"}},
	} {
		for _, m := range members {
			i := o.instance
			i.frame.member, i.frame.request, i.frame.gaveUp = m, q, false
			got := b.pure.run(&i.frame)
			if i.frame.gaveUp {
				continue
			}
			v, e := i.call(b, m, q)
			if e != nil || vm.LVAsBool(v) != (got != 0) {
				t.Fatalf("compiled %v, interpreted %v %v for %s\n%s", got != 0, v, e, m.Element, text)
			}
		}
	}
	return true
}

// agree compares the compiled key with the interpreter's on all elements. It
// reports whether the key is compiled and how often it gave up.
func agree(t *testing.T, text string) (compiled bool, gaveUp int) {
	t.Helper()
	p, err := Load("test", text, Options{Config: map[string]any{"boost": 1.5}})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b := p.functions[keyHook]
	if b.pure == nil {
		return false, 0
	}
	o := &opened{Program: p}
	s, members := selectorOf(t, o, subjects...)
	for i := range 40 {
		s.Select(&engine.Request{Items: 1 + i%3, Now: noon}, nil)
	}
	for _, m := range members {
		i := o.instance
		i.frame.member, i.frame.gaveUp = m, false
		got := b.pure.run(&i.frame)
		if i.frame.gaveUp {
			gaveUp++
			continue
		}
		v, e := i.call(b, m, nil)
		if e != nil {
			t.Fatalf("compiled %v, interpreted %v\n%s", got, e, text)
		}
		want, ok := v.(vm.LNumber)
		if !ok || math.Float64bits(float64(want)) != math.Float64bits(got) && !(want != want && got != got) {
			t.Fatalf("compiled %v (%x), interpreted %v (%x) for %s\n%s", got, math.Float64bits(got), v, math.Float64bits(float64(want)), m.Element, text)
		}
	}
	return true, gaveUp
}

// TestCompiledFunctionsAgreeWithTheInterpreter is the fuzz test with fixed seeds. It
// fails as well where the author writes little that is compiled.
func TestCompiledFunctionsAgreeWithTheInterpreter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	compiled, filters, calls, gaveUp := 0, 0, 0, 0
	const n = 600
	for range n {
		choices := make([]byte, 20+r.IntN(300))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		if agreeFilter(t, (&author{choices: choices}).filter()) {
			filters++
		}
		ok, times := agree(t, (&author{choices: choices}).policy())
		if ok {
			compiled++
			calls += len(subjects)
			gaveUp += times
		}
	}
	t.Logf("%d keys and %d filters of %d compiled; gave up in %d of %d calls", compiled, filters, n, gaveUp, calls)
	if compiled < n/2 || filters < n/2 || gaveUp > calls/2 {
		t.Error("too few functions were compared")
	}
}

func FuzzCompiledFunctionsAgreeWithTheInterpreter(f *testing.F) {
	f.Add([]byte("a rule for choosing among the elements of a pool"))
	f.Add([]byte{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5})
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 2000 {
			return
		}
		agree(t, (&author{choices: choices}).policy())
		agreeFilter(t, (&author{choices: choices}).filter())
	})
}
