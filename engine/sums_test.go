package engine

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSumsFindTheSlot compares with running sums over a slice. Small whole
// numbers make all sums exact.
func TestSumsFindTheSlot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sums
		var model []float64
		n := rapid.IntRange(1, 700).Draw(t, "slots")
		weights := rapid.SliceOfN(rapid.IntRange(0, 3), n, n).Draw(t, "weights")
		for i, w := range weights {
			s.set(i, float64(w))
			model = append(model, float64(w))
		}
		for range rapid.IntRange(0, 50).Draw(t, "changes") {
			i, w := rapid.IntRange(0, n-1).Draw(t, "slot"), float64(rapid.IntRange(0, 3).Draw(t, "weight"))
			s.set(i, w)
			model[i] = w
		}
		if got, want := s.total(), sum(model); got != want {
			t.Fatalf("total %g, want %g", got, want)
		}
		running := 0.0
		for i, w := range model {
			if w == 0 {
				continue
			}
			for _, x := range []float64{running, running + w - 0.5} {
				if got := s.find(x); got != i {
					t.Fatalf("find(%g) = %d, want %d", x, got, i)
				}
			}
			running += w
		}
		if running > 0 {
			if got := s.find(running); model[got] == 0 {
				t.Fatalf("find(%g), the total, = %d, which has no weight", running, got)
			}
		} else if got := s.find(0); got != -1 {
			t.Fatalf("find among weights of zero = %d, want -1", got)
		}
	})
}

// TestSumsDoNotDrift shows that what was added is gone when it was taken away,
// whatever the magnitudes.
func TestSumsDoNotDrift(t *testing.T) {
	var s sums
	r := seeded()
	for i := range 500 {
		s.set(i, r.Float64())
	}
	for range 100_000 {
		s.set(r.IntN(500), r.ExpFloat64()*1e12)
	}
	for i := range 500 {
		s.set(i, 0)
	}
	if got := s.total(); got != 0 {
		t.Errorf("total of nothing: %g", got)
	}
	s.set(3, 1)
	if got := s.total(); got != 1 {
		t.Errorf("total of 1: %g", got)
	}
}
