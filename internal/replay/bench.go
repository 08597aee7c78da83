package replay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Cost is what a policy takes in a pool of a size.
type Cost struct {
	Elements int `json:"elements"`
	// Selection is the time for one request for one element, marks included,
	// Allocations its number, and Fill the time until a new pool was sorted.
	Selection   time.Duration `json:"selection_ns"`
	Allocations float64       `json:"allocations"`
	Fill        time.Duration `json:"fill_ns"`
	// Fault is the last one, empty for none.
	Fault string `json:"fault,omitempty"`
}

// Bench measures a policy in a pool of n elements for about the time given.
func Bench(p engine.Policy, n int, length time.Duration) (Cost, error) {
	r := rand.New(rand.NewPCG(1, 1))
	pool := &Pool{Handle: "Bench"}
	for i := range n {
		pool.Elements = append(pool.Elements, random(r, rserpool.ElementID(i+1)))
	}
	c := Cost{Elements: n}
	now := time.Unix(1_767_614_400, 0) // a Monday noon
	start := time.Now()
	s, _, err := assemble(p, pool, Options{Now: now, Seed: 1})
	if err != nil {
		return c, err
	}
	defer s.Close()
	c.Fill = time.Since(start)
	req := engine.Request{Handle: pool.Handle, Now: now, Items: 1, UserAddress: netip.AddrFrom4([4]byte{192, 0, 2, 1})}
	var chosen []*engine.Member
	batch := func(n int) {
		for range n {
			chosen = s.Select(&req, chosen[:0])
		}
	}
	batch(100) // what is made once
	rounds := 100
	var before, after runtime.MemStats
	for {
		runtime.ReadMemStats(&before)
		start := time.Now()
		batch(rounds)
		took := time.Since(start)
		if took >= length || rounds >= 1<<30 {
			runtime.ReadMemStats(&after)
			c.Selection = took / time.Duration(rounds)
			c.Allocations = float64(after.Mallocs-before.Mallocs) / float64(rounds)
			break
		}
		if took > 0 {
			rounds = min(100*rounds, max(2*rounds, int(1.2*float64(rounds)*float64(length)/float64(took))))
		} else {
			rounds *= 100
		}
	}
	if err := s.LastFault(); err != nil {
		c.Fault = err.Error()
	}
	return c, nil
}

// random returns an element with all values that policies may look at.
func random(r *rand.Rand, id rserpool.ElementID) rserpool.Element {
	load := func() rserpool.Load {
		switch r.IntN(10) {
		case 0:
			return 0
		case 1:
			return 0xffffffff
		}
		return rserpool.Load(r.Uint32())
	}
	return rserpool.Element{
		ID: id,
		Policy: rserpool.Policy{
			Type: rserpool.PriorityLeastUsedDegradationDPF,
			Load: load(), Degradation: load() / 100, LoadDPF: load() / 1000,
			Weight: r.Uint32N(100), Priority: r.Uint32N(10), Distance: r.Uint32N(200),
		},
		UserTransport: rserpool.Transport{
			Protocol: rserpool.SCTP, Port: 5001,
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, byte(id >> 8), byte(id)})},
		},
	}
}

// Fuzzing is what came of random pools.
type Fuzzing struct {
	Seed   uint64 `json:"seed"`
	Rounds int    `json:"rounds"` // pools
	Steps  int    `json:"steps"`  // of all rounds: registrations, selections, failures, time
	// Problem is what was found in the last round, empty for nothing, and Doing
	// the steps that led to it, the last ones only.
	Problem string   `json:"problem,omitempty"`
	Doing   []string `json:"doing,omitempty"`
}

// steps of one round, and what is told of them.
const (
	fuzzSteps = 400
	fuzzTold  = 12
)

// Fuzz lets a policy loose on random pools until expired says so or rounds were
// made. Every answer must consist of different elements of the pool, nothing may be
// a fault, and the same seed must lead to the same answers. Tags are given to
// elements at random from the names and values listed.
func Fuzz(p engine.Policy, seed uint64, rounds int, tags map[string][]any, expired func() bool) Fuzzing {
	f := Fuzzing{Seed: seed}
	for f.Rounds < rounds && !expired() {
		a := newFuzzer(p, seed+uint64(f.Rounds), tags)
		b := newFuzzer(p, seed+uint64(f.Rounds), tags)
		problem := ""
		for step := 0; step < fuzzSteps && problem == ""; step++ {
			one, two := a.step(), b.step()
			f.Steps++
			switch {
			case a.problem != "":
				problem = a.problem
			case one != two:
				problem = fmt.Sprintf("the same pool and seed lead to %s and to %s: the policy is not deterministic", one, two)
			}
		}
		a.close()
		b.close()
		f.Rounds++
		if problem != "" {
			f.Seed = seed + uint64(f.Rounds-1)
			f.Problem, f.Doing = problem, a.doing
			return f
		}
	}
	return f
}

