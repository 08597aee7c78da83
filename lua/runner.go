package lua

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	vm "github.com/yuin/gopher-lua"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// TestOptions say how tests are run.
type TestOptions struct {
	// Seed is where chance begins. If zero, 1.
	Seed uint64
	// Expired reports whether the time for all the tests is over; it is asked
	// now and then. If nil, there is time enough.
	Expired func() bool
}

// Result is the outcome of one test case.
type Result struct {
	Name    string   `json:"name"`
	Failure string   `json:"failure,omitempty"` // "" where it passed
	Log     []string `json:"log,omitempty"`
}

// Suite is the outcome of all tests of a file.
type Suite struct {
	Name    string   `json:"name"` // the file
	Seed    uint64   `json:"seed"`
	Results []Result `json:"results"`
}

// Failed returns how many cases failed.
func (s *Suite) Failed() int {
	n := 0
	for _, r := range s.Results {
		if r.Failure != "" {
			n++
		}
	}
	return n
}

// Test runs the tests in the policy's file. The error says that they can not be
// run.
func (p *Program) Test(o TestOptions) (*Suite, error) {
	s, e := newState(p, p.options.Config, rand.New(rand.NewPCG(0, 0)), nil, nil)
	if e != nil {
		return nil, e
	}
	list, ok := s.policy.RawGetString("tests").(*vm.LTable)
	if !ok {
		list = newTable(0)
	}
	return p.suite(p.source, list, o)
}

// TestFile runs the tests of another file, which returns a list of cases as the
// field tests is one.
func (p *Program) TestFile(file, content string, o TestOptions) (*Suite, error) {
	t := &Program{
		name:    p.name,
		source:  &source{file: file, text: content},
		options: p.options,
		limits:  p.limits,
	}
	if e := t.source.check(); e != nil {
		return nil, e
	}
	if e := t.compile(); e != nil {
		return nil, e
	}
	s, e := newState(t, p.options.Config, rand.New(rand.NewPCG(0, 0)), nil, nil)
	if e != nil {
		return nil, e
	}
	return p.suite(t.source, s.policy, o)
}

