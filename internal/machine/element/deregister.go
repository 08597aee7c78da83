package element

import (
	"time"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// deregister takes an element out of its pool. One that no registrar knows is
// done at once.
func (m *Machine) deregister(now time.Time, in *Deregister) {
	e := m.elements[in.Ticket]
	if e == nil || e.state == leaving {
		return
	}
	known := e.ever || e.inFlight
	m.landed(e)
	if !known {
		m.remove(e)
		m.emit(Deregistered{Ticket: e.Ticket})
		return
	}
	e.state, e.attempts = leaving, 0
	m.timers.set(e, now.Add(e.DeregisterTimeout))
	m.enqueue(e)
}

// deregisterTimeout is the end of T3 without an answer, or without a home.
func (m *Machine) deregisterTimeout(now time.Time, e *element) {
	m.counters.Timeouts++
	e.attempts++
	asked := e.inFlight
	m.landed(e)
	if e.attempts >= e.MaxAttempts {
		m.remove(e)
		m.emit(Deregistered{Ticket: e.Ticket, Err: ErrNoAnswer})
	} else {
		m.timers.set(e, now.Add(e.DeregisterTimeout))
		m.enqueue(e)
	}
	if asked {
		m.rehunt("a deregistration was not answered")
	}
}

// deregistrationResponse is the home's answer to a deregistration, or its news
// that a registration has run out (RFC 5352, Section 3.2).
func (m *Machine) deregistrationResponse(now time.Time, a machine.AssociationID, msg *asap.DeregistrationResponse) {
	e := m.find(msg.Handle, msg.Element)
	switch {
	case e == nil || a != m.home:
		m.counters.Stray++
	case e.state == leaving:
		m.remove(e)
		out := Deregistered{Ticket: e.Ticket}
		if msg.Error != nil {
			out.Err = msg.Error
		}
		m.emit(out)
	case e.state == registered && msg.Error == nil:
		m.counters.Lapses++
		m.emit(Lapsed{Ticket: e.Ticket})
		e.changed = true
		if at := e.sent.Add(e.LoadInterval); now.Before(at) {
			m.timers.set(e, at)
			return
		}
		e.state = waiting
		m.timers.set(e, time.Time{})
		m.enqueue(e)
	default:
		m.counters.Stray++ // a registration is under way and settles it
	}
}