// fuzzer is one random pool.
type fuzzer struct {
	rand     *rand.Rand // of the pool, not of the policy
	selector *engine.Selector
	members  []*engine.Member
	now      time.Time
	next     rserpool.ElementID
	tags     map[string][]any
	doing    []string
	problem  string
}

func newFuzzer(p engine.Policy, seed uint64, tags map[string][]any) *fuzzer {
	f := &fuzzer{
		rand: rand.New(rand.NewPCG(seed, 2)), tags: tags,
		now: time.Unix(1_767_614_400+int64(seed%1_000_000)*60, 0),
	}
	var err error
	f.selector, err = engine.NewSelector(f.now, p, engine.Setting{Handle: "Fuzz", Rand: rand.New(rand.NewPCG(seed, 3))})
	if err != nil {
		f.problem, f.selector = err.Error(), nil
	}
	return f
}

func (f *fuzzer) close() {
	if f.selector != nil {
		f.selector.Close()
	}
}

func (f *fuzzer) did(format string, args ...any) {
	f.doing = append(f.doing, fmt.Sprintf(format, args...))
	f.doing = f.doing[max(0, len(f.doing)-fuzzTold):]
}

// step does something and returns the answer, if it was a request.
func (f *fuzzer) step() string {
	if f.problem != "" {
		return ""
	}
	answer := ""
	switch n := f.rand.IntN(20); {
	case n < 4 && len(f.members) < 64 || len(f.members) == 0:
		f.next++
		e := f.element(f.next)
		m := &engine.Member{Element: &e, Tags: e.Tags}
		f.did("register %s", e)
		f.members = append(f.members, m)
		f.selector.Add(f.now, m)
	case n < 6:
		m := f.members[f.rand.IntN(len(f.members))]
		e := f.element(m.Element.ID)
		m.Element, m.Tags = &e, e.Tags
		f.did("register again %s", e)
		f.selector.Update(f.now, m)
	case n < 7:
		i := f.rand.IntN(len(f.members))
		f.did("remove %s", f.members[i].Element.ID)
		f.selector.Remove(f.members[i])
		f.members = append(f.members[:i], f.members[i+1:]...)
	case n < 8:
		m := f.members[f.rand.IntN(len(f.members))]
		why := engine.Reason(f.rand.IntN(4))
		f.did("%s fails: %s", m.Element.ID, why)
		f.selector.Failed(f.now, m, why)
	case n < 10:
		d := time.Duration(f.rand.Int64N(int64(2 * time.Hour)))
		f.did("%s pass", d.Round(time.Second))
		end := f.now.Add(d)
		for ticks := 0; ticks < 1000; ticks++ {
			next := f.selector.NextTick()
			if next.IsZero() || next.After(end) {
				break
			}
			f.selector.Tick(next)
		}
		f.now = end
	default:
		answer = f.request()
	}
	if err := f.selector.LastFault(); err != nil && f.problem == "" {
		f.problem = "a fault: " + err.Error()
	}
	return answer
}

func (f *fuzzer) element(id rserpool.ElementID) rserpool.Element {
	e := random(f.rand, id)
	for name, values := range sorted(f.tags) {
		if i := f.rand.IntN(len(values) + 1); i < len(values) {
			if e.Tags == nil {
				e.Tags = rserpool.Tags{}
			}
			e.Tags[name] = values[i]
		}
	}
	return e
}

// request asks for some elements and looks at the answer.
func (f *fuzzer) request() string {
	r := engine.Request{Handle: "Fuzz", Now: f.now, Items: 1 + f.rand.IntN(4)}
	if f.rand.IntN(2) == 0 {
		r.UserAddress = netip.AddrFrom4([4]byte{198, 51, 100, byte(f.rand.IntN(256))})
	}
	if f.rand.IntN(2) == 0 {
		r.Attributes = map[string]string{"region": []string{"eu", "us"}[f.rand.IntN(2)]}
	}
	who := "nobody in particular"
	if r.UserAddress.IsValid() {
		who = r.UserAddress.String()
	}
	f.did("select %d for %s", r.Items, who)
	seen := map[rserpool.ElementID]bool{}
	answer := "["
	for _, m := range f.selector.Select(&r, nil) {
		id := m.Element.ID
		if seen[id] {
			f.problem = fmt.Sprintf("element %s is in one answer twice", id)
		}
		seen[id] = true
		current := false
		for _, o := range f.members {
			current = current || o == m
		}
		if !current {
			f.problem = fmt.Sprintf("element %s was selected, and is not in the pool", id)
		}
		answer += " " + id.String()
	}
	if len(seen) > r.Items {
		f.problem = fmt.Sprintf("%d elements were selected where %d were asked for", len(seen), r.Items)
	}
	return answer + " ]"
}
