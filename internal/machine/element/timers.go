package element

import (
	"container/heap"
	"time"
)

// timed is something that is due at an instant.
type timed interface {
	timer() *timer
	// due does what is due; the timer is off and may be set again.
	due(m *Machine, now time.Time)
}

// timer is the place of something timed in the queue; it is off at index -1.
type timer struct {
	at    time.Time
	index int
}

// timers is a heap of what is due, the earliest first.
type timers []timed

func (q timers) Len() int           { return len(q) }
func (q timers) Less(i, j int) bool { return q[i].timer().at.Before(q[j].timer().at) }
func (q timers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].timer().index, q[j].timer().index = i, j
}

func (q *timers) Push(x any) {
	t := x.(timed)
	t.timer().index = len(*q)
	*q = append(*q, t)
}

func (q *timers) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	t.timer().index = -1
	return t
}

// set makes x due at an instant; the zero time takes it out.
func (q *timers) set(x timed, at time.Time) {
	t := x.timer()
	switch {
	case at.IsZero() && t.index >= 0:
		heap.Remove(q, t.index)
	case at.IsZero():
	case t.index >= 0:
		t.at = at
		heap.Fix(q, t.index)
	default:
		t.at = at
		heap.Push(q, x)
	}
}

// next returns the earliest instant, zero if there is none.
func (q timers) next() time.Time {
	if len(q) == 0 {
		return time.Time{}
	}
	return q[0].timer().at
}

// run calls what is due at now, in order of time.
func (q *timers) run(m *Machine, now time.Time) {
	for len(*q) > 0 && !now.Before((*q)[0].timer().at) {
		heap.Pop(q).(timed).due(m, now)
	}
}
