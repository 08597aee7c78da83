package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRankedSelection(t *testing.T) {
	for _, tc := range []struct {
		name    string
		weights []uint32
		mark    int
		items   int
		want    []string
	}{
		{"equals take turns", []uint32{5, 5, 5}, 1, 1, []string{"A", "B", "C", "A"}},
		{"the best comes always", []uint32{5, 4, 6}, 1, 1, []string{"B", "B", "B"}},
		{"the best comes first", []uint32{5, 4, 6}, 1, 3, []string{"BAC", "BAC"}},
		{"one of three is marked", []uint32{5, 5, 5, 5}, 1, 3, []string{"ABC", "BCD", "CDA"}},
		{"two of three are marked", []uint32{5, 5, 5, 5}, 2, 3, []string{"ABC", "CDA", "ABC"}},
		{"all are marked", []uint32{5, 5, 5, 5}, All, 3, []string{"ABC", "DAB", "CDA"}},
		{"none is marked", []uint32{5, 5, 5}, 0, 2, []string{"AB", "AB"}},
		{"more than there are", []uint32{5, 5}, 1, 9, []string{"AB", "BA"}},
		{"nothing asked for", []uint32{5, 5}, 1, 0, []string{"", ""}},
		{"less than nothing asked for", []uint32{5, 5}, 1, -1, []string{""}},
		{"who cannot serve is left out", []uint32{infinite, 5, infinite, 5}, 1, 4, []string{"BD", "DB"}},
		{"if nobody can serve, all take turns", []uint32{infinite, infinite}, 1, 1, []string{"A", "B", "A"}},
		{"a faulty one comes last", []uint32{faulty, 5}, 1, 2, []string{"BA", "BA"}},
		{"faulty ones take turns", []uint32{faulty, faulty}, 1, 1, []string{"A", "B", "A"}},
		{"empty", nil, 1, 3, []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSelector(byWeight{})
			s.SetMark(tc.mark)
			named(s, tc.weights...)
			for i, want := range tc.want {
				if got := names(s.Select(&Request{Items: tc.items}, nil)); got != want {
					t.Fatalf("selection %d: %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestPreviewCountsNothing(t *testing.T) {
	s := newSelector(byWeight{})
	ms := named(s, 5, 5)
	for range 3 {
		if got := names(s.Select(&Request{Items: 1, Preview: true}, nil)); got != "A" {
			t.Fatalf("preview: %s, want A", got)
		}
	}
	if n := ms[0].Selections(); n != 0 {
		t.Errorf("previews count %d selections", n)
	}
}

// TestSelectorAgreesWithSorting compares ranked selections with a sorted slice
// over random operations.
func TestSelectorAgreesWithSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type reference struct {
			member *Member
			key    float64
			turn   int
		}
		s := newSelector(loaded{})
		var model []*reference
		turn, mark := 0, 1
		rank := func(r *reference) {
			r.key = float64(r.member.Element.Policy.Weight) + float64(r.member.Selections())
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				turn++
				m := member(rapid.Uint32Range(0, 5).Draw(t, "weight"))
				s.Add(start, m)
				model = append(model, &reference{m, 0, turn})
				rank(model[len(model)-1])
			},
			"remove": func(t *rapid.T) {
				if len(model) > 0 {
					i := rapid.IntRange(0, len(model)-1).Draw(t, "member")
					s.Remove(model[i].member)
					model = slices.Delete(model, i, i+1)
				}
			},
			"update": func(t *rapid.T) {
				if len(model) > 0 {
					r := rapid.SampledFrom(model).Draw(t, "member")
					r.member.Element.Policy.Weight = rapid.Uint32Range(0, 5).Draw(t, "weight")
					s.Update(start, r.member)
					rank(r)
				}
			},
			"mark": func(t *rapid.T) {
				mark = rapid.IntRange(0, 3).Draw(t, "mark")
				s.SetMark(mark)
			},
			"select": func(t *rapid.T) {
				slices.SortFunc(model, func(a, b *reference) int {
					if a.key != b.key {
						return int(a.key - b.key)
					}
					return a.turn - b.turn
				})
				n := rapid.IntRange(1, 6).Draw(t, "items")
				var want []*Member
				for i, r := range model[:min(n, len(model))] {
					want = append(want, r.member)
					if i < mark {
						turn++
						r.turn, r.key = turn, r.key+1
					}
				}
				if got := s.Select(&Request{Items: n}, nil); !slices.Equal(got, want) {
					t.Fatalf("got another selection of %d than %d", len(got), len(want))
				}
			},
			"": func(t *rapid.T) {
				if s.Len() != len(model) {
					t.Fatalf("%d members, want %d", s.Len(), len(model))
				}
			},
		})
	})
}

// loaded ranks by weight plus selections.
type loaded struct{ byWeight }

func (loaded) Describe() Description {
	return Description{Name: "loaded", Mark: 1, Inputs: Selections}
}
func (loaded) Key(m *Member) float64 { return value(m) + float64(m.Selections()) }

