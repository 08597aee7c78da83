package builtin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// epoch is when tests begin.
var epoch = time.Unix(1_000_000_000, 0)

func newSelector(p engine.Policy) *engine.Selector {
	s, err := engine.NewSelector(epoch, p, engine.Setting{Rand: rand.New(rand.NewPCG(1, 2))})
	if err != nil {
		panic(err)
	}
	return s
}

// pool is a Selector whose members are called A, B, C ...
type pool struct {
	selector *engine.Selector
	members  []*engine.Member
}

func newPool(p engine.Policy, values ...rserpool.Policy) *pool {
	l := &pool{selector: newSelector(p)}
	for i, v := range values {
		v.Type = p.Describe().Types[0]
		m := &engine.Member{
			Element: &rserpool.Element{ID: rserpool.ElementID(i + 1), Policy: v},
			Owner:   string(rune('A' + i)),
		}
		l.members = append(l.members, m)
		l.selector.Add(epoch, m)
	}
	return l
}

// pick returns the names in one answer.
func (l *pool) pick(items int) string {
	var b strings.Builder
	for _, m := range l.selector.Select(&engine.Request{Items: items}, nil) {
		b.WriteString(m.Owner.(string))
	}
	return b.String()
}

// picks returns n answers of one element each.
func (l *pool) picks(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(l.pick(1))
	}
	return b.String()
}

// reregister lets a member register again, with the values it has.
func (l *pool) reregister(i int) { l.selector.Update(epoch, l.members[i]) }

// percent is a share of the load.
func percent(n int) rserpool.Load { return rserpool.LoadOf(float64(n) / 100) }

// load returns the values of an element of the load and degradation, in percent.
func load(percents ...int) rserpool.Policy {
	p := rserpool.Policy{Load: percent(percents[0])}
	if len(percents) > 1 {
		p.Degradation = percent(percents[1])
	}
	return p
}

// far returns the values of an element that has a penalty of one percent for each
// millisecond.
func far(distance uint32, percents ...int) rserpool.Policy {
	p := load(percents...)
	p.LoadDPF, p.Distance = percent(1), distance
	return p
}

func weight(w uint32) rserpool.Policy { return rserpool.Policy{Weight: w} }

