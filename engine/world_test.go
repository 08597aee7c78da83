package engine

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
)

// moody is a policy that ranks by weight while it is in the mood.
type moody struct {
	name   string
	bad    bool // every key is a fault
	inputs Inputs
	asked  int
}

func (p *moody) Describe() Description {
	return Description{Name: p.name, Version: "1", Mark: 1, Inputs: p.inputs | Selections}
}
func (p *moody) Key(m *Member) float64 {
	if p.asked++; p.bad {
		return math.NaN()
	}
	return value(m)
}
func (p *moody) Fault() error { return errors.New("bad mood") }

// backup is the built-in policy at the end of chains: the largest weight first.
type backup struct{}

func (backup) Describe() Description { return Description{Name: "backup", Mark: 1, Trusted: true} }
func (backup) Key(m *Member) float64 { return -value(m) }

// world is a chain with a clock and a diary.
type world struct {
	*Chain
	now    time.Time
	diary  []string
	counts map[string]*Counts
}

func newWorld(c ChainConfig) *world {
	w := &world{now: start, counts: map[string]*Counts{}}
	w.Chain = NewChain(start, &c, Setting{Handle: "P", Rand: seeded(), Run: w.run}, w.notice, w.count)
	return w
}

func (w *world) run(f func(time.Time)) { f(w.now) }
func (w *world) notice(e Event) {
	w.diary = append(w.diary, fmt.Sprintf("%gs %s", w.now.Sub(start).Seconds(), e))
}
func (w *world) count(policy string) *Counts {
	if w.counts[policy] == nil {
		w.counts[policy] = &Counts{}
	}
	return w.counts[policy]
}

// until lets time pass, and what is due happen in time.
func (w *world) until(d time.Duration) {
	for end := start.Add(d); ; {
		next := w.NextTick()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.Tick(w.now)
	}
}

func (w *world) join(weights ...uint32) []*Member {
	var ms []*Member
	for _, weight := range weights {
		m := member(weight)
		m.Element.ID = rserpool.ElementID(w.Len() + 1)
		m.Owner = string(rune('A' + w.Len()))
		ms = append(ms, m)
		w.Add(w.now, m)
	}
	return ms
}

func (w *world) pick(n int) string {
	return names(w.Select(&Request{Items: n, Now: w.now, Handle: "P"}, nil))
}

// wrote compares the diary and begins a new one.
func (w *world) wrote(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.diary); diff != "" {
		t.Errorf("diary (-want +got):\n%s", diff)
	}
	w.diary = nil
}

func (w *world) standings() string {
	var all []string
	s := w.Status()
	for _, p := range s.Policies {
		all = append(all, p.Name+"="+p.Standing.String())
	}
	if s.Shadow != nil {
		all = append(all, s.Shadow.Name+"="+s.Shadow.Standing.String())
	}
	return strings.Join(all, " ")
}

// plant is a policy with instances that a process outside advises.
type plant struct {
	name    string
	refuse  error
	dormant bool // instances wait to be told that they are available
	opened  []*leaf
	admits  func(*Member) bool
}

// leaf is an instance of a plant.
type leaf struct {
	*plant
	pool   *Pool
	closed bool
	old    map[rserpool.ElementID]any
	log    []string
}

func (p *plant) Describe() Description {
	return Description{Name: p.name, Mark: 1, Inputs: State}
}

func (p *plant) Open(pool *Pool) (Policy, error) {
	if p.refuse != nil {
		return nil, p.refuse
	}
	l := &leaf{plant: p, pool: pool}
	if p.dormant {
		pool.Unavailable(errors.New("no ranks yet"))
	}
	p.opened = append(p.opened, l)
	return l, nil
}

func (l *leaf) Key(m *Member) float64 {
	if k, ok := m.Data.(float64); ok {
		return k
	}
	return value(m)
}
func (l *leaf) Admit(m *Member, _ *Request) (bool, error)    { return l.admits == nil || l.admits(m), nil }
func (l *leaf) Upgrade(old map[rserpool.ElementID]any) error { l.old = old; return nil }
func (l *leaf) Close()                                       { l.closed = true }
func (l *leaf) note(what string, m *Member) error {
	l.log = append(l.log, fmt.Sprintf("%s %d", what, m.Element.ID))
	return nil
}
func (l *leaf) Registered(m *Member) error         { return l.note("registered", m) }
func (l *leaf) Selected(m *Member) error           { return l.note("selected", m) }
func (l *leaf) Failed(m *Member, why Reason) error { return l.note("failed "+why.String(), m) }
func (l *leaf) Deregistered(m *Member) error       { return l.note("deregistered", m) }