func (p *Program) suite(from *source, list *vm.LTable, o TestOptions) (*Suite, error) {
	cases, err := parseCases(list)
	if err != nil {
		return nil, from.errorf(0, "%s", err)
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	suite := &Suite{Name: from.file, Seed: o.Seed}
	for i := range cases {
		r := &run{program: p, test: &cases[i], options: o}
		result := Result{Name: cases[i].name}
		if err := r.run(uint64(i)); err != nil {
			result.Failure = err.Error()
		}
		result.Log = r.log
		suite.Results = append(suite.Results, result)
	}
	return suite, nil
}

// run is one test case at work, over the engine that pools have.
type run struct {
	program  *Program
	test     *testCase
	options  TestOptions
	log      []string
	now      time.Time
	selector *engine.Selector
	members  []*engine.Member
	names    map[rserpool.ElementID]string
}

var errExpired = errors.New("the time for the tests is over")

// named is a program whose elements go by their names.
type named struct {
	*Program
	names map[rserpool.ElementID]string
	purse int64 // instructions for the case
}

// Open implements engine.PerPool.
func (n *named) Open(pool *engine.Pool) (engine.Policy, error) {
	if q := n.plain(pool); q != nil {
		return q, nil
	}
	i := newInstance(n.Program, pool)
	i.names, i.purse = n.names, &n.purse
	if n.interpreted {
		if _, e := i.ready(); e != nil {
			return nil, e
		}
	}
	return i.formed(), nil
}

func (r *run) run(number uint64) error {
	err := r.prepare(number)
	if err == nil {
		failed := r.expectation()
		err = r.selector.LastFault()
		switch {
		case failed != nil && err != nil && r.test.fault == "":
			return fmt.Errorf("%w, after a fault: %w", failed, err) // which may be why
		case failed != nil:
			return failed
		}
	}
	switch want := r.test.fault; {
	case errors.Is(err, errExpired):
		return err
	case want == "" && err != nil:
		return fmt.Errorf("a fault: %w", err)
	case want != "" && err == nil:
		return fmt.Errorf("no fault, want one with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		return fmt.Errorf("a fault, %w, want one with %q", err, want)
	}
	return nil
}

// prepare brings the pool to where the requests begin.
func (r *run) prepare(number uint64) error {
	p := r.program
	o := p.options
	o.Log = func(level Level, text string) { r.log = append(r.log, level.String()+": "+text) }
	if r.test.config != nil {
		o.Config = r.test.config
	}
	fresh, err := Load(p.name, p.source.text, o)
	if err != nil {
		return err
	}
	r.now, r.names = r.test.at, map[rserpool.ElementID]string{}
	for i := range r.test.elements {
		e := &r.test.elements[i]
		r.names[e.element.ID] = e.name
		r.members = append(r.members, &engine.Member{Element: &e.element, Tags: e.element.Tags})
	}
	policy := &named{Program: fresh, names: r.names, purse: int64(p.limits.TestInstructions)}
	setting := engine.Setting{Handle: r.test.request.Handle, Rand: rand.New(rand.NewPCG(r.options.Seed, number))}
	if err := r.assemble(policy, setting); err != nil {
		return err
	}
	for _, f := range r.test.failures {
		r.selector.Failed(r.now, r.member(f.element), f.reason)
	}
	return r.advance(r.test.after)
}

// assemble registers the elements with the policy. Where they have a history, a
// policy that selects whom it is told makes it first.
func (r *run) assemble(policy engine.Policy, setting engine.Setting) (err error) {
	historic := slices.ContainsFunc(r.test.elements, func(e caseElement) bool { return e.selections+e.failures > 0 })
	first := policy
	told := &directed{}
	if historic {
		first = told
	}
	if r.selector, err = engine.NewSelector(r.now, first, setting); err != nil {
		return err
	}
	for _, m := range r.members {
		r.selector.Add(r.now, m)
	}
	if !historic {
		return nil
	}
	for i, e := range r.test.elements {
		m := r.members[i]
		told.next = m
		for range e.selections {
			r.selector.Select(&engine.Request{Items: 1, Now: r.now}, nil)
		}
		at := r.now
		if !e.lastFailure.IsZero() {
			at = e.lastFailure
		}
		for range e.failures {
			r.selector.Failed(at, m, engine.Unreachable)
		}
	}
	return r.selector.SetPolicy(r.now, policy)
}

// directed selects whom it is told.
type directed struct{ next *engine.Member }

// Describe implements engine.Policy.
func (*directed) Describe() engine.Description { return engine.Description{Name: "directed", Mark: 1} }

// Choose implements engine.Chooser.
func (d *directed) Choose(_ []*engine.Member, _ *engine.Request, dst []*engine.Member) ([]*engine.Member, error) {
	return append(dst, d.next), nil
}

func (r *run) member(name string) *engine.Member {
	for i, e := range r.test.elements {
		if e.name == name {
			return r.members[i]
		}
	}
	return nil
}

// advance lets time pass, and ticks run when they are due.
func (r *run) advance(d time.Duration) error {
	end := r.now.Add(d)
	for n := 0; ; n++ {
		next := r.selector.NextTick()
		if next.IsZero() || next.After(end) {
			break
		}
		if n%100 == 0 && r.expired() {
			return errExpired
		}
		r.now = next
		r.selector.Tick(r.now)
	}
	r.now = end
	return nil
}

func (r *run) expired() bool { return r.options.Expired != nil && r.options.Expired() }

// ask makes one request for n elements.
func (r *run) ask(n int) []string {
	q := r.test.request
	q.Items, q.Now = n, r.now
	names := []string{}
	for _, m := range r.selector.Select(&q, nil) {
		names = append(names, r.names[m.Element.ID])
	}
	return names
}

func (r *run) expectation() error {
	if r.expired() {
		return errExpired
	}
	c := r.test
	if c.expect != nil {
		n := max(len(c.expect), c.request.Items, 1)
		if got := r.ask(n); !slices.Equal(got, c.expect) {
			return fmt.Errorf("got %s, want %s", list(got), list(c.expect))
		}
	}
	if c.shares == nil && c.never == nil {
		if c.expect == nil { // an error alone is expected
			r.ask(max(c.request.Items, 1))
		}
		return nil
	}
	counts := map[string]int{}
	for n := range c.picks {
		if n%100 == 0 && r.expired() {
			return errExpired
		}
		for _, name := range r.ask(1) {
			counts[name]++
		}
	}
	for _, name := range c.never {
		if counts[name] > 0 {
			return fmt.Errorf("%s was selected %d times of %d, want never", name, counts[name], c.picks)
		}
	}
	for _, name := range c.sortedShares() {
		share, bounds := float64(counts[name])/float64(c.picks), c.shares[name]
		if share < bounds[0] || share > bounds[1] {
			return fmt.Errorf("%s has a share of %.3f of %d selections, want %g to %g", name, share, c.picks, bounds[0], bounds[1])
		}
	}
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
