package user

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// maxTried bounds the elements that one search avoids; the oldest is forgiven
// first.
const maxTried = 64

// search is the way of a session from one element to the next. It begins with the
// session's start or with the loss of an element, and ends when an association
// stands, or when giveUp has come.
type search struct {
	began    time.Time
	giveUp   time.Time // zero for never
	from     rserpool.ElementID
	reason   string
	attempts int
	brief    int // elements in a row that were lost within FailoverDelay
	// candidates are to be tried next, in this order.
	candidates []rserpool.Element
	// tried have failed in this search, the last one last.
	tried []rserpool.ElementID
}

// offer makes those of the elements candidates that a session can use and that
// were not tried, and reports whether there were any that it can use at all.
func (s *search) offer(elements []rserpool.Element) (usable bool) {
	s.candidates = s.candidates[:0]
	for _, e := range elements {
		if !reachable(e) {
			continue
		}
		usable = true
		if !slices.Contains(s.tried, e.ID) {
			s.candidates = append(s.candidates, e)
		}
	}
	return usable
}

// next takes the first candidate.
func (s *search) next() (e rserpool.Element, ok bool) {
	if len(s.candidates) == 0 {
		return e, false
	}
	e = s.candidates[0]
	s.candidates = s.candidates[1:]
	return e, true
}

// avoid notes that an element has failed.
func (s *search) avoid(id rserpool.ElementID) {
	s.tried = slices.DeleteFunc(s.tried, func(t rserpool.ElementID) bool { return t == id })
	if len(s.tried) == maxTried {
		s.tried = slices.Delete(s.tried, 0, 1)
	}
	s.tried = append(s.tried, id)
}

// forgive makes the element that was tried longest ago eligible again: a pool
// that consists of failed elements is tried in turns.
func (s *search) forgive() {
	if len(s.tried) > 0 {
		s.tried = slices.Delete(s.tried, 0, 1)
	}
}

// items returns how many elements to ask for: enough to find one beyond those
// that are avoided.
func (s *search) items(wanted uint32) uint32 {
	if len(s.tried) == 0 {
		return wanted
	}
	return max(wanted, uint32(len(s.tried))+2)
}

// reachable reports whether a session can be held with an element.
func reachable(e rserpool.Element) bool {
	t := &e.UserTransport
	return e.ID != 0 && (t.Protocol == rserpool.SCTP || t.Protocol == rserpool.TCP) && t.Port != 0 && len(t.Addresses) > 0
}

// addressOf returns where an element is dialled.
func addressOf(e rserpool.Element) transport.Address {
	t := &e.UserTransport
	via := transport.SCTP
	switch {
	case t.Protocol == rserpool.TCP && t.Use == rserpool.DataAndControl:
		via = transport.TCP
	case t.Protocol == rserpool.TCP:
		via = transport.Stream
	}
	return transport.Address{Via: via, IPs: t.Addresses, Port: t.Port, UDPPort: t.UDPPort}
}
