package engine

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRanksAreASortedList compares ranks with a sorted slice over random operations,
// with few different keys so that many are equal, and many members at once so that
// there are several runs.
func TestRanksAreASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x ranks
		var model, members []*Member // in order, and by slots
		var seq uint64
		key := rapid.SampledFrom([]float64{math.Inf(-1), -3, -0.5, math.Copysign(0, -1), 0, 0.5, 1, 2, 1e300, math.Inf(1)})
		pick := func(t *rapid.T) *Member {
			if len(model) == 0 {
				t.Skip("empty")
			}
			return model[rapid.IntRange(0, len(model)-1).Draw(t, "member")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				keys := rapid.SliceOfN(key, 1, 4).Draw(t, "keys")
				for i := range rapid.IntRange(1, 150).Draw(t, "number") {
					seq++
					m := &Member{key: keys[i%len(keys)], seq: seq, slot: int32(len(members))}
					members = append(members, m)
					x.insert(m)
					model = append(model, m)
				}
			},
			"remove": func(t *rapid.T) {
				from := rapid.IntRange(0, len(model)).Draw(t, "from")
				step := rapid.IntRange(1, 3).Draw(t, "step")
				for i := from; i < min(len(model), from+100); i += step - 1 {
					x.remove(model[i])
					model = slices.Delete(model, i, i+1)
				}
			},
			"change the key": func(t *rapid.T) {
				m := pick(t)
				x.move(m, key.Draw(t, "key"), m.seq)
			},
			"select the first": func(t *rapid.T) {
				for range min(len(model), rapid.IntRange(1, 100).Draw(t, "times")) {
					seq++
					x.move(model[0], model[0].key, seq)
					slices.SortFunc(model, inOrder)
				}
			},
			"select": func(t *rapid.T) {
				seq++
				m := pick(t)
				x.move(m, m.key, seq)
			},
			"renumber": func(t *rapid.T) {
				old := members
				members = slices.Clone(model)
				for i, m := range members {
					m.slot = int32(i)
				}
				x.rank(old)
			},
			"": func(t *rapid.T) {
				slices.SortFunc(model, inOrder)
				checkRanks(t, &x, members, model)
			},
		})
	})
}

func inOrder(a, b *Member) int {
	if a.before(b) {
		return -1
	}
	return 1
}

func checkRanks(t *rapid.T, x *ranks, members, want []*Member) {
	var got []*Member
	for n, u := range x.runs {
		if len(u.live()) == 0 || len(u.ranks) > runLen {
			t.Fatalf("run %d of %d has %d ranks in a place for %d", n, len(x.runs), len(u.live()), len(u.ranks))
		}
		for _, r := range u.live() {
			if n > 0 && r.before(x.bounds[n]) || n+1 < len(x.runs) && !r.before(x.bounds[n+1]) {
				t.Fatalf("run %d has a rank out of its bounds", n)
			}
			m := members[r.slot]
			if r != rankOf(m) {
				t.Fatalf("rank %v, want %v", r, rankOf(m))
			}
			got = append(got, m)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d members, or in another order, want %d", len(got), len(want))
	}
	if k, ok := x.first(); ok != (len(want) > 0) || ok && k != want[0].key {
		t.Fatalf("first key %g, %v", k, ok)
	}
}

// TestTurnsTakeNoRoom lets everybody of a small and of a large pool have many turns.
func TestTurnsTakeNoRoom(t *testing.T) {
	for _, n := range []int{1, 10, 63, 64, 65, 1000} {
		s := newSelector(byWeight{})
		for range n {
			s.Add(start, member(1))
		}
		for range 10 * max(n, runLen) {
			s.Select(&Request{Items: 1}, nil)
		}
		room := 0
		for _, u := range s.order.(*ranked).ranks.runs {
			room += cap(u.ranks)
		}
		if room > 2*(n+runLen) || n == 10 && room > 32 {
			t.Errorf("room for %d ranks of %d members", room, n)
		}
	}
}

func TestSortableKeysSortAsTheyDo(t *testing.T) {
	keys := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, math.MaxFloat64, math.Inf(1)}
	for i, k := range keys {
		if got := unsortable(sortable(k)); got != k {
			t.Errorf("%g comes back as %g", k, got)
		}
		if i > 0 && sortable(keys[i-1]) >= sortable(k) {
			t.Errorf("%g is not before %g", keys[i-1], k)
		}
	}
	if sortable(math.MaxFloat64) != largest || sortable(math.Inf(1)) <= largest {
		t.Errorf("the largest finite key is %#x", sortable(math.MaxFloat64))
	}
	if sortable(0) != sortable(math.Copysign(0, -1)) {
		t.Error("the zeros are two")
	}
}
