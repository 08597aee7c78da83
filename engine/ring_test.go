package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRingAgreesWithASortedSlice compares the ring with a plain list of points over
// random operations. Few of the top bits differ, so that points crowd.
func TestRingAgreesWithASortedSlice(t *testing.T) {
	ms := []*Member{member(0), member(1), member(2), member(3)}
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var model []point
		hashes := rapid.Custom(func(t *rapid.T) uint64 {
			top := rapid.SampledFrom([]uint64{0, 1, 2, 0x80, 0xfe, 0xff}).Draw(t, "top")
			return top<<56 | rapid.Uint64Range(0, 300).Draw(t, "rest")
		})
		at := func(h uint64) int {
			i, _ := slices.BinarySearchFunc(model, h, func(p point, h uint64) int {
				if p.hash < h {
					return -1
				}
				return 1
			})
			return i
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				for range rapid.IntRange(1, 200).Draw(t, "number") {
					h := hashes.Draw(t, "hash")
					if i := at(h); i == len(model) || model[i].hash != h {
						p := point{h, rapid.SampledFrom(ms).Draw(t, "member")}
						model = slices.Insert(model, i, p)
						r.insert(p.hash, p.member)
					}
				}
			},
			"remove": func(t *rapid.T) {
				for range min(len(model), rapid.IntRange(1, 200).Draw(t, "number")) {
					i := rapid.IntRange(0, len(model)-1).Draw(t, "point")
					r.remove(model[i].hash)
					model = slices.Delete(model, i, i+1)
				}
			},
			"from": func(t *rapid.T) {
				h := hashes.Draw(t, "hash")
				i := at(h)
				var want, got []*Member
				for _, p := range append(slices.Clone(model[i:]), model[:i]...) {
					want = append(want, p.member)
				}
				r.from(h, func(m *Member) bool {
					got = append(got, m)
					return true
				})
				if !slices.Equal(got, want) {
					t.Fatalf("%d points from %x, want %d in another order", len(got), h, len(want))
				}
			},
			"": func(t *rapid.T) {
				if r.count != len(model) {
					t.Fatalf("%d points, want %d", r.count, len(model))
				}
			},
		})
	})
}

func TestRingEndsWhereTheVisitDoes(t *testing.T) {
	var r ring
	m := member(1)
	for h := range uint64(10) {
		r.insert(h<<60, m)
	}
	n := 0
	r.from(1<<61, func(*Member) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("visited %d points, want 3", n)
	}
}