// TestNobodyIsLost goes through random changes of membership with each form of
// policy: whatever happened, asking for all gives each exactly once.
func TestNobodyIsLost(t *testing.T) {
	for _, p := range []Policy{byWeight{}, inTurn{}, atRandom{}, equally{}} {
		t.Run(p.Describe().Name, rapid.MakeCheck(func(t *rapid.T) {
			s := newSelector(p)
			s.SetMark(2)
			model := map[*Member]bool{}
			order := []*Member{} // of registration
			for range rapid.IntRange(1, 80).Draw(t, "operations") {
				switch {
				case len(order) == 0 || rapid.IntRange(0, 9).Draw(t, "grow") < 5:
					m := member(rapid.Uint32Range(1, 9).Draw(t, "weight"))
					s.Add(start, m)
					model[m] = true
					order = append(order, m)
				default:
					i := rapid.IntRange(0, len(order)-1).Draw(t, "member")
					s.Remove(order[i])
					delete(model, order[i])
					order = slices.Delete(order, i, i+1)
				}
				n := rapid.IntRange(1, len(order)+2).Draw(t, "items")
				got := s.Select(&Request{Items: n}, nil)
				if want := min(n, len(order)); len(got) != want {
					t.Fatalf("asked for %d of %d, got %d", n, len(order), len(got))
				}
				seen := map[*Member]bool{}
				for _, m := range got {
					if !model[m] || seen[m] {
						t.Fatal("a member that is gone, or twice")
					}
					seen[m] = true
				}
			}
			if got := slices.Collect(s.All()); !slices.Equal(got, order) {
				t.Fatal("members are not in order of registration")
			}
		}))
	}
}

// TestEveryPolicyReplacesEveryOther changes the policy of a pool with gaps, after
// draws, and expects all members to be there and in turn.
func TestEveryPolicyReplacesEveryOther(t *testing.T) {
	all := []Policy{byWeight{}, inTurn{}, atRandom{}, equally{}}
	for _, from := range all {
		for _, to := range all {
			t.Run(fmt.Sprintf("%s to %s", from.Describe().Name, to.Describe().Name), func(t *testing.T) {
				s := newSelector(from)
				ms := named(s, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
				for range 5 {
					s.Select(&Request{Items: 3}, nil)
				}
				for _, i := range []int{0, 4, 9} {
					s.Remove(ms[i])
				}
				if err := s.SetPolicy(start, to); err != nil {
					t.Fatal(err)
				}
				got := map[string]int{}
				for range 200 {
					for _, m := range s.Select(&Request{Items: 3}, nil) {
						got[m.Owner.(string)]++
					}
				}
				if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"B", "C", "D", "F", "G", "H", "I"}) {
					t.Errorf("selected %v", got)
				}
			})
		}
	}
}

// watcher is a policy that keeps state in hooks: who was selected or failed is
// worth less by its own count.
type watcher struct {
	byWeight
	log   []string
	extra map[*Member]float64
}

func (w *watcher) Describe() Description {
	return Description{Name: "watcher", Mark: 1, Inputs: State}
}
func (w *watcher) Open(*Pool) (Policy, error) {
	return &instance{watcher: w, extra: map[*Member]float64{}}, nil
}

type instance struct {
	*watcher
	extra map[*Member]float64
}

func (w *instance) note(what string, m *Member) error {
	w.log = append(w.log, what+" "+m.Owner.(string))
	return nil
}
func (w *instance) Key(m *Member) float64      { return value(m) + w.extra[m] }
func (w *instance) Registered(m *Member) error { return w.note("registered", m) }
func (w *instance) Selected(m *Member) error   { w.extra[m]++; return w.note("selected", m) }
func (w *instance) Failed(m *Member, why Reason) error {
	w.extra[m] += 10
	return w.note("failed "+why.String(), m)
}
func (w *instance) Deregistered(m *Member) error {
	delete(w.extra, m)
	return w.note("deregistered", m)
}

func TestHooksAreToldAndRankAnew(t *testing.T) {
	w := &watcher{}
	s := newSelector(w)
	other := newSelector(w)
	named(other, 1)
	ms := named(s, 1, 1)
	if got := picks(s, 4); got != "ABAB" {
		t.Errorf("picks %s, want ABAB", got)
	}
	s.Failed(time.Unix(100, 0), ms[0], Unreachable)
	if got := picks(s, 3); got != "BBB" {
		t.Errorf("picks after a failure %s, want BBB", got)
	}
	if n, at := ms[0].Failures(), ms[0].LastFailure(); n != 1 || !at.Equal(time.Unix(100, 0)) {
		t.Errorf("%d failures, last at %v", n, at)
	}
	if at := ms[1].LastFailure(); !at.IsZero() {
		t.Errorf("never failed, yet at %v", at)
	}
	s.Update(start, ms[0])
	s.Remove(ms[1])
	want := []string{
		"registered A", "registered A", "registered B",
		"selected A", "selected B", "selected A", "selected B",
		"failed unreachable A", "selected B", "selected B", "selected B",
		"registered A", "deregistered B",
	}
	if !slices.Equal(w.log, want) {
		t.Errorf("hooks:\n got %v\nwant %v", w.log, want)
	}
}