func TestAllPoliciesAreThere(t *testing.T) {
	type row struct {
		Type rserpool.PolicyType
		Name string
		Mark int
	}
	var got []row
	for _, p := range builtin.All() {
		d := p.Describe()
		got = append(got, row{d.Types[0], d.Name, d.Mark})
		if d.Summary == "" || d.Name != d.Types[0].String() {
			t.Errorf("%s: types %v, summary %q", d.Name, d.Types, d.Summary)
		}
	}
	want := []row{
		{0x00000001, "round-robin", 1},
		{0x00000002, "weighted-round-robin", 1},
		{0x00000003, "random", 0},
		{0x00000004, "weighted-random", 0},
		{0x00000005, "priority", 1},
		{0x40000001, "least-used", 1},
		{0x40000002, "least-used-degradation", 1},
		{0x40000003, "priority-least-used", 1},
		{0x40000004, "randomized-least-used", 1},
		{0xb0001001, "randomized-priority-least-used", 1},
		{0xb0001002, "randomized-least-used-degradation", 1},
		{0xb0001003, "priority-least-used-degradation", 1},
		{0xb0001004, "randomized-priority-least-used-degradation", 1},
		{0xb0002001, "weighted-random-dpf", 0},
		{0xb0002002, "least-used-dpf", 1},
		{0xb0002003, "least-used-degradation-dpf", 1},
		{0xb0002004, "priority-least-used-dpf", 1},
		{0xb0002005, "priority-least-used-degradation-dpf", 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	r := engine.NewRegistry(builtin.All()...)
	if p, ok := r.ByType(0x40000010); !ok || p != (builtin.LeastUsedDPF{}) {
		t.Errorf("the number in the delay draft selects %v", p)
	}
}

func TestPicks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy engine.Policy
		pool   []rserpool.Policy
		items  int
		want   string // answers, separated by blanks
	}{
		{"round robin goes around", builtin.RoundRobin{}, []rserpool.Policy{{}, {}, {}}, 1, "A B C A B C"},
		{"round robin moves on by one an answer", builtin.RoundRobin{}, []rserpool.Policy{{}, {}, {}}, 2, "AB BC CA AB"},
		{"round robin looks at no values", builtin.RoundRobin{}, []rserpool.Policy{load(90), load(10)}, 1, "A B A"},

		{"weighted round robin, one to three", builtin.WeightedRoundRobin{}, []rserpool.Policy{weight(1), weight(3)}, 1, "A B B B A B B B"},
		{"weighted round robin, equals", builtin.WeightedRoundRobin{}, []rserpool.Policy{weight(7), weight(7)}, 1, "A B A B"},
		{"weighted round robin, weight zero cannot serve", builtin.WeightedRoundRobin{}, []rserpool.Policy{weight(0), weight(1)}, 2, "B B B"},
		{"weighted round robin, all weights zero", builtin.WeightedRoundRobin{}, []rserpool.Policy{weight(0), weight(0)}, 1, "A B A"},

		{"random, all asked for", builtin.Random{}, []rserpool.Policy{{}}, 3, "A A"},
		{"weighted random, weight zero cannot serve", builtin.WeightedRandom{}, []rserpool.Policy{weight(0), weight(1), weight(0)}, 3, "B B B"},

		{"priority, the highest", builtin.Priority{}, []rserpool.Policy{{Priority: 1}, {Priority: 0xffffffff}, {Priority: 2}}, 3, "BCA BCA"},
		{"priority, equals take turns", builtin.Priority{}, []rserpool.Policy{{Priority: 2}, {Priority: 1}, {Priority: 2}}, 1, "A C A C"},

		{"least used, the least", builtin.LeastUsed{}, []rserpool.Policy{load(50), load(20), load(30)}, 3, "BCA BCA"},
		{"least used, equals take turns", builtin.LeastUsed{}, []rserpool.Policy{load(20), load(20), load(30)}, 2, "AB BA AB"},
		{"least used, full load serves", builtin.LeastUsed{}, []rserpool.Policy{load(100), load(100)}, 1, "A B A"},
		{"least used, no degradation", builtin.LeastUsed{}, []rserpool.Policy{load(20, 50), load(30)}, 1, "A A A"},

		{"degradation, four of the light one and then a tie", builtin.LeastUsedDegradation{},
			[]rserpool.Policy{{Load: 0x10000000, Degradation: 0x10000000}, {Load: 0x50000000}}, 1, "A A A A B A B B"},
		{"degradation, both rise", builtin.LeastUsedDegradation{}, []rserpool.Policy{load(0, 10), load(5, 10)}, 1, "A B A B"},
		{"degradation, who is full stays full", builtin.LeastUsedDegradation{}, []rserpool.Policy{load(60, 30), load(100)}, 1, "A A B A B"},
		{"degradation, overflow saturates", builtin.LeastUsedDegradation{},
			[]rserpool.Policy{{Load: 0xffffffff, Degradation: 0xffffffff}, {Load: 0xffffffff, Degradation: 1}}, 1, "A B A B A"},

		{"priority least used, after one more", builtin.PriorityLeastUsed{}, []rserpool.Policy{load(20, 30), load(40, 5)}, 1, "B B B"},
		{"priority least used, overflow saturates", builtin.PriorityLeastUsed{}, []rserpool.Policy{load(60, 60), load(90, 90)}, 1, "A B A"},

		{"priority least used degradation, after one more, rising", builtin.PriorityLeastUsedDegradation{},
			[]rserpool.Policy{load(0, 25), load(50, 25)}, 1, "A A B A"},

		{"distance adds to the load", builtin.LeastUsedDPF{}, []rserpool.Policy{far(40, 20), far(10, 40)}, 1, "B B B"},
		{"distance without factor is nothing", builtin.LeastUsedDPF{}, []rserpool.Policy{{Load: percent(20), Distance: 0xffffffff}, load(40)}, 1, "A A A"},
		{"distance overflow saturates", builtin.LeastUsedDPF{},
			[]rserpool.Policy{{LoadDPF: 0xffffffff, Distance: 0xffffffff}, {Load: 0xffffffff}}, 1, "A B A"},
		{"distance does not rise", builtin.LeastUsedDPF{}, []rserpool.Policy{far(10, 0, 50), far(20, 0, 50)}, 1, "A A A"},
		{"distance and degradation", builtin.LeastUsedDegradationDPF{}, []rserpool.Policy{far(5, 0, 10), far(20, 0, 10)}, 1, "A A B A B"},
		{"distance after one more", builtin.PriorityLeastUsedDPF{}, []rserpool.Policy{far(0, 10, 50), far(20, 20, 10)}, 1, "B B B"},
		{"distance after one more, rising", builtin.PriorityLeastUsedDegradationDPF{}, []rserpool.Policy{far(0, 0, 20), far(15, 20, 10)}, 1, "A A B B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newPool(tc.policy, tc.pool...)
			var got []string
			want := strings.Fields(tc.want)
			for range want {
				got = append(got, l.pick(tc.items))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: picks %v, want %v", tc.policy.Describe().Name, got, want)
			}
		})
	}
}

