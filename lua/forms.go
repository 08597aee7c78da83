package lua

import (
	"math"

	vm "github.com/yuin/gopher-lua"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// String names the function that the form goes by.
func (f form) String() string { return [...]string{"key", "weight", "affinity", "select"}[f] }

// hook returns the function that the form goes by.
func (f form) hook() hookID { return [...]hookID{keyHook, weightHook, affinityHook, selectHook}[f] }

// The forms of an instance. A filter is another type, since the engine asks the
// type whether there is one.
type (
	ranked         struct{ *instance }
	drawn          struct{ *instance }
	affine         struct{ *instance }
	chooser        struct{ *instance }
	rankedFiltered struct{ ranked }
	drawnFiltered  struct{ drawn }
	affineFiltered struct{ affine }
)

// formed returns the instance in its form.
func (i *instance) formed() engine.Policy {
	filtered := i.program.functions[filterHook] != nil
	switch i.program.form {
	case byKey:
		if filtered {
			return rankedFiltered{ranked{i}}
		}
		return ranked{i}
	case byWeight:
		if filtered {
			return drawnFiltered{drawn{i}}
		}
		return drawn{i}
	case byAffinity:
		if filtered {
			return affineFiltered{affine{i}}
		}
		return affine{i}
	}
	return chooser{i}
}

// Key implements engine.Ranked.
func (r ranked) Key(m *engine.Member) float64 { return r.number(r.program.functions[keyHook], m) }

// Weight implements engine.Drawn.
func (d drawn) Weight(m *engine.Member) float64 { return d.number(d.program.functions[weightHook], m) }

// Weight gives members their shares of the ring.
func (a affine) Weight(m *engine.Member) float64 {
	b := a.program.functions[weightHook]
	if b == nil {
		return 1
	}
	return a.number(b, m)
}

// Affinity implements engine.Affine.
func (a affine) Affinity(r *engine.Request) (uint64, error) {
	b := a.program.functions[affinityHook]
	v, e := a.call(b, nil, r)
	if e != nil {
		return 0, e
	}
	switch v := v.(type) {
	case vm.LString:
		return engine.Hash(string(v)), nil
	case vm.LNumber:
		if v-v == 0 {
			return engine.Hash(numberText(float64(v))), nil
		}
	}
	return 0, a.program.source.errorf(b.line, "affinity returned %s: it must return a string or a finite number", described(v))
}

// Admit implements engine.Filter.
func (r rankedFiltered) Admit(m *engine.Member, q *engine.Request) (bool, error) {
	return r.admit(m, q)
}

// Admit implements engine.Filter.
func (d drawnFiltered) Admit(m *engine.Member, q *engine.Request) (bool, error) { return d.admit(m, q) }

// Admit implements engine.Filter.
func (a affineFiltered) Admit(m *engine.Member, q *engine.Request) (bool, error) {
	return a.admit(m, q)
}

func (i *instance) admit(m *engine.Member, q *engine.Request) (bool, error) {
	b := i.program.functions[filterHook]
	if b.pure != nil {
		i.frame.member, i.frame.request = m, q
		x := b.pure.run(&i.frame)
		i.frame.request = nil
		if !i.frame.gaveUp {
			return x != 0, nil
		}
		i.frame.gaveUp = false
	}
	v, e := i.call(b, m, q)
	if e != nil {
		return false, e
	}
	return vm.LVAsBool(v), nil
}

// Choose implements engine.Chooser.
func (c chooser) Choose(members []*engine.Member, r *engine.Request, dst []*engine.Member) ([]*engine.Member, error) {
	b := c.program.functions[selectHook]
	if _, e := c.ready(); e != nil {
		return dst, e
	}
	c.present.pool = c.poolTable(members)
	c.present.count = r.Items
	v, e := c.call(b, nil, r)
	c.present.pool = nil
	if e != nil {
		return dst, e
	}
	list, ok := v.(*vm.LTable)
	if !ok {
		return dst, c.program.source.errorf(b.line, "select returned %s: it must return a list of elements or of their identifiers", described(v))
	}
	n := list.Len()
	if n > len(members) {
		return dst, c.program.source.errorf(b.line, "select returned %d elements of a pool of %d", n, len(members))
	}
	var ids map[string]*engine.Member
	for k := 1; k <= min(n, r.Items); k++ {
		switch chosen := list.RawGetInt(k).(type) {
		case *vm.LTable:
			if e := c.byPE[chosen]; e != nil {
				dst = append(dst, e.member)
				continue
			}
		case vm.LString:
			if ids == nil {
				ids = make(map[string]*engine.Member, len(members))
				for _, m := range members {
					ids[c.id(m)] = m
				}
			}
			if m := ids[string(chosen)]; m != nil {
				dst = append(dst, m)
				continue
			}
		}
		return dst, c.program.source.errorf(b.line, "select returned %s, which is no element of the pool", described(list.RawGetInt(k)))
	}
	return dst, nil
}

func described(v vm.LValue) string {
	switch v.(type) {
	case vm.LString, vm.LNumber, vm.LBool:
		return quoted(v)
	}
	return article(v)
}

// poolTable returns the elements as a list of the script's own.
func (i *instance) poolTable(members []*engine.Member) *vm.LTable {
	t := i.state.vm.CreateTable(len(members), 0)
	for _, m := range members {
		t.Append(i.element(m).peTable())
	}
	return t
}

// plain is a policy all of which is compiled, and which needs nothing but the
// values of a member: it has no interpreter, no hooks and keeps no elements.
type plain struct {
	run     number
	frame   frame
	program *Program
	bound   *bound
	last    *Error
}

type (
	plainRanked struct{ plain }
	plainDrawn  struct{ plain }
)

// plain returns the policy in this form if it has it.
func (p *Program) plain(pool *engine.Pool) engine.Policy {
	if !p.simple {
		return nil
	}
	b := p.functions[p.form.hook()]
	q := plain{run: b.pure.run, frame: p.newFrame(), program: p, bound: b}
	q.frame.instance = &instance{program: p, pool: pool}
	if p.form == byKey {
		return &plainRanked{q}
	}
	return &plainDrawn{q}
}

// Describe implements engine.Policy.
func (q *plain) Describe() engine.Description { return q.program.Describe() }

// Fault implements engine.Faulter.
func (q *plain) Fault() error { return result(q.last) }

// Key implements engine.Ranked.
func (q *plainRanked) Key(m *engine.Member) float64 {
	q.frame.member = m
	x := q.run(&q.frame)
	if x-x == 0 && !q.frame.gaveUp {
		return x
	}
	return q.bad(x)
}

// Weight implements engine.Drawn.
func (q *plainDrawn) Weight(m *engine.Member) float64 {
	q.frame.member = m
	x := q.run(&q.frame)
	if x-x == 0 && x >= 0 && !q.frame.gaveUp {
		return x
	}
	return q.bad(x)
}

// bad notes the fault. A function of numbers gives up only where it returns
// nothing.
func (q *plain) bad(x float64) float64 {
	var v vm.LValue = vm.LNumber(x)
	if q.frame.gaveUp {
		v = vm.LNil
	}
	q.frame.gaveUp = false
	q.last = q.program.badResult(q.bound, v)
	return math.NaN()
}

func hasWeight(t rserpool.PolicyType) bool {
	fields, _ := t.Fields()
	for _, f := range fields {
		if f == rserpool.FieldWeight {
			return true
		}
	}
	return false
}
