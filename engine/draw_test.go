package engine

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// expect compares counts with the probabilities of their keys. It allows five
// standard deviations; the seeds are fixed.
func expect(t *testing.T, counts map[string]int, draws int, want map[string]float64) {
	t.Helper()
	for k := range counts {
		if want[k] == 0 {
			t.Errorf("%s: drawn %d times, want never", k, counts[k])
		}
	}
	for k, p := range want {
		mean := p * float64(draws)
		if got, bound := float64(counts[k]), 5*math.Sqrt(mean*(1-p)); math.Abs(got-mean) > bound {
			t.Errorf("%s: drawn %g times, want %.0f +- %.0f", k, got, mean, bound)
		}
	}
}

// sequences returns the probabilities of all ordered draws of n without
// replacement.
func sequences(weights []uint32, n int) map[string]float64 {
	all := map[string]float64{}
	var extend func(prefix string, p float64)
	extend = func(prefix string, p float64) {
		total := 0.0
		for i, w := range weights {
			if !strings.Contains(prefix, string(rune('A'+i))) {
				total += float64(w)
			}
		}
		if len(prefix) == n || total == 0 {
			all[prefix] += p
			return
		}
		for i, w := range weights {
			if name := string(rune('A' + i)); w > 0 && !strings.Contains(prefix, name) {
				extend(prefix+name, p*float64(w)/total)
			}
		}
	}
	extend("", 1)
	return all
}

// TestDrawsFollowTheWeights compares the frequency of each ordered answer with
// its exact probability.
func TestDrawsFollowTheWeights(t *testing.T) {
	for _, tc := range []struct {
		name    string
		weights []uint32
		items   int
	}{
		{"one of equals", []uint32{1, 1, 1}, 1},
		{"one of three", []uint32{1, 2, 3}, 1},
		{"two of three", []uint32{1, 2, 3}, 2},
		{"three of four", []uint32{4, 3, 2, 1}, 3},
		{"all of three", []uint32{1, 2, 5}, 3},
		{"two of four with a heavy one", []uint32{1, 1000, 1, 1}, 2},
		{"some cannot serve", []uint32{0, 2, 0, 3, 5}, 2},
		{"more asked for than can serve", []uint32{0, 2, 0, 3}, 4},
		{"one of many", []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 1},
		{"two of many", []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const draws = 200_000
			s := newSelector(atRandom{})
			named(s, tc.weights...)
			counts := map[string]int{}
			for range draws {
				counts[names(s.Select(&Request{Items: tc.items}, nil))]++
			}
			expect(t, counts, draws, sequences(tc.weights, tc.items))
		})
	}
}

// TestUniformDrawsAreUniform covers small and large answers, with gaps left by
// removals; also where nobody of weighted members can serve.
func TestUniformDrawsAreUniform(t *testing.T) {
	for _, p := range []Policy{equally{}, atRandom{}} {
		for _, items := range []int{1, 2, 3, 4, 5} {
			t.Run(fmt.Sprintf("%s %d of 5", p.Describe().Name, items), func(t *testing.T) {
				const draws = 100_000
				s := newSelector(p)
				for _, m := range named(s, 0, 0, 0, 0, 0, 0, 0)[5:] {
					s.Remove(m)
				}
				counts := map[string]int{}
				for range draws {
					counts[names(s.Select(&Request{Items: items}, nil))]++
				}
				expect(t, counts, draws, sequences([]uint32{1, 1, 1, 1, 1}, items))
			})
		}
	}
}

// TestUniformDrawsIgnoreGaps removes nearly half of a large pool.
func TestUniformDrawsIgnoreGaps(t *testing.T) {
	const draws = 200_000
	s := newSelector(equally{})
	var ms []*Member
	for i := range 60 {
		m := member(0)
		m.Owner = fmt.Sprintf("<%d>", i)
		ms = append(ms, m)
		s.Add(start, m)
	}
	want := map[string]float64{}
	for i, m := range ms {
		if i < 20 {
			s.Remove(m)
		} else {
			want[m.Owner.(string)] = 1. / 40
		}
	}
	counts := map[string]int{}
	for range draws {
		counts[names(s.Select(&Request{Items: 1}, nil))]++
	}
	expect(t, counts, draws, want)
}

// TestDrawNumbersComeAround starts a draw whose number was used before.
func TestDrawNumbersComeAround(t *testing.T) {
	for _, p := range []Policy{equally{}, atRandom{}} {
		t.Run(p.Describe().Name, func(t *testing.T) {
			s := newSelector(p)
			named(s, 1, 1, 1, 1, 1, 1)
			s.draws = math.MaxUint32 - 2
			for _, m := range s.members {
				m.stamp = 1
			}
			for range 6 {
				if got := len(s.Select(&Request{Items: 2}, nil)); got != 2 {
					t.Fatalf("draw %d: %d members, want 2", s.draws, got)
				}
			}
		})
	}
}

// TestDrawsEndWithExtremeWeights has sums that rounding makes of one weight alone.
func TestDrawsEndWithExtremeWeights(t *testing.T) {
	p := &scaled{factor: math.MaxFloat64 / (1 << 31) / 10}
	s := newSelector(p)
	named(s, 9, 9, 9)
	p.factor = 1e-300
	named(s, 1, 1, 1)
	p.factor = math.SmallestNonzeroFloat64
	named(s, 1, 1, 1)
	for range 1000 {
		if got := len(s.Select(&Request{Items: 9}, nil)); got != 9 {
			t.Fatalf("drew %d of 9", got)
		}
	}
	if s.Faults() != 0 {
		t.Errorf("%d faults", s.Faults())
	}
}

type scaled struct {
	atRandom
	factor float64
}

func (p *scaled) Weight(m *Member) float64 { return value(m) * p.factor }