// TestReregistrationResetsTheDegradation does so with unchanged values too
// (RFC 5356, Section 5.2.2).
func TestReregistrationResetsTheDegradation(t *testing.T) {
	for _, p := range []engine.Policy{
		builtin.LeastUsedDegradation{},
		builtin.PriorityLeastUsedDegradation{},
		builtin.LeastUsedDegradationDPF{},
		builtin.PriorityLeastUsedDegradationDPF{},
	} {
		t.Run(p.Describe().Name, func(t *testing.T) {
			l := newPool(p, load(0, 20), load(30, 20))
			first := l.picks(2)
			l.reregister(0)
			if got := first + l.picks(2); got != "AAAA" {
				t.Errorf("picks %s, want AAAA", got)
			}
			l.reregister(1)
			if got := l.picks(1); got != "B" {
				t.Errorf("then %s, want B", got)
			}
		})
	}
}

func TestShares(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy engine.Policy
		pool   []rserpool.Policy
		want   []float64
	}{
		{"random is uniform", builtin.Random{}, []rserpool.Policy{weight(1), weight(9), load(80)}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{"weighted random", builtin.WeightedRandom{}, []rserpool.Policy{weight(1), weight(2), weight(5)}, []float64{1. / 8, 2. / 8, 5. / 8}},
		{"weighted random, the largest weights", builtin.WeightedRandom{}, []rserpool.Policy{weight(0xffffffff), weight(0xffffffff)}, []float64{.5, .5}},
		{"weighted random, all zero", builtin.WeightedRandom{}, []rserpool.Policy{weight(0), weight(0)}, []float64{.5, .5}},
		{"idle share", builtin.RandomizedLeastUsed{}, []rserpool.Policy{load(0), load(50), load(75)}, []float64{4. / 7, 2. / 7, 1. / 7}},
		{"idle share, all full", builtin.RandomizedLeastUsed{}, []rserpool.Policy{load(100), load(100)}, []float64{.5, .5}},
		{"idle share, one not quite full", builtin.RandomizedLeastUsed{}, []rserpool.Policy{{Load: 0xfffffffe}, {Load: 0xfffffffd}, {Load: 0xffffffff}}, []float64{1. / 4, 2. / 4, 1. / 4}},
		{"idle share after one more", builtin.RandomizedPriorityLeastUsed{}, []rserpool.Policy{load(0, 50), load(50, 25)}, []float64{2. / 3, 1. / 3}},
		{"idle share after one more, overflow", builtin.RandomizedPriorityLeastUsed{}, []rserpool.Policy{load(60, 60), load(100)}, []float64{.5, .5}},
		{"idle share, degraded to nothing", builtin.RandomizedLeastUsedDegradation{}, []rserpool.Policy{load(0, 1), load(0, 1)}, []float64{.5, .5}},
		{"idle share after one more, degraded to nothing", builtin.RandomizedPriorityLeastUsedDegradation{}, []rserpool.Policy{load(0, 1), load(20, 1)}, []float64{.5, .5}},
		{"weight less distance", builtin.WeightedRandomDPF{}, []rserpool.Policy{
			{Weight: 100, WeightDPF: percent(1), Distance: 50},
			{Weight: 100, WeightDPF: percent(1), Distance: 0},
		}, []float64{1. / 3, 2. / 3}},
		{"weight less distance, beyond zero", builtin.WeightedRandomDPF{}, []rserpool.Policy{
			{Weight: 100, WeightDPF: percent(1), Distance: 500},
			{Weight: 4, WeightDPF: percent(50), Distance: 2},
			{Weight: 8},
			{Weight: 0, WeightDPF: percent(1), Distance: 500},
		}, []float64{1. / 10, 1. / 10, 8. / 10, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const draws = 100_000
			l := newPool(tc.policy, tc.pool...)
			counts := make([]int, len(tc.want))
			for range draws {
				counts[l.pick(1)[0]-'A']++
			}
			for i, p := range tc.want {
				mean := p * draws
				if got, bound := float64(counts[i]), 5*math.Sqrt(mean*(1-p)); math.Abs(got-mean) > bound {
					t.Errorf("%c: %g draws, want %.0f +- %.0f", 'A'+i, got, mean, bound)
				}
			}
		})
	}
}

