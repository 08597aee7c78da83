package engine

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChainLeavesAPolicyAndReturns(t *testing.T) {
	p := &moody{name: "moody"}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	w.join(1, 2, 3)
	if got := w.pick(3); got != "ABC" {
		t.Errorf("picked %s, want ABC", got)
	}
	p.bad = true
	w.until(time.Second)
	got := ""
	for range 4 {
		got += w.pick(1)
	}
	if got != "AAAA" {
		t.Errorf("picked %s while the faults are few, want by the last good keys AAAA", got)
	}
	w.wrote(t, "1s policy fails: moody: element 0x00000001: bad mood")
	if got := w.pick(1); got != "A" {
		t.Errorf("the fault that is one too many fails a selection: %q", got)
	}
	w.wrote(t, "1s policy is left: moody -> backup: element 0x00000001: bad mood")
	if got := w.pick(3); got != "CBA" {
		t.Errorf("picked %s, want by the next policy CBA", got)
	}
	if got := w.standings(); got != "moody=open backup=in-use" {
		t.Errorf("standings %s", got)
	}

	w.until(30 * time.Second)
	asked := p.asked
	w.pick(1)
	if p.asked != asked {
		t.Error("a policy that is left alone was asked")
	}
	w.until(31 * time.Second)
	w.wrote(t,
		"31s policy is tried again: moody",
		"31s policy fails: moody: element 0x00000001: bad mood")
	w.until(35 * time.Second)
	w.pick(1)
	w.pick(1) // the fifth fault
	if got := w.standings(); got != "moody=open backup=in-use" {
		t.Errorf("standings after a trial that went wrong: %s", got)
	}
	p.bad = false
	w.until(70 * time.Second)
	w.wrote(t, "65s policy is tried again: moody")
	if got := w.pick(3); got != "CBA" {
		t.Errorf("picked %s during the trial, want CBA", got)
	}
	if got := w.standings(); got != "moody=trial backup=in-use" {
		t.Errorf("standings during a trial: %s", got)
	}
	w.until(75 * time.Second)
	w.wrote(t, "75s policy is back: moody")
	if got := w.pick(3); got != "ABC" {
		t.Errorf("picked %s, want ABC", got)
	}
	if got := w.standings(); got != "moody=in-use backup=idle" || len(w.twins) != 0 {
		t.Errorf("standings %s, with %d selectors beside the main one", got, len(w.twins))
	}
	if c := w.counts["moody"]; c.Trips != 1 || c.Faults < 10 {
		t.Errorf("counts %+v", c)
	}
}

func TestRareFaultsAreEndured(t *testing.T) {
	p := &moody{name: "moody"}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	w.join(1, 2)
	p.bad = true
	for i := range 40 {
		w.until(time.Duration(i) * 2600 * time.Millisecond) // four within any 10 s
		w.pick(1)
	}
	if got := w.standings(); got != "moody=in-use backup=idle" || w.counts["moody"].Faults != 40 {
		t.Errorf("standings %s after %d faults", got, w.counts["moody"].Faults)
	}
	if n := len(w.diary); n != 1 {
		t.Errorf("%d lines, want one as long as it goes on", n)
	}
}

// TestFaultsCountWhenTheyHappen lets the first fault in a long while come with a
// re-registration.
func TestFaultsCountWhenTheyHappen(t *testing.T) {
	p := &moody{name: "moody"}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	m := w.join(1, 2)[0]
	p.bad = true
	w.until(100 * time.Second)
	for range 5 {
		w.Update(w.now, m)
	}
	if got := w.standings(); got != "moody=open backup=in-use" {
		t.Errorf("standings after five faults at once: %s", got)
	}
}

// TestRankingEndsWithTheBreaker has a policy fail for a large pool, which takes a
// while each time.
func TestRankingEndsWithTheBreaker(t *testing.T) {
	good := &moody{name: "good"}
	w := newWorld(ChainConfig{Policies: []Policy{good, backup{}}})
	for i := range 1000 {
		w.join(uint32(i))
	}
	bad := &moody{name: "bad", bad: true}
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{bad, backup{}}})
	if bad.asked != 5 {
		t.Errorf("asked %d times, want 5", bad.asked)
	}
	if got := len(w.Select(&Request{Items: 1000, Now: w.now}, nil)); got != 1000 {
		t.Errorf("selected %d, want 1000", got)
	}
	good.bad, good.inputs = true, Time
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{good, backup{}}})
	good.bad = false
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{backup{}, good}})
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{good, backup{}}})
	good.bad, good.asked = true, 0
	w.Refresh(w.now, Selections)
	if good.asked != 5 {
		t.Errorf("asked %d times to refresh, want 5", good.asked)
	}
}

