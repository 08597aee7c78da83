package lua

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	vm "github.com/yuin/gopher-lua"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Describe implements engine.Policy.
func (p *Program) Describe() engine.Description {
	return engine.Description{
		Name:        p.name,
		Summary:     fmt.Sprintf("%s in Lua, %s", p.form, p.source.file),
		Version:     p.Version(),
		Hash:        p.Hash(),
		Inputs:      p.inputs,
		Mark:        p.mark,
		Guarded:     true, // each call of the interpreter is, and what is compiled can not panic
		Sample:      p.sample,
		MaxScan:     p.maxScan,
		MaxElements: p.maxElements,
		RingPoints:  p.points,
		Every:       p.every,
		Clock:       p.clock,
		Zone:        p.options.Location,
	}
}

// Open implements engine.PerPool. It runs the file again for the pool, unless all
// of the policy is compiled.
func (p *Program) Open(pool *engine.Pool) (engine.Policy, error) {
	if q := p.plain(pool); q != nil {
		return q, nil
	}
	i := newInstance(p, pool)
	if p.interpreted {
		if _, e := i.ready(); e != nil {
			return nil, e
		}
	}
	return i.formed(), nil
}

// instance is a program at work in one pool. One goroutine uses it at a time.
type instance struct {
	program *Program
	pool    *engine.Pool
	random  *rand.Rand // the script's
	log     logger
	names   map[rserpool.ElementID]string // instead of the identifiers, in tests
	purse   *int64                        // of instructions, in tests

	state *state // nil until the interpreter is needed
	last  *Error // the latest fault

	frame   frame       // of the present call
	view    frame       // of pe
	scratch []vm.LValue // arguments
	carried *vm.LTable  // data by identifier, from the version before
	byPE    map[*vm.LTable]*element
	asked   asked
	present sharedValues
}

func newInstance(p *Program, pool *engine.Pool) *instance {
	i := &instance{program: p, pool: pool}
	i.random = rand.New(rand.NewPCG(pool.Rand().Uint64(), pool.Rand().Uint64()))
	i.log = logger{write: p.options.Log, now: pool.Now}
	i.frame = p.newFrame()
	i.frame.instance, i.view.instance = i, i
	return i
}

// newFrame returns a frame that has room for each of the compiled functions.
func (p *Program) newFrame() frame {
	numbers, values := 0, 0
	for _, b := range p.functions {
		if b != nil && b.pure != nil {
			numbers, values = max(numbers, b.pure.numbers), max(values, b.pure.values)
		}
	}
	return frame{numbers: make([]float64, numbers), values: make([]vm.LValue, values)}
}

// Describe implements engine.Policy.
func (i *instance) Describe() engine.Description { return i.program.Describe() }

// ready returns the interpreter, which is made when it is needed first and made
// anew after it broke.
func (i *instance) ready() (*state, *Error) {
	if i.state != nil && !i.state.broken {
		return i.state, nil
	}
	return i.renewed()
}

// renewed makes the interpreter. What the script kept in a former one is gone, and
// the elements are registered with it again.
func (i *instance) renewed() (*state, *Error) {
	again := i.state != nil
	if again {
		i.byPE, i.asked, i.carried = nil, asked{}, nil
		for m := range i.pool.All() {
			if e, ok := m.Data.(*element); ok && e.instance == i {
				e.forget()
			}
		}
	}
	s, e := newState(i.program, i.program.options.Config, i.random, &i.log, i.roots)
	if e != nil {
		return nil, e
	}
	s.meter.purse = i.purse
	if e := s.take(i.program); e != nil {
		return nil, e
	}
	i.state = s
	if again {
		i.registerAll(s)
	}
	return s, nil
}

// registerAll tells a new interpreter of the elements that are there, within the
// budget that loading has.
func (i *instance) registerAll(s *state) {
	b := i.program.functions[onRegister]
	if b == nil {
		return
	}
	outer, budget := s.meter.purse, int64(i.program.limits.LoadInstructions)
	s.meter.purse = &budget
	for m := range i.pool.All() {
		if _, e := i.call(b, m, nil); s.broken || e != nil && budget <= 0 {
			break
		}
	}
	s.meter.purse = outer
}

