package lua

import (
	"fmt"
	"strings"
	"time"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/suggest"
)

// input is a value that functions of a policy ask for by the name of a parameter.
type input struct {
	name string
	// number reads one that is always a number, value any other.
	number number
	value  value
	table  bool // value is a table
	fixed  bool // stays from one registration to the next
	time   bool // needs every
	clock  engine.Clock
	// depends is what else makes it change, for the engine.
	depends engine.Inputs
	summary string
}

// elementInputs describe an element. They are the fields of pe as well.
var elementInputs = []input{
	{name: "id", fixed: true, value: func(f *frame) vm.LValue { return vm.LString(f.instance.id(f.member)) },
		summary: "string, eight hex digits with 0x"},
	{name: "load", fixed: true, number: func(f *frame) float64 { return f.member.Element.Policy.Load.Float64() },
		summary: "registered load, 0 to 1"},
	{name: "degradation", fixed: true, number: func(f *frame) float64 { return f.member.Element.Policy.Degradation.Float64() },
		summary: "load that one more selection adds, 0 to 1"},
	{name: "weight", fixed: true, number: weightOf,
		summary: "registered weight, 1 where the element's wire policy has none"},
	{name: "priority", fixed: true, number: func(f *frame) float64 { return float64(f.member.Element.Policy.Priority) },
		summary: "registered priority"},
	{name: "distance", fixed: true, number: func(f *frame) float64 { return float64(f.member.Element.Policy.Distance) },
		summary: "distance in milliseconds"},
	{name: "weight_dpf", fixed: true, number: func(f *frame) float64 { return f.member.Element.Policy.WeightDPF.Float64() },
		summary: "share of the weight lost with each millisecond of distance"},
	{name: "load_dpf", fixed: true, number: func(f *frame) float64 { return f.member.Element.Policy.LoadDPF.Float64() },
		summary: "load added with each millisecond of distance"},
	{name: "address", fixed: true, value: addressOf,
		summary: "first registered address, a string without port"},
	{name: "transport", fixed: true, value: func(f *frame) vm.LValue {
		return vm.LString(f.member.Element.UserTransport.Protocol.String())
	}, summary: `"sctp", "tcp", "udp" ...`},

	{name: "selections", depends: engine.Selections, number: func(f *frame) float64 { return float64(f.member.Selections()) },
		summary: "times marked since the last registration or re-registration"},
	{name: "selections_total", depends: engine.Selections, number: func(f *frame) float64 { return float64(f.member.SelectionsTotal()) },
		summary: "times marked since the first registration"},
	{name: "failures", depends: engine.Failures, number: func(f *frame) float64 { return float64(f.member.Failures()) },
		summary: "failures since the first registration"},
	{name: "last_failure", depends: engine.Failures, number: func(f *frame) float64 { return unix(f.member.LastFailure()) },
		summary: "Unix seconds of the last failure, 0 where there was none"},

	{name: "pool_size", depends: engine.Membership, number: func(f *frame) float64 { return float64(f.instance.pool.Len()) },
		summary: "number of elements in the pool"},
	{name: "pool_load", depends: engine.Membership, number: func(f *frame) float64 { return f.instance.pool.Load() },
		summary: "arithmetic mean of the loads in the pool"},

	{name: "now", depends: engine.Time, time: true, number: func(f *frame) float64 { return unix(f.instance.pool.Now()) },
		summary: "Unix seconds, as of the last period of every"},
	{name: "since_selected", depends: engine.Time, time: true, number: func(f *frame) float64 { return max(f.instance.pool.Now().Sub(f.member.Since()).Seconds(), 0) },
		summary: "seconds since the element was last marked, or since its registration"},
	{name: "hour", depends: engine.Time, clock: engine.Hour, number: func(f *frame) float64 { return float64(f.instance.local().Hour()) },
		summary: "hour in the policy's timezone"},
	{name: "minute", depends: engine.Time, clock: engine.Minute, number: func(f *frame) float64 { return float64(f.instance.local().Minute()) },
		summary: "minute in the policy's timezone"},
	{name: "weekday", depends: engine.Time, clock: engine.Weekday, number: func(f *frame) float64 { return float64((f.instance.local().Weekday()+6)%7 + 1) },
		summary: "1 for Monday to 7 for Sunday"},

	{name: "data", depends: engine.State, table: true, value: func(f *frame) vm.LValue { return f.element().dataTable() },
		summary: "the element's own table, kept by hooks"},
}

// requestInputs describe who asks for what.
var requestInputs = []input{
	{name: "user_address", value: func(f *frame) vm.LValue { return vm.LString(userAddress(f.request)) },
		summary: "address of the pool user, a string without port"},
	{name: "handle", value: func(f *frame) vm.LValue { return vm.LString(f.request.Handle) },
		summary: "the pool handle"},
	{name: "request", table: true, value: func(f *frame) vm.LValue { return f.instance.requestTable(f.request) },
		summary: "table with handle, user_address, items and attributes"},
}

// requestFields are the fields of request that are plain values.
var requestFields = append([]input{
	{name: "items", number: func(f *frame) float64 { return float64(f.request.Items) }},
}, requestInputs[:2]...)