func TestNewMembersHaveTheNextPolicysKey(t *testing.T) {
	for _, tc := range []struct {
		name  string
		chain []Policy
		want  float64
	}{
		{"that of the next", []Policy{&moody{name: "moody"}, backup{}}, -7},
		{"that of the next but one, if the next may fail itself", []Policy{&moody{name: "moody"}, &moody{name: "other"}, backup{}}, -7},
		{"the last place, if the next takes turns", []Policy{&moody{name: "moody"}}, math.MaxFloat64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(ChainConfig{Policies: tc.chain})
			w.join(1, 2, 3)
			tc.chain[0].(*moody).bad = true
			if m := w.join(7)[0]; m.key != tc.want {
				t.Errorf("key %g, want %g", m.key, tc.want)
			}
		})
	}
}

// TestMembersComeAndGoWhileAPolicyIsTriedAgain leaves gaps among the members before
// the first policy comes back, which it does without any.
func TestMembersComeAndGoWhileAPolicyIsTriedAgain(t *testing.T) {
	p := &moody{name: "moody", bad: true}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}, Breaker: Breaker{Errors: 1}})
	ms := w.join(1, 2, 3)
	w.Remove(ms[0])
	p.bad = false
	w.until(30 * time.Second)
	if got := w.standings(); got != "moody=trial backup=in-use" {
		t.Errorf("standings %s", got)
	}
	w.Update(w.now, ms[2])
	w.Failed(w.now, ms[1], Unreachable)
	if got := w.pick(2); got != "CB" {
		t.Errorf("picked %s, want CB", got)
	}
	w.Remove(ms[1])
	if got := w.pick(2); got != "C" {
		t.Errorf("picked %s, want C", got)
	}
}

func TestAvailabilityDecides(t *testing.T) {
	p := &plant{name: "plant", dormant: true}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	w.wrote(t, "0s policy is left: plant -> backup: no ranks yet")
	ms := w.join(1, 2, 3)
	l := p.opened[0]
	if got := w.pick(3); got != "CBA" {
		t.Errorf("picked %s before there are ranks, want CBA", got)
	}
	if got := w.standings(); got != "plant=unavailable backup=in-use" {
		t.Errorf("standings %s", got)
	}
	l.pool.Run(func() {
		for i, m := range slices.Collect(l.pool.All()) {
			m.Data = []float64{2, 0, 1}[i]
			l.pool.Update(m)
		}
		l.pool.Unavailable(nil)
	})
	w.wrote(t, "0s policy is back: plant")
	if got := w.pick(3); got != "BCA" {
		t.Errorf("picked %s by the ranks, want BCA", got)
	}
	l.pool.Run(func() { l.pool.Unavailable(errors.New("the process has died")) })
	w.wrote(t, "0s policy is left: plant -> backup: the process has died")
	w.Failed(w.now, ms[1], KeepAlive)
	w.Remove(ms[1])
	if got := w.pick(3); got != "CA" {
		t.Errorf("picked %s, want CA", got)
	}
	l.pool.Run(func() { l.pool.Unavailable(nil) })
	if got := w.pick(2); got != "CA" {
		t.Errorf("picked %s by the ranks that are left, want CA", got)
	}
	want := []string{"registered 1", "registered 2", "registered 3", "selected 3", "selected 2", "failed keepalive 2", "deregistered 2", "selected 3", "selected 3"}
	if diff := cmp.Diff(want, l.log); diff != "" {
		t.Errorf("told, available or not (-want +got):\n%s", diff)
	}
	w.Close()
	if !l.closed {
		t.Error("the instance does not know that the pool is gone")
	}
	l.pool.Run(func() { t.Error("called after the end") })
}

func TestPoliciesThatCannotBeOpened(t *testing.T) {
	p := &plant{name: "plant", refuse: errors.New("no soil")}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	w.join(1, 2)
	w.wrote(t, "0s policy fails: plant: no soil", "0s policy is left: plant -> backup: no soil")
	if got := w.pick(2); got != "BA" {
		t.Errorf("picked %s", got)
	}
	p.refuse = nil
	w.until(40 * time.Second)
	w.wrote(t, "30s policy is tried again: plant", "40s policy is back: plant")
	if got := w.pick(2); got != "AB" {
		t.Errorf("picked %s", got)
	}
}

