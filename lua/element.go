package lua

import (
	"maps"
	"slices"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/engine"
)

// element is what an instance keeps for a member: its values as the interpreter
// has them, and the script's own table.
type element struct {
	member   *engine.Member
	instance *instance

	// arguments of key or weight. Those that stay until the next registration
	// are made once.
	arguments []vm.LValue

	tags   map[string]vm.LValue
	data   *vm.LTable
	pe     *vm.LTable // read-only, showing fields
	fields *vm.LTable
	shown  []float64 // numbers in fields, in the order of Program.shown
}

// registered takes over the registered values.
func (e *element) registered() {
	e.arguments, e.tags = nil, nil
	if e.fields != nil {
		e.fill()
	}
}

// tag returns the value of a tag, nil where the element has none.
func (e *element) tag(name string) vm.LValue {
	if e.tags == nil {
		e.tags = make(map[string]vm.LValue, len(e.member.Tags))
		for k, v := range e.member.Tags {
			if value, err := fromGo(v, maxConfig); err == nil {
				e.tags[k] = value
			}
		}
	}
	if v, ok := e.tags[name]; ok {
		return v
	}
	return vm.LNil
}

// dataTable returns the script's own table for the element.
func (e *element) dataTable() *vm.LTable {
	if e.data == nil {
		e.data = newTable(4) // without room, its first field makes room for 32
	}
	return e.data
}

// argumentsOf returns the arguments of key or weight, for which the instance's frame
// is set.
func (e *element) argumentsOf(b *bound) []vm.LValue {
	f := &e.instance.frame
	if e.arguments == nil {
		e.arguments = make([]vm.LValue, len(b.inputs))
		for n := range b.inputs {
			e.arguments[n] = argument(&b.inputs[n], f)
		}
		return e.arguments
	}
	for _, n := range b.changing {
		e.arguments[n] = argument(&b.inputs[n], f)
	}
	return e.arguments
}

// peTable returns the element as scripts see it, with what has changed.
func (e *element) peTable() *vm.LTable {
	i := e.instance
	if e.pe == nil {
		e.fields = newTable(len(i.program.shown) + 4)
		e.pe = readOnly(e.fields)
		e.fill()
		if i.byPE == nil {
			i.byPE = map[*vm.LTable]*element{}
		}
		i.byPE[e.pe] = e
		return e.pe
	}
	i.view.member = e.member
	for n := range i.program.shown {
		in := &i.program.shown[n]
		if in.fixed || in.number == nil {
			continue
		}
		if x := in.number(&i.view); x != e.shown[n] {
			e.shown[n] = x
			e.fields.RawSetString(in.name, boxed(x))
		}
	}
	return e.pe
}

// fill sets all fields of pe that the script looks at.
func (e *element) fill() {
	i := e.instance
	i.view.member = e.member
	if e.shown == nil {
		e.shown = make([]float64, len(i.program.shown))
	}
	for n := range i.program.shown {
		in := &i.program.shown[n]
		if in.number != nil {
			e.shown[n] = in.number(&i.view)
			e.fields.RawSetString(in.name, boxed(e.shown[n]))
		} else {
			e.fields.RawSetString(in.name, in.value(&i.view))
		}
	}
	if i.program.wants.field("addresses") {
		list := newTable(0)
		for _, a := range e.member.Element.UserTransport.Addresses {
			list.Append(vm.LString(a.Unmap().String()))
		}
		e.fields.RawSetString("addresses", readOnly(list))
	}
	if i.program.wants.field("tags") {
		e.tag("")
		tags := newTable(len(e.tags))
		for _, k := range slices.Sorted(maps.Keys(e.tags)) {
			tags.RawSetString(k, e.tags[k])
		}
		e.fields.RawSetString("tags", readOnly(tags))
	}
}

// forget drops what belonged to a state that broke.
func (e *element) forget() { e.arguments, e.data, e.pe, e.fields, e.shown = nil, nil, nil, nil, nil }
