package registrar

import (
	"github.com/rspool/rspool/internal/asap"
)

// watch keeps an eye on one element (RFC 5352, Section 3.4): it lives with the
// registration. Between keep-alives the alarm stands for the next, while one is
// unanswered it stands for the end of patience.
type watch struct {
	alarm
	waiting bool // for an answer
}

// rest lets the element alone until the next keep-alive, which comes after the
// interval, spread by 50 % to either side: elements that came together must not
// be asked together.
func (m *Machine) rest(e *member) {
	e.heard = m.now
	e.watch.waiting = false
	m.alarms.set(&e.watch.alarm, m.now.Add(m.spread(m.cfg.KeepAliveInterval, 0.5)))
}

// ring asks the element for a sign of life, or gives it up. The association
// stays: the process behind it may run other elements, which are well.
func (e *member) ring(m *Machine) {
	if !e.watch.waiting {
		m.keepAlive(e)
		return
	}
	m.unanswered(e)
}

// keepAlive asks the element for a sign of life now, unless it was asked already.
func (m *Machine) keepAlive(e *member) {
	if e.watch.waiting {
		return
	}
	if e.association == nil {
		m.ask(e)
		return
	}
	e.watch.waiting = true
	if a := e.association; !a.stalled.IsZero() {
		// The question would be lost. It is asked when the peer reads again,
		// unless the association is ended before.
		m.alarms.set(&e.watch.alarm, a.stalled.Add(m.cfg.StallTimeout+m.cfg.KeepAliveTimeout))
		return
	}
	m.counters.KeepAlives++
	m.message.keepAlive = asap.KeepAlive{Home: e.claimed, Sender: m.cfg.ID, Handle: e.pool.handle, Element: e.entry.ID()}
	m.send(e.association, &m.message.keepAlive)
	m.alarms.set(&e.watch.alarm, m.now.Add(m.cfg.KeepAliveTimeout))
}

// keepAliveAck hears a sign of life. It counts for elements of the same
// association alone: nobody answers for somebody else.
func (m *Machine) keepAliveAck(a *association, msg *asap.KeepAliveAck) {
	e := m.member(msg.Handle, msg.Element)
	if e == nil || e.association != a {
		m.counters.Ignored[StrayAnswer]++
		return
	}
	m.counters.KeepAlivesAnswered++
	switch own := e.entry.Home() == m.cfg.ID; {
	case e.claimed:
		m.accepted(e)
	case !own:
		m.retire(e) // it was asked because of a report
		e.heard = m.now
		return
	}
	m.rest(e)
	if hasDistance(e.entry.Element().Policy.Type) {
		m.measure(a)
	}
}
