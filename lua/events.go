package lua

import (
	"maps"
	"slices"
	"time"

	vm "github.com/yuin/gopher-lua"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Registered implements engine.Hooks.
func (i *instance) Registered(m *engine.Member) error {
	i.element(m).registered()
	return i.tell(onRegister, m)
}

// Selected implements engine.Hooks.
func (i *instance) Selected(m *engine.Member) error {
	return i.tell(onSelect, m)
}

// Failed implements engine.Hooks.
func (i *instance) Failed(m *engine.Member, why engine.Reason) error {
	i.present.reason = why
	return i.tell(onFailure, m)
}

// Deregistered implements engine.Hooks. The data of the element dies here.
func (i *instance) Deregistered(m *engine.Member) error {
	err := i.tell(onDeregister, m)
	if e, ok := m.Data.(*element); ok && e.instance == i {
		delete(i.byPE, e.pe)
	}
	m.Data = nil
	return err
}

// tell calls a hook for m if there is one.
func (i *instance) tell(h hookID, m *engine.Member) error {
	b := i.program.functions[h]
	if b == nil {
		return nil
	}
	_, e := i.call(b, m, nil)
	return result(e)
}

// Tick implements engine.Ticker.
func (i *instance) Tick(time.Time) error {
	b := i.program.functions[onTick]
	if b == nil {
		return nil
	}
	if n := i.pool.Len(); n >= maxArray {
		return i.program.source.errorf(b.line, "on_tick is not called for a pool of %d elements, more than %d", n, maxArray-1)
	}
	if _, e := i.ready(); e != nil {
		return e
	}
	i.present.pool = i.poolTable(slices.Collect(i.pool.All()))
	_, e := i.call(b, nil, nil)
	i.present.pool = nil
	return result(e)
}

// Upgrade implements engine.Upgrader. What on_upgrade returns, a table by
// identifier, becomes the data of the elements.
func (i *instance) Upgrade(old map[rserpool.ElementID]any) error {
	b := i.program.functions[onUpgrade]
	if b == nil {
		return nil
	}
	st, e := i.ready()
	if e != nil {
		return e
	}
	table := newTable(len(old))
	for _, id := range slices.Sorted(maps.Keys(old)) {
		before, ok := old[id].(*element)
		if !ok || before.data == nil || before.instance.program.name != i.program.name {
			continue
		}
		// The values belong to another interpreter: copy what is plain.
		plain, err := toGo(before.data, 0)
		if err != nil {
			return i.program.source.errorf(b.line, "on_upgrade: the data of %s can not be carried over: %s", id, err)
		}
		data, err := fromGo(plain, 0)
		if err != nil {
			return i.program.source.errorf(b.line, "on_upgrade: the data of %s can not be carried over: %s", id, err)
		}
		name := id.String()
		if alias, ok := i.names[id]; ok {
			name = alias
		}
		table.RawSetString(name, data)
	}
	i.carried, i.present.old = table, table // so that it counts
	i.scratch = i.scratch[:0]
	for range b.inputs {
		i.scratch = append(i.scratch, table)
	}
	v, e := st.call(st.functions[b.index], i.program.limits.LoadInstructions, i.scratch...)
	i.carried, i.present.old = nil, nil
	if e != nil {
		return e
	}
	switch v := v.(type) {
	case *vm.LNilType:
	case *vm.LTable:
		i.carried = v
	default:
		return i.program.source.errorf(b.line, "on_upgrade returned %s: it must return a table of data by identifier, or nothing", article(v))
	}
	return nil
}

// sharedValues are arguments that belong to a call rather than to an element.
type sharedValues struct {
	pool   *vm.LTable
	old    *vm.LTable
	count  int
	reason engine.Reason
}

// boxed returns a number as the interpreter has it. Small whole ones are shared.
func boxed(x float64) vm.LValue {
	if n := int(x); n >= 0 && n < len(boxes) && float64(n) == x {
		return boxes[n]
	}
	return vm.LNumber(x)
}

var boxes = func() (b [256]vm.LValue) {
	for n := range b {
		b[n] = vm.LNumber(n)
	}
	return b
}()

// asked is the request that the script was last shown.
type asked struct {
	request engine.Request
	table   *vm.LTable
}

// requestTable returns a request as the script sees it.
func (i *instance) requestTable(r *engine.Request) vm.LValue {
	a, q := &i.asked, &i.asked.request
	if a.table != nil && q.Items == r.Items && q.Handle == r.Handle && q.UserAddress == r.UserAddress && maps.Equal(q.Attributes, r.Attributes) {
		return a.table
	}
	*q = *r
	q.Attributes = maps.Clone(r.Attributes)
	attributes := newTable(len(q.Attributes))
	for _, k := range slices.Sorted(maps.Keys(q.Attributes)) {
		attributes.RawSetString(k, vm.LString(q.Attributes[k]))
	}
	t := newTable(4)
	t.RawSetString("handle", vm.LString(r.Handle))
	t.RawSetString("user_address", vm.LString(userAddress(r)))
	t.RawSetString("items", boxed(float64(r.Items)))
	t.RawSetString("attributes", readOnly(attributes))
	a.table = readOnly(t)
	return a.table
}

func userAddress(r *engine.Request) string {
	if !r.UserAddress.IsValid() {
		return ""
	}
	return r.UserAddress.Unmap().String()
}
