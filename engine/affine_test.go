package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	rserpool "github.com/rspool/rspool"
)

// sticky hashes requests by their handle.
type sticky struct{ points int }

func (p sticky) Describe() Description {
	return Description{Name: "sticky", Mark: 1, RingPoints: p.points}
}
func (sticky) Affinity(r *Request) (uint64, error) {
	if r.Handle == "" {
		return 0, errors.New("no handle")
	}
	return Hash(string(r.Handle)), nil
}

// weightedSticky does so in proportion to weights.
type weightedSticky struct{ sticky }

func (weightedSticky) Weight(m *Member) float64 { return value(m) }

const requests = 20_000

func request(i int) *Request {
	return &Request{Items: 1, Preview: true, Handle: rserpool.Handle(fmt.Sprint("user ", i))}
}

// homes returns whom each of many requests comes to.
func homes(s *Selector) []*Member {
	var all []*Member
	for i := range requests {
		all = s.Select(request(i), all)
	}
	return all
}

func shares(all []*Member) map[*Member]float64 {
	n := map[*Member]float64{}
	for _, m := range all {
		n[m] += 1. / float64(len(all))
	}
	return n
}

func TestAffinityIsTheSameForTheSame(t *testing.T) {
	a, b := newSelector(sticky{}), newSelector(sticky{})
	for i := range 50 {
		a.Add(start, member(uint32(i)))
		b.Add(start, member(uint32(49-i))) // another order of registration
	}
	for i := range 1000 {
		x, y := a.Select(request(i), nil)[0], b.Select(request(i), nil)[0]
		if x.Element.ID != y.Element.ID {
			t.Fatalf("request %d comes to %s and to %s", i, x.Element.ID, y.Element.ID)
		}
	}
}

// TestAffinityMovesLittle lets members come and go: only the share of the one that
// came or went may move, and to or from it alone.
func TestAffinityMovesLittle(t *testing.T) {
	s := newSelector(sticky{})
	var ms []*Member
	for i := range 20 {
		ms = append(ms, member(uint32(i)))
		s.Add(start, ms[i])
	}
	before := homes(s)
	s.Remove(ms[7])
	without := homes(s)
	s.Add(start, ms[7])
	if again := homes(s); !slices.Equal(before, again) {
		t.Error("who comes back does not have the requests that it had")
	}
	moved := 0
	for i := range before {
		if before[i] != without[i] {
			moved++
			if before[i] != ms[7] {
				t.Fatalf("request %d moves from %s, which stays", i, before[i].Element.ID)
			}
		}
	}
	if share := float64(moved) / requests; share < 0.02 || share > 0.10 {
		t.Errorf("%.3f of the requests move, want about 1/20", share)
	}
}

func TestAffinityInProportionToWeights(t *testing.T) {
	s := newSelector(weightedSticky{})
	var ms []*Member
	for i, w := range []uint32{1, 1, 2, 4, 0} {
		m := member(w)
		m.Element.ID, m.Owner = rserpool.ElementID(i+1), string(rune('A'+i))
		ms = append(ms, m)
		s.Add(start, m)
	}
	got := shares(homes(s))
	for i, want := range []float64{1. / 8, 1. / 8, 2. / 8, 4. / 8, 0} {
		if math.Abs(got[ms[i]]-want) > 0.06 {
			t.Errorf("%s gets %.3f of the requests, want %.3f", ms[i].Owner, got[ms[i]], want)
		}
	}
	before := homes(s)
	ms[3].Element.Policy.Weight = 3
	s.Update(start, ms[3])
	for i, m := range homes(s) {
		if m != before[i] && before[i] != ms[3] {
			t.Fatal("a smaller weight of D moves what D did not have")
		}
	}
}