// none are policies by which nobody is eligible, each in its way.
func none() []Policy {
	return []Policy{
		&plant{name: "filter", admits: func(*Member) bool { return false }},
		zeros{"weights"},
		infinities{"keys"},
		picky{0, func(_, dst []*Member) ([]*Member, error) { return dst, nil }},
	}
}

type zeros struct{ name string }

func (p zeros) Describe() Description { return Description{Name: p.name, Mark: 1} }
func (zeros) Weight(*Member) float64  { return 0 }

type infinities struct{ name string }

func (p infinities) Describe() Description { return Description{Name: p.name, Mark: 1} }
func (infinities) Key(*Member) float64     { return math.Inf(1) }

func TestNobodyIsEligible(t *testing.T) {
	for _, p := range none() {
		t.Run(p.Describe().Name, func(t *testing.T) {
			w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
			w.join(1, 2, 3)
			if got := w.pick(2) + w.pick(1); got != "CBC" {
				t.Errorf("picked %s, want by the next policy CBC", got)
			}
			if c := w.counts[p.Describe().Name]; c.Passed != 2 || c.Faults != 0 {
				t.Errorf("counts %+v, want 2 passed on", c)
			}
			if got := w.standings(); !strings.HasSuffix(got, "=in-use backup=standing-by") {
				t.Errorf("standings %s", got)
			}
			empty := newWorld(ChainConfig{Policies: []Policy{p, backup{}}, WhenNone: Empty})
			empty.join(1, 2, 3)
			if got := empty.pick(2); got != "" {
				t.Errorf("picked %s, want nobody", got)
			}
			if len(w.diary)+len(empty.diary) != 0 {
				t.Errorf("that is no fault, yet %v %v", w.diary, empty.diary)
			}
		})
	}
}

// TestFaultsAreAnsweredEvenSo answers requests that the policy fails for by the next
// one although nobody eligible would mean nobody.
func TestFaultsAreAnsweredEvenSo(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy Policy
		event  string
	}{
		{"an error", picky{0, func(_, dst []*Member) ([]*Member, error) { return dst, errors.New("no mood") }}, "0s policy fails: picky: no mood"},
		{"a panic", picky{0, func(_, _ []*Member) ([]*Member, error) { panic("oops") }}, "0s policy fails: picky: panic: oops"},
		{"a pool that is too large", picky{2, nil}, "0s pool is too large for its policy: picky"},
		{"an affinity without an answer", sulky{}, "0s policy fails: sulky: no mood"},
		{"a filter that fails", bouncer{}, "0s policy fails: bouncer: no mood"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(ChainConfig{Policies: []Policy{tc.policy, backup{}}, WhenNone: Empty, Breaker: Breaker{Errors: 100}})
			w.join(1, 2, 3)
			if got := w.pick(1) + w.pick(1); got != "CC" {
				t.Errorf("picked %q, want CC", got)
			}
			w.wrote(t, tc.event)
		})
	}
}

type sulky struct{}

func (sulky) Describe() Description             { return Description{Name: "sulky"} }
func (sulky) Affinity(*Request) (uint64, error) { return 0, errors.New("no mood") }

type bouncer struct{}

func (bouncer) Describe() Description                 { return Description{Name: "bouncer"} }
func (bouncer) Key(*Member) float64                   { return 0 }
func (bouncer) Admit(*Member, *Request) (bool, error) { return false, errors.New("no mood") }

// TestChainsDoNotAllocate selects through chains whose first policy works.
func TestChainsDoNotAllocate(t *testing.T) {
	for _, c := range []ChainConfig{
		{Policies: []Policy{&moody{name: "moody"}, backup{}}},
		{Policies: []Policy{backup{}}, Shadow: &moody{name: "moody"}, Sample: 1},
		{Policies: []Policy{sampling{2}}},
		{Policies: []Policy{sticky{}}},
		{Policies: []Policy{rankedFilter{filters{byWeight{}, 0}}}},
		{Policies: []Policy{drawnFilter{filters{atRandom{}, 0}}}},
		{Policies: []Policy{zeros{"weights"}, backup{}}},
	} {
		t.Run(c.Policies[0].Describe().Name, func(t *testing.T) {
			w := newWorld(c)
			for i := range 40 {
				w.join(uint32(2*i + 7))
			}
			dst, r := make([]*Member, 0, 3), &Request{Items: 3, Now: start, Handle: "P"}
			for range 10 {
				dst = w.Select(r, dst[:0])
			}
			if n := testing.AllocsPerRun(100, func() { dst = w.Select(r, dst[:0]) }); n != 0 {
				t.Errorf("%g allocations", n)
			}
			if len(dst) == 0 {
				t.Error("selected nobody")
			}
		})
	}
}
