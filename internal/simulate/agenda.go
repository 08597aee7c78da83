package simulate

import "time"

// agenda is what will happen, in order of time and, at the same time, in the
// order in which it was entered. It is the only clock of a world.
type agenda struct {
	now    time.Duration // since the world's beginning
	events []event       // a binary heap
	last   uint64
}

type event struct {
	at     time.Duration
	number uint64
	do     func()
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.number < f.number
}

// at enters an event. One in the past happens now.
func (a *agenda) at(t time.Duration, do func()) {
	a.last++
	a.events = append(a.events, event{max(t, a.now), a.last, do})
	i := len(a.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !a.events[i].before(&a.events[parent]) {
			break
		}
		a.events[i], a.events[parent] = a.events[parent], a.events[i]
		i = parent
	}
}

// after enters an event that happens in d.
func (a *agenda) after(d time.Duration, do func()) { a.at(a.now+d, do) }

// next lets the first event happen, unless that is later than end.
func (a *agenda) next(end time.Duration) bool {
	if len(a.events) == 0 || a.events[0].at > end {
		a.now = max(a.now, end)
		return false
	}
	first := a.events[0]
	last := len(a.events) - 1
	a.events[0] = a.events[last]
	a.events[last] = event{}
	a.events = a.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a.events[child].before(&a.events[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		a.events[i], a.events[least] = a.events[least], a.events[i]
		i = least
	}
	a.now = first.at
	first.do()
	return true
}