// take finds the functions of the policy, which have to be those that the program
// knows, and lets go of what only tests need.
func (s *state) take(p *Program) *Error {
	for h, b := range p.functions {
		if b == nil {
			continue
		}
		f, ok := s.policy.RawGetString(b.hook.name).(*vm.LFunction)
		if !ok || f.Proto != b.proto {
			return p.source.errorf(b.line, "%s is another function than when the file was loaded: it must not depend on chance", b.hook.name)
		}
		s.functions[h] = f
	}
	s.policy.RawSetString("tests", vm.LNil)
	return nil
}

// roots are the tables that the instance keeps for the script.
func (i *instance) roots(add func(vm.LValue)) {
	for m := range i.pool.All() {
		if e, ok := m.Data.(*element); ok && e.instance == i && e.data != nil {
			add(e.data)
		}
	}
	if i.carried != nil {
		add(i.carried)
	}
}

// element returns what the instance keeps for m.
func (i *instance) element(m *engine.Member) *element {
	if e, ok := m.Data.(*element); ok && e.instance == i {
		return e
	}
	e := &element{member: m, instance: i}
	m.Data = e
	if i.carried != nil {
		key := i.id(m)
		if t, ok := i.carried.RawGetString(key).(*vm.LTable); ok {
			e.data = t
			i.carried.RawSetString(key, vm.LNil)
		}
	}
	return e
}

// id returns the identifier of m as the script knows it.
func (i *instance) id(m *engine.Member) string {
	if name, ok := i.names[m.Element.ID]; ok {
		return name
	}
	return m.Element.ID.String()
}

func (i *instance) local() time.Time { return i.pool.Now().In(i.program.options.Location) }

// call runs a function of the policy in the interpreter.
func (i *instance) call(b *bound, m *engine.Member, r *engine.Request) (vm.LValue, *Error) {
	st, e := i.ready()
	if e != nil {
		return nil, e
	}
	i.frame.member, i.frame.request = m, r
	i.scratch = i.scratch[:0]
	for n := range b.inputs {
		i.scratch = append(i.scratch, argument(&b.inputs[n], &i.frame))
	}
	i.frame.request = nil
	return st.call(st.functions[b.index], i.program.limits.Instructions, i.scratch...)
}

func argument(in *input, f *frame) vm.LValue {
	if in.number != nil {
		return boxed(in.number(f))
	}
	return in.value(f)
}

// number returns what key or weight says of m, and NaN in a fault.
func (i *instance) number(b *bound, m *engine.Member) float64 {
	if b.pure != nil {
		i.frame.member = m
		x := b.pure.run(&i.frame)
		switch {
		case i.frame.gaveUp:
			i.frame.gaveUp = false
		case x-x == 0 && (b.form == byKey || x >= 0):
			return x
		default:
			return i.fail(i.program.badResult(b, vm.LNumber(x)))
		}
	}
	st, e := i.ready()
	if e != nil {
		return i.fail(e)
	}
	i.frame.member = m
	args := i.element(m).argumentsOf(b)
	v, e := st.call(st.functions[b.index], i.program.limits.Instructions, args...)
	if e != nil {
		return i.fail(e)
	}
	if x, ok := v.(vm.LNumber); ok && x-x == 0 && (b.form == byKey || x >= 0) {
		return float64(x)
	}
	return i.fail(i.program.badResult(b, v))
}

// badResult says what is wrong with what key or weight returned.
func (p *Program) badResult(b *bound, v vm.LValue) *Error {
	got := article(v)
	if n, ok := v.(vm.LNumber); ok {
		got = numberText(float64(n))
	}
	if b.form == byKey {
		return p.source.errorf(b.line, "%s returned %s: it must return a finite number", b.hook.name, got)
	}
	return p.source.errorf(b.line, "%s returned %s: it must return a finite number, zero or more", b.hook.name, got)
}

func (i *instance) fail(e *Error) float64 {
	i.last = e
	return math.NaN()
}

// Fault implements engine.Faulter.
func (i *instance) Fault() error {
	if i.last == nil {
		return errors.New("the policy failed without a reason")
	}
	return i.last
}

// result returns e as an error, which is nil where e is.
func result(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}
