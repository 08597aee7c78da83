package handlespace

import (
	"math"
	"time"
)

// unscheduled is the slot of an entry that is not in the expiry heap.
const unscheduled = -1

// expiry is a 4-ary heap of what expires when. An entry whose registration was
// prolonged stays where it is until it comes to the top, and sinks then: a
// re-registration costs nothing here.
type expiry struct{ slots []expirySlot }

type expirySlot struct {
	at    int64 // at most entry.expires
	entry *Entry
}

// SetExpiry makes the registration of e end at a time; the zero time means never.
func (s *Space) SetExpiry(e *Entry, at time.Time) {
	if e.pool == nil {
		return
	}
	e.expires = math.MaxInt64
	if !at.IsZero() {
		e.expires = int64(at.Sub(s.epoch))
	}
	s.expiry.schedule(e)
}

// NextExpiry returns when the next registration ends, the zero time for never.
func (s *Space) NextExpiry() time.Time {
	if e := s.expiry.top(); e != nil {
		return s.epoch.Add(time.Duration(e.expires))
	}
	return time.Time{}
}

// Expired appends the elements whose registrations have ended to dst, the oldest
// first. It returns each once: remove it, or set a new expiry.
func (s *Space) Expired(now time.Time, dst []*Entry) []*Entry {
	limit := int64(now.Sub(s.epoch))
	for {
		e := s.expiry.top()
		if e == nil || e.expires > limit {
			return dst
		}
		s.expiry.remove(e)
		dst = append(dst, e)
	}
}

// schedule follows a change of e.expires.
func (x *expiry) schedule(e *Entry) {
	switch {
	case e.expires == math.MaxInt64:
		x.remove(e)
	case e.slot == unscheduled:
		x.slots = append(x.slots, expirySlot{e.expires, e})
		x.up(len(x.slots)-1, x.slots[len(x.slots)-1])
	case e.expires < x.slots[e.slot].at:
		x.up(int(e.slot), expirySlot{e.expires, e})
	}
}

// top returns what expires next, nil for nothing.
func (x *expiry) top() *Entry {
	for len(x.slots) > 0 {
		top := x.slots[0]
		if top.at == top.entry.expires {
			return top.entry
		}
		top.at = top.entry.expires
		x.down(0, top)
	}
	return nil
}

func (x *expiry) remove(e *Entry) {
	if e.slot == unscheduled {
		return
	}
	at := int(e.slot)
	e.slot = unscheduled
	last := x.slots[len(x.slots)-1]
	x.slots[len(x.slots)-1] = expirySlot{}
	x.slots = x.slots[:len(x.slots)-1]
	if last.entry == e {
		return
	}
	if at > 0 && last.at < x.slots[(at-1)/4].at {
		x.up(at, last)
	} else {
		x.down(at, last)
	}
}

// up puts s where it belongs between the slot at i and the top.
func (x *expiry) up(i int, s expirySlot) {
	for i > 0 {
		parent := (i - 1) / 4
		if x.slots[parent].at <= s.at {
			break
		}
		x.put(i, x.slots[parent])
		i = parent
	}
	x.put(i, s)
}

// down puts s where it belongs between the slot at i and the bottom.
func (x *expiry) down(i int, s expirySlot) {
	for {
		first := 4*i + 1
		if first >= len(x.slots) {
			break
		}
		child := first
		for c := first + 1; c < min(first+4, len(x.slots)); c++ {
			if x.slots[c].at < x.slots[child].at {
				child = c
			}
		}
		if x.slots[child].at >= s.at {
			break
		}
		x.put(i, x.slots[child])
		i = child
	}
	x.put(i, s)
}

func (x *expiry) put(i int, s expirySlot) {
	x.slots[i] = s
	s.entry.slot = int32(i)
}