// Inputs of single hooks.
var (
	peInput = input{name: "pe", table: true, value: func(f *frame) vm.LValue { return f.element().peTable() },
		summary: "the element, a read-only table of its inputs with addresses, tags and data"}
	reasonInput = input{name: "reason", value: func(f *frame) vm.LValue { return vm.LString(f.instance.present.reason.String()) },
		summary: `"unreachable", "keepalive", "association" or "expired"`}
	poolInput = input{name: "pool", table: true, value: func(f *frame) vm.LValue { return f.instance.present.pool },
		summary: "list of all elements in order of registration"}
	countInput = input{name: "n", number: func(f *frame) float64 { return float64(f.instance.present.count) },
		summary: "number of elements asked for"}
	oldInput = input{name: "old", table: true, value: func(f *frame) vm.LValue { return f.instance.present.old },
		summary: "data of the previous version by element identifier"}
)

func weightOf(f *frame) float64 {
	p := &f.member.Element.Policy
	if p.Weight == 0 && !hasWeight(p.Type) {
		return 1
	}
	return float64(p.Weight)
}

func addressOf(f *frame) vm.LValue {
	for _, a := range f.member.Element.UserTransport.Addresses {
		return vm.LString(a.Unmap().String())
	}
	return vm.LString("")
}

// unix returns t in Unix seconds with a fraction, and 0 for the zero time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix()) + float64(t.Nanosecond())/1e9
}

// tagInput is the input of a tag that the policy declares.
func tagInput(name string) input {
	return input{name: name, fixed: true, value: func(f *frame) vm.LValue { return f.element().tag(name) },
		summary: "tag of the element; nil where it has none"}
}

// hookID tells the functions of a policy apart.
type hookID int

const (
	keyHook hookID = iota
	weightHook
	affinityHook
	selectHook
	filterHook
	onRegister
	onSelect
	onFailure
	onDeregister
	onTick
	onUpgrade
	hookCount
)

// hook is a field of the policy that holds a function.
type hook struct {
	id      hookID
	name    string
	summary string
	allowed func(tags []input) []input
}

func elementOnly(tags []input) []input { return join(elementInputs, tags) }

func join(lists ...[]input) []input {
	var all []input
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func these(ins ...input) func([]input) []input {
	return func([]input) []input { return ins }
}

// hooks are the functions that a policy may have.
var hooks = []hook{
	{keyHook, "key", "what an element is worth: the smallest goes first", elementOnly},
	{weightHook, "weight", "the share of draws that an element gets", elementOnly},
	{affinityHook, "affinity", "what a request is hashed by", func([]input) []input { return requestInputs }},
	{selectHook, "select", "the chosen elements of a small pool", func([]input) []input { return append([]input{poolInput, countInput}, requestInputs...) }},
	{filterHook, "filter", "whether an element may serve a request", func(tags []input) []input {
		return join([]input{peInput}, requestInputs, elementInputs, tags)
	}},
	{onRegister, "on_register", "after a registration or re-registration", these(peInput)},
	{onSelect, "on_select", "after each selection that is marked", these(peInput)},
	{onFailure, "on_failure", "after a failure", these(peInput, reasonInput)},
	{onDeregister, "on_deregister", "after the element left", these(peInput)},
	{onTick, "on_tick", "each period of every", these(poolInput)},
	{onUpgrade, "on_upgrade", "after a reload, with the data of the version before", these(oldInput)},
}

// bound is a hook's function with its parameters bound.
type bound struct {
	hook     *hook
	form     form // byKey where any finite number is a result
	index    hookID
	proto    *vm.FunctionProto
	line     int
	inputs   []input
	changing []int // inputs that change between registrations
	pure     *pure
	reason   *obstacle // why it is not compiled
}

// bind finds the inputs of f's parameters.
func (p *Program) bind(h *hook, f *vm.LFunction) (*bound, *Error) {
	b := &bound{hook: h, index: h.id, proto: f.Proto}
	if h.name != "key" {
		b.form = byWeight
	}
	if f.IsG {
		return nil, p.source.errorf(p.analysis.lines[h.name], "%s is a function of the library: write a function whose parameters say what it needs", h.name)
	}
	b.line = f.Proto.LineDefined
	if f.Proto.IsVarArg != 0 {
		return nil, p.source.errorf(b.line, "%s has the parameter ...: name what it needs", h.name)
	}
	allowed := h.allowed(p.tags)
	for _, local := range f.Proto.DbgLocals[:f.Proto.NumParameters] {
		in, e := p.input(h, allowed, local.Name, b.line)
		if e != nil {
			return nil, e
		}
		for _, other := range b.inputs {
			if other.name == in.name {
				return nil, p.source.errorf(b.line, "%s has the parameter %s twice", h.name, in.name)
			}
		}
		if !in.fixed {
			b.changing = append(b.changing, len(b.inputs))
		}
		b.inputs = append(b.inputs, in)
	}
	if e := p.checkFields(b); e != nil {
		return nil, e
	}
	return b, nil
}

func (p *Program) input(h *hook, allowed []input, name string, line int) (input, *Error) {
	names := make([]string, len(allowed))
	for i, in := range allowed {
		if in.name == name {
			return in, nil
		}
		names[i] = in.name
	}
	for _, other := range join(elementInputs, requestInputs, []input{peInput, reasonInput, poolInput, countInput, oldInput}, p.tags) {
		if other.name == name {
			return input{}, p.source.errorf(line, "%s can not have the parameter %s: it may have %s", h.name, name, strings.Join(names, ", "))
		}
	}
	hint := suggest.Sentence(name, names)
	if hint == "" {
		hint = fmt.Sprintf(" A tag must be named in inputs = { %q }.", name)
	}
	return input{}, p.source.errorf(line, "%s has the parameter %s, which is no input.%s", h.name, name, hint)
}

// depends is what the functions make the engine watch.
func (b *bound) depends() engine.Inputs {
	var all engine.Inputs
	for _, in := range b.inputs {
		all |= in.depends
	}
	return all
}