// TestAffinityScaleIsNotInTheHandsOfOne lets one of many members change its weight
// beyond measure: the ring is not built anew.
func TestAffinityScaleIsNotInTheHandsOfOne(t *testing.T) {
	s := newSelector(weightedSticky{})
	var ms []*Member
	for i := range 100 {
		m := member(uint32(i))
		m.Element.Policy.Weight = 10
		ms = append(ms, m)
		s.Add(start, m)
	}
	o := s.order.(*affine)
	scale := o.scale
	for _, w := range []uint32{faulty - 1, 1, 0, faulty - 1} {
		ms[0].Element.Policy.Weight = w
		s.Update(start, ms[0])
		if o.scale != scale {
			t.Fatalf("weight %d of one in a hundred changes the scale from %g to %g", w, scale, o.scale)
		}
		if n := o.number(ms[0].key); n > maxShare*DefaultPoints {
			t.Errorf("weight %d has %d points", w, n)
		}
	}
	for _, m := range ms {
		m.Element.Policy.Weight = 1000
		s.Update(start, m)
	}
	if got := float64(o.ring.count) / 100; got < 50 || got > 200 {
		t.Errorf("%g points each, want about 100", got)
	}
}

// TestAffinityAnswersAreDistinct asks for many members under random changes.
func TestAffinityAnswersAreDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSelector(weightedSticky{sticky{points: rapid.IntRange(1, 20).Draw(t, "points")}})
		members := map[*Member]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			if len(members) == 0 || rapid.IntRange(0, 2).Draw(t, "grow") > 0 {
				m := member(uint32(len(s.members)) * 7)
				m.Element.ID = rserpool.ElementID(rapid.Uint32Range(1, 1<<32-1).Draw(t, "id"))
				m.Element.Policy.Weight = rapid.SampledFrom([]uint32{0, 1, 2, 100}).Draw(t, "weight")
				if !slices.ContainsFunc(slices.Collect(s.All()), func(o *Member) bool { return o.Element.ID == m.Element.ID }) {
					s.Add(start, m)
					members[m] = true
				}
			} else {
				m := rapid.SampledFrom(slices.Collect(s.All())).Draw(t, "member")
				if rapid.Bool().Draw(t, "remove") {
					s.Remove(m)
					delete(members, m)
				} else {
					m.Element.Policy.Weight = rapid.SampledFrom([]uint32{0, 1, 2, 100}).Draw(t, "new weight")
					s.Update(start, m)
				}
			}
			serving := 0
			for m := range members {
				if m.Element.Policy.Weight > 0 {
					serving++
				}
			}
			n := rapid.IntRange(1, 20).Draw(t, "items")
			want := min(n, serving)
			if serving == 0 {
				want = min(n, len(members)) // somebody has to
			}
			got := s.Select(&Request{Items: n, Handle: "P"}, nil)
			seen := map[*Member]bool{}
			for _, m := range got {
				if !members[m] || seen[m] {
					t.Fatal("a member that is gone, or twice")
				}
				seen[m] = true
			}
			if len(got) != want {
				t.Fatalf("got %d of %d, want %d", len(got), n, want)
			}
		}
	})
}

func TestAffinityFaults(t *testing.T) {
	s := newSelector(sticky{})
	named(s, 1, 2)
	if got := s.Select(&Request{Items: 1}, nil); len(got) != 0 || s.Faults() != 1 || s.LastFault() == nil {
		t.Errorf("selected %d, %d faults, last %v", len(got), s.Faults(), s.LastFault())
	}
}

// TestHashIsStable compares with values that another program has computed.
func TestHashIsStable(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       uint64
	}{
		{"nothing", "", 0xefd01f60ba992926},
		{"a letter", "a", 0x82a2a958a9bece5b},
		{"an address and a handle", "192.0.2.7/web", 0xb9a73cbed57578cc},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Hash(tc.text); got != tc.want {
				t.Errorf("hash %#x, want %#x", got, tc.want)
			}
			if got, want := HashShare(tc.text), float64(tc.want>>11)/(1<<53); got != want || got >= 1 {
				t.Errorf("share %g, want %g", got, want)
			}
		})
	}
}

func BenchmarkAffinity(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		s := newSelector(sticky{})
		for i := range n {
			s.Add(start, member(uint32(i)))
		}
		rs := make([]*Request, 1024)
		for i := range rs {
			rs[i] = request(i)
		}
		dst := make([]*Member, 0, 1)
		b.Run(fmt.Sprintf("select/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				dst = s.Select(rs[i%len(rs)], dst[:0])
			}
		})
		b.Run(fmt.Sprintf("replace/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				m := s.Select(rs[0], dst[:0])[0]
				s.Remove(m)
				s.Add(start, m)
			}
		})
	}
}