// TestDegradationLowersTheShare counts how long two elements of equal load stay
// even when one of them degrades fast.
func TestDegradationLowersTheShare(t *testing.T) {
	for _, p := range []engine.Policy{builtin.RandomizedLeastUsedDegradation{}, builtin.RandomizedPriorityLeastUsedDegradation{}} {
		t.Run(p.Describe().Name, func(t *testing.T) {
			l := newPool(p, load(0, 25), load(0))
			got := l.picks(1000)
			if n := strings.Count(got, "A"); n < 3 || n > 4 {
				t.Errorf("A was full after %d selections, want 3 or 4", n)
			}
			l.reregister(0)
			if got := l.picks(1000); !strings.Contains(got, "A") {
				t.Error("A is idle again, and not drawn")
			}
		})
	}
}

// TestEverybodyIsSelected holds for the policies that promise it, in a pool of
// different values.
func TestEverybodyIsSelected(t *testing.T) {
	for _, p := range builtin.All() {
		name := p.Describe().Name
		switch p.(type) {
		case builtin.Priority, builtin.LeastUsed, builtin.PriorityLeastUsed, builtin.LeastUsedDPF, builtin.PriorityLeastUsedDPF:
			continue // the best takes all
		}
		t.Run(name, func(t *testing.T) {
			var values []rserpool.Policy
			for i := range 20 {
				v := load(i*4, 5)
				v.Weight, v.LoadDPF, v.WeightDPF, v.Distance = uint32(1+i), percent(1)/10, percent(1)/10, uint32(i)
				values = append(values, v)
			}
			l := newPool(p, values...)
			got := l.picks(10_000)
			for i := range values {
				if !strings.ContainsRune(got, rune('A'+i)) {
					t.Errorf("%c was never selected", 'A'+i)
				}
			}
		})
	}
}

func Example() {
	s := newSelector(builtin.WeightedRoundRobin{})
	for i, w := range []uint32{1, 3} {
		s.Add(epoch, &engine.Member{Element: &rserpool.Element{
			ID:     rserpool.ElementID(i + 1),
			Policy: rserpool.Policy{Type: rserpool.WeightedRoundRobin, Weight: w},
		}})
	}
	for range 4 {
		for _, m := range s.Select(&engine.Request{Items: 1}, nil) {
			fmt.Println(m.Element.ID)
		}
	}
	// Output:
	// 0x00000001
	// 0x00000002
	// 0x00000002
	// 0x00000002
}
