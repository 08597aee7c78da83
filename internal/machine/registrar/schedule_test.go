package registrar

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type noted struct {
	alarm
	name int
}

func (*noted) ring(*Machine) {}

func TestScheduleRingsInOrderOfTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1000, 0)
	for round := range 200 {
		var s schedule
		want := map[int]time.Time{}
		all := make([]*noted, 40)
		for i := range all {
			all[i] = &noted{name: i}
			all[i].owner = all[i]
		}
		for range 300 {
			n := all[rng.IntN(len(all))]
			if rng.IntN(4) == 0 {
				s.clear(&n.alarm)
				delete(want, n.name)
			} else {
				at := start.Add(time.Duration(rng.IntN(1000)) * time.Second)
				s.set(&n.alarm, at)
				want[n.name] = at
			}
		}
		var times []time.Time
		for _, at := range want {
			times = append(times, at)
		}
		slices.SortFunc(times, time.Time.Compare)
		for now := start; len(times) > 0; now = now.Add(7 * time.Second) {
			if s.next().After(times[0]) {
				t.Fatalf("round %d: next is %v, after the first alarm at %v", round, s.next(), times[0])
			}
			for a := s.due(now); a != nil; a = s.due(now) {
				n := a.owner.(*noted)
				if a.at.After(now) || !want[n.name].Equal(a.at) || a.place != 0 {
					t.Fatalf("round %d: alarm %d rings at %v, want %v", round, n.name, now, want[n.name])
				}
				delete(want, n.name)
				i := slices.IndexFunc(times, a.at.Equal)
				times = slices.Delete(times, i, i+1)
			}
			if len(times) > 0 && !times[0].After(now) {
				t.Fatalf("round %d: alarm of %v did not ring by %v", round, times[0], now)
			}
		}
		if len(s.heap) != 0 || !s.next().IsZero() {
			t.Fatalf("round %d: %d alarms left over", round, len(s.heap))
		}
	}
}
