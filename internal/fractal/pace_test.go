package fractal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/bubble"
)

func TestPaceIsSharedEvenly(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		pace, begin := NewPace(10000), time.Now()
		var wg sync.WaitGroup
		var done [4]int
		for i := range done {
			wg.Go(func() {
				for time.Since(begin) < 10*time.Second {
					if err := pace.Wait(t.Context(), 100); err != nil {
						t.Error(err)
						return
					}
					done[i] += 100
				}
			})
		}
		wg.Wait()
		total := 0
		for i, n := range done {
			total += n
			if n < 24500 || n > 25500 {
				t.Errorf("session %d got %d pixels in 10s, want a quarter of 100000", i, n)
			}
		}
		// The slack, and one message of each session in flight at the end.
		if most := 100000 + 200 + 4*100; total > most {
			t.Errorf("%d pixels in 10s, want at most %d", total, most)
		}
	})
}

func TestPaceDoesNotSaveUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		pace := NewPace(1000)
		time.Sleep(time.Hour)
		begin := time.Now()
		if err := pace.Wait(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(begin), time.Second-slack; got != want {
			t.Errorf("1000 pixels after an idle hour took %v, want %v", got, want)
		}
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := NewPace(1).Wait(ctx, 1000)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("error %v after %v, want the deadline after 1s", err, time.Since(begin))
		}
		if err := NewPace(0).Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a pace: error %v, want the deadline", err)
		}
	})
}
