package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// filters adds a filter to a policy: odd weights are admitted, and those of 5 fail.
type filters struct {
	Policy
	max int
}

func (f filters) Describe() Description {
	d := f.Policy.Describe()
	d.MaxScan = f.max
	return d
}

func (filters) Admit(m *Member, _ *Request) (bool, error) {
	w := m.Element.Policy.Weight
	if w == 5 {
		return false, errors.New("five is no good")
	}
	return w%2 == 1, nil
}

type (
	rankedFilter  struct{ filters }
	pacedFilter   struct{ filters }
	drawnFilter   struct{ filters }
	equalFilter   struct{ filters }
	sampledFilter struct{ filters }
	affineFilter  struct{ filters }
)

func (rankedFilter) Key(m *Member) float64               { return value(m) }
func (pacedFilter) Step(m *Member) float64               { return 1 / value(m) }
func (drawnFilter) Weight(m *Member) float64             { return value(m) }
func (equalFilter) Weight(*Member) float64               { return 1 }
func (sampledFilter) Key(m *Member) float64              { return value(m) }
func (affineFilter) Affinity(r *Request) (uint64, error) { return Hash(string(r.Handle)), nil }

// filtering are policies of all forms that have a filter.
func filtering(max int) []Policy {
	return []Policy{
		rankedFilter{filters{byWeight{}, max}},
		pacedFilter{filters{inTurn{}, max}},
		drawnFilter{filters{atRandom{}, max}},
		equalFilter{filters{equally{}, max}},
		sampledFilter{filters{sampling{2}, max}},
		affineFilter{filters{sticky{}, max}},
	}
}

func TestFilterLeavesOut(t *testing.T) {
	for _, p := range filtering(0) {
		t.Run(p.Describe().Name, rapid.MakeCheck(func(t *rapid.T) {
			s := newSelector(p)
			admitted, all, bad := 0, rapid.SliceOfNDistinct(rapid.Uint32Range(1, 60), 1, 30, rapid.ID).Draw(t, "weights"), false
			for _, w := range all {
				s.Add(start, member(w))
				bad = bad || w == 5
				if w%2 == 1 && w != 5 {
					admitted++
				}
			}
			n := rapid.IntRange(1, 10).Draw(t, "items")
			got := s.Select(&Request{Items: n, Handle: "P"}, nil)
			for i, m := range got {
				if w := m.Element.Policy.Weight; w%2 == 0 || w == 5 {
					t.Fatalf("weight %d is not admitted", w)
				}
				if slices.Contains(got[:i], m) {
					t.Fatal("twice")
				}
			}
			if want := min(n, admitted); len(got) != want {
				t.Fatalf("selected %d, want %d", len(got), want)
			}
			if s.Faults() > 0 && !bad {
				t.Fatal("a fault without a cause")
			}
			if s.Truncated() != 0 {
				t.Fatal("truncated although all could be asked about")
			}
		}))
	}
}

// TestFilterKeepsTheOrder asks for more than the first one.
func TestFilterKeepsTheOrder(t *testing.T) {
	s := newSelector(rankedFilter{filters{byWeight{}, 0}})
	named(s, 9, 4, 3, 5, 1, 2)
	if got := names(s.Select(&Request{Items: 3}, nil)); got != "ECA" {
		t.Errorf("selected %s, want ECA", got)
	}
	if s.Faults() != 1 {
		t.Errorf("%d faults, want 1", s.Faults())
	}
}

func TestFilterIsAskedAboutSomeOnly(t *testing.T) {
	for _, p := range filtering(7) {
		t.Run(p.Describe().Name, func(t *testing.T) {
			s := newSelector(p)
			for i := range 100 {
				s.Add(start, member(uint32(2*i+2))) // none is admitted
			}
			if got := s.Select(&Request{Items: 1, Handle: "P"}, nil); len(got) != 0 || s.Truncated() != 1 {
				t.Errorf("selected %d, truncated %d times, want 0 and 1", len(got), s.Truncated())
			}
		})
	}
}

// TestFilterOfWeightsLeavesThemAsTheyWere draws with a filter between draws without.
func TestFilterOfWeightsLeavesThemAsTheyWere(t *testing.T) {
	p := drawnFilter{filters{atRandom{}, 0}}
	s := newSelector(p)
	for i := range 40 {
		s.Add(start, member(uint32(i)))
	}
	o := s.order.(*filtered).order.(*drawn)
	before := fmt.Sprint(o.sums.levels)
	for range 100 {
		s.Select(&Request{Items: 5}, nil)
	}
	if after := fmt.Sprint(o.sums.levels); after != before {
		t.Errorf("the weights have changed:\n%s\n%s", before, after)
	}
}

// TestFilteredDrawsAreInProportion compares the shares of those admitted.
func TestFilteredDrawsAreInProportion(t *testing.T) {
	s := newSelector(drawnFilter{filters{atRandom{}, 0}})
	named(s, 1, 2, 3, 4, 7)
	counts := map[string]int{}
	for range 50_000 {
		counts[names(s.Select(&Request{Items: 1}, nil))]++
	}
	expect(t, counts, 50_000, map[string]float64{"A": 1. / 11, "C": 3. / 11, "E": 7. / 11})
}

// sampling takes the best of some.
type sampling struct{ size int }

func (p sampling) Describe() Description {
	return Description{Name: "sampling", Mark: 1, Sample: p.size, Inputs: Selections}
}
func (sampling) Key(m *Member) float64 {
	if k := value(m); k != 0 {
		return k
	}
	return float64(m.Selections())
}