func TestCountersFollowRegistrations(t *testing.T) {
	s := newSelector(byWeight{})
	m := named(s, 1)[0]
	picks(s, 3)
	s.Update(start, m)
	picks(s, 2)
	if got, total := m.Selections(), m.SelectionsTotal(); got != 2 || total != 5 {
		t.Errorf("selections %d, total %d, want 2 and 5", got, total)
	}
	m.selections = math.MaxUint32
	picks(s, 1)
	if got := m.Selections(); got != math.MaxUint32 {
		t.Errorf("selections wrap to %d", got)
	}
}

// TestMembersJoinWithoutHistory moves members from a pool in which they were drawn
// and counted into a new one.
func TestMembersJoinWithoutHistory(t *testing.T) {
	old := newSelector(equally{})
	old.SetMark(All)
	ms := named(old, 1, 1, 1, 1, 1, 1)
	old.Select(&Request{Items: 1}, nil)
	old.Select(&Request{Items: 3}, nil)
	old.Failed(time.Unix(1, 0), ms[0], Unreachable)
	s := newSelector(equally{})
	for _, m := range ms {
		old.Remove(m)
		s.Add(start, m)
		if m.Selections() != 0 || m.SelectionsTotal() != 0 || m.Failures() != 0 || !m.LastFailure().IsZero() || m.stamp != 0 {
			t.Errorf("%s has a history: %+v", m.Owner, m)
		}
	}
	if n := len(s.Select(&Request{Items: 3}, nil)); n != 3 {
		t.Errorf("selected %d, want 3", n)
	}
}

// TestFaultsKeepTheRank lets results of the policy go bad after good ones.
func TestFaultsKeepTheRank(t *testing.T) {
	t.Run("key", func(t *testing.T) {
		s := newSelector(byWeight{})
		ms := named(s, 1, 2, 3)
		ms[1].Element.Policy.Weight = faulty
		s.Update(start, ms[1])
		if got := names(s.Select(&Request{Items: 3}, nil)); got != "ABC" || s.Faults() != 1 {
			t.Errorf("%s with %d faults, want ABC with 1", got, s.Faults())
		}
	})
	t.Run("weight", func(t *testing.T) {
		s := newSelector(atRandom{})
		ms := named(s, 1000, 0)
		for _, w := range []uint32{faulty, infinite} {
			ms[0].Element.Policy.Weight = w
			s.Update(start, ms[0])
		}
		if got := picks(s, 5); got != "AAAAA" || s.Faults() != 2 {
			t.Errorf("%s with %d faults, want AAAAA with 2", got, s.Faults())
		}
	})
	t.Run("weight of a new one", func(t *testing.T) {
		s := newSelector(atRandom{})
		ms := named(s, 1, 3, faulty)
		if ms[2].key != 2 {
			t.Errorf("weight %g, want the mean of the others, 2", ms[2].key)
		}
	})
	t.Run("step", func(t *testing.T) {
		s := newSelector(inTurn{})
		named(s, faulty, 1)
		counts := map[rune]int{}
		for _, c := range picks(s, 100) {
			counts[c]++
		}
		if counts['A'] != 50 || s.Faults() == 0 {
			t.Errorf("picks %v with %d faults, want 50 each", counts, s.Faults())
		}
	})
}

func TestRefreshAsksOnlyWhereItMatters(t *testing.T) {
	for _, tc := range []struct {
		name    string
		inputs  Inputs
		changed Inputs
		want    int
	}{
		{"a policy of time, as time passes", Time, Time, 3},
		{"a policy of time and members, as members change", Time | Membership, Membership, 3},
		{"a policy of members, as time passes", Membership, Time, 0},
		{"a policy of registrations alone", 0, Time | Membership | State, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &asked{inputs: tc.inputs}
			s := newSelector(p)
			named(s, 1, 2, 3)
			p.count = 0
			s.Refresh(start, tc.changed)
			if p.count != tc.want {
				t.Errorf("asked %d times, want %d", p.count, tc.want)
			}
		})
	}
}

type asked struct {
	byWeight
	inputs Inputs
	count  int
}

func (p *asked) Describe() Description { return Description{Name: "asked", Inputs: p.inputs} }
func (p *asked) Key(m *Member) float64 { p.count++; return value(m) }

func TestSelectingDoesNotAllocate(t *testing.T) {
	for _, p := range []Policy{byWeight{}, loaded{}, inTurn{}, atRandom{}, equally{}} {
		for _, size := range []int{3, 4, 5, 7, 1000} {
			t.Run(fmt.Sprintf("%s of %d", p.Describe().Name, size), func(t *testing.T) {
				s := newSelector(p)
				for i := range size {
					s.Add(start, member(uint32(i%7+1)))
				}
				dst, r := make([]*Member, 0, 3), &Request{Items: 3}
				if n := testing.AllocsPerRun(100, func() { dst = s.Select(r, dst[:0]) }); n != 0 {
					t.Errorf("%g allocations", n)
				}
				if len(dst) != 3 {
					t.Errorf("selected %d, want 3", len(dst))
				}
			})
		}
	}
}
