package registrar

import "time"

// schedule keeps alarms in order of time, as a binary heap whose members know
// their places. To postpone an alarm costs nothing until its old time has come:
// that is what an element that answers keep-alives does all the time.
type schedule struct{ heap []*alarm }

// alarm is one thing to do at a time. It belongs to the state that it is about
// and is in the schedule at most once.
type alarm struct {
	at    time.Time // when it rings
	key   time.Time // where it stands in the heap: at, or earlier
	place int       // in the heap, from one; zero: not set
	owner ringer
}

// ringer is what an alarm is about.
type ringer interface {
	// ring is called when the alarm's time has come, after which it is not set
	// any more.
	ring(m *Machine)
}

// set lets the alarm ring at a time, instead of any other that was set.
func (s *schedule) set(a *alarm, at time.Time) {
	a.at = at
	switch {
	case a.place == 0:
		a.key = at
		s.heap = append(s.heap, a)
		a.place = len(s.heap)
		s.up(a)
	case at.Before(a.key):
		a.key = at
		s.up(a)
	}
}

// clear takes the alarm out, if it is set.
func (s *schedule) clear(a *alarm) {
	if a.place == 0 {
		return
	}
	last := s.heap[len(s.heap)-1]
	s.heap[len(s.heap)-1] = nil
	s.heap = s.heap[:len(s.heap)-1]
	if last != a {
		s.put(last, a.place)
		s.up(last)
		s.down(last)
	}
	a.place = 0
}

// next is the earliest time at which an alarm may ring, zero without one.
func (s *schedule) next() time.Time {
	if len(s.heap) == 0 {
		return time.Time{}
	}
	return s.heap[0].key
}

// due takes out an alarm whose time has come, nil if there is none.
func (s *schedule) due(now time.Time) *alarm {
	for len(s.heap) > 0 && !s.heap[0].key.After(now) {
		a := s.heap[0]
		if a.at.After(now) {
			a.key = a.at
			s.down(a)
			continue
		}
		s.clear(a)
		return a
	}
	return nil
}

func (s *schedule) put(a *alarm, place int) {
	s.heap[place-1] = a
	a.place = place
}

func (s *schedule) up(a *alarm) {
	for a.place > 1 {
		parent := s.heap[a.place/2-1]
		if !a.key.Before(parent.key) {
			return
		}
		place := a.place
		s.put(a, parent.place)
		s.put(parent, place)
	}
}

func (s *schedule) down(a *alarm) {
	for {
		child := 2 * a.place
		if child > len(s.heap) {
			return
		}
		if child < len(s.heap) && s.heap[child].key.Before(s.heap[child-1].key) {
			child++
		}
		c := s.heap[child-1]
		if !c.key.Before(a.key) {
			return
		}
		place := a.place
		s.put(a, c.place)
		s.put(c, place)
	}
}