// TestSamplingTakesTheBestOfSome counts how often each of ten members is the best of
// d different ones: the one of rank i, of the combinations without the i better ones.
func TestSamplingTakesTheBestOfSome(t *testing.T) {
	choose := func(n, k int) float64 {
		c := 1.
		for i := range k {
			c = c * float64(n-i) / float64(i+1)
		}
		return max(c, 0)
	}
	for _, d := range []int{2, 3, 7} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			s := newSelector(sampling{d})
			named(s, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
			counts, want := map[string]int{}, map[string]float64{}
			for i := range 10 {
				if share := choose(9-i, d-1) / choose(10, d); share > 0 {
					want[string(rune('A'+i))] = share
				}
			}
			for range 50_000 {
				counts[names(s.Select(&Request{Items: 1}, nil))]++
			}
			expect(t, counts, 50_000, want)
		})
	}
}

// TestSamplingOfASmallPoolSorts looks at a pool no larger than the sample whole.
func TestSamplingOfASmallPoolSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, whole := newSelector(sampling{40}), newSelector(byWeight{})
		for _, w := range rapid.SliceOfN(rapid.SampledFrom([]uint32{1, 2, 3, infinite}), 1, 30).Draw(t, "weights") {
			s.Add(start, member(w))
			whole.Add(start, member(w))
		}
		for range 5 {
			n := rapid.IntRange(1, 12).Draw(t, "items")
			a, b := s.Select(&Request{Items: n}, nil), whole.Select(&Request{Items: n}, nil)
			if len(a) != len(b) {
				t.Fatalf("selected %d, want %d", len(a), len(b))
			}
			for i := range a {
				if a[i].slot != b[i].slot {
					t.Fatalf("place %d: %d, want %d", i, a[i].slot, b[i].slot)
				}
			}
		}
	})
}

func TestSamplingFaults(t *testing.T) {
	s := newSelector(sampling{2})
	ms := named(s, 3, faulty)
	if ms[1].key != math.MaxFloat64 || s.Faults() != 1 {
		t.Errorf("key %g, %d faults", ms[1].key, s.Faults())
	}
	ms[0].Element.Policy.Weight = faulty
	s.Update(start, ms[0])
	if ms[0].key != 3 || s.Faults() != 2 {
		t.Errorf("key %g, %d faults: want the last good one", ms[0].key, s.Faults())
	}
}

// picky chooses what it is told to.
type picky struct {
	max    int
	answer func(members, dst []*Member) ([]*Member, error)
}

func (p picky) Describe() Description {
	return Description{Name: "picky", Mark: 1, MaxElements: p.max}
}
func (p picky) Choose(members []*Member, _ *Request, dst []*Member) ([]*Member, error) {
	return p.answer(members, dst)
}

func TestAnswersOfAChooser(t *testing.T) {
	stranger := member(9)
	gone := &Member{}
	for _, tc := range []struct {
		name   string
		answer func(ms, dst []*Member) ([]*Member, error)
		want   string
		fault  string
	}{
		{"two", func(ms, dst []*Member) ([]*Member, error) { return append(dst, ms[2], ms[0]), nil }, "CA", ""},
		{"nobody", func(_, dst []*Member) ([]*Member, error) { return dst, nil }, "", ""},
		{"nil", func(_, _ []*Member) ([]*Member, error) { return nil, nil }, "", ""},
		{"more than wanted", func(ms, dst []*Member) ([]*Member, error) { return append(dst, ms...), nil }, "AB", ""},
		{"a slice of its own", func(ms, _ []*Member) ([]*Member, error) { return []*Member{ms[1]}, nil }, "B", ""},
		{"somebody twice", func(ms, dst []*Member) ([]*Member, error) { return append(dst, ms[1], ms[1]), nil }, "", "twice"},
		{"a stranger", func(_, dst []*Member) ([]*Member, error) { return append(dst, stranger), nil }, "", "not in the pool"},
		{"somebody who has left", func(_, dst []*Member) ([]*Member, error) { return append(dst, gone), nil }, "", "not in the pool"},
		{"nil among them", func(_, dst []*Member) ([]*Member, error) { return append(dst, nil), nil }, "", "not in the pool"},
		{"an error", func(_, dst []*Member) ([]*Member, error) { return dst, errors.New("no mood") }, "", "no mood"},
		{"a panic", func(_, _ []*Member) ([]*Member, error) { panic("no mood") }, "", "panic: no mood"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSelector(picky{0, tc.answer})
			ms := named(s, 1, 2, 3, 4)
			gone = ms[3]
			s.Remove(gone)
			got := names(s.Select(&Request{Items: 2}, nil))
			fault := ""
			if s.LastFault() != nil {
				fault = s.LastFault().Error()
			}
			if got != tc.want || (tc.fault == "") != (fault == "") || !contains(fault, tc.fault) {
				t.Errorf("selected %q with the fault %q, want %q and %q", got, fault, tc.want, tc.fault)
			}
		})
	}
}

// TestChooserSeesTheMembersInOrder follows registrations and removals.
func TestChooserSeesTheMembersInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seen []*Member
		s := newSelector(picky{All, func(ms, dst []*Member) ([]*Member, error) {
			seen = slices.Clone(ms)
			return dst, nil
		}})
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			if s.Len() == 0 || rapid.IntRange(0, 4).Draw(t, "grow") > 1 {
				s.Add(start, member(1))
			} else {
				s.Remove(rapid.SampledFrom(slices.Collect(s.All())).Draw(t, "member"))
			}
			s.Select(&Request{Items: 1}, nil)
			if s.Len() > 0 && !slices.Equal(seen, slices.Collect(s.All())) {
				t.Fatalf("%d members in another order than %d", len(seen), s.Len())
			}
		}
	})
}
