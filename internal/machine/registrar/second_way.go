package registrar

import (
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
)

// secondWay hears somebody over a who uses the name of a peer that is connected by
// l. Most likely it is the peer itself: one that has several addresses is dialled
// at two of them, or both sides dial, each at another. Both must keep the same
// association, whatever each hears first:
//
//   - of two that the same side has dialled the other side, which has accepted
//     them, keeps the one over which it was spoken to first: only over that one
//     does it answer;
//   - of two that different sides have dialled, the one of the smaller identifier
//     stays, and that side hangs up.
//
// It reports whether a takes the place of l.
func (m *Machine) secondWay(a, l *association, p *peer, msg enrp.Message) bool {
	presence, isPresence := msg.(*enrp.Presence)
	if m.now.Sub(a.since) > m.cfg.Scope.MaxTimeNoResponse || !a.dialled && !isPresence && a.claims == 0 {
		m.ignore(a, Impostor, p.id.String()) // it does not behave as the peer would
	} else {
		m.counters.Scope.Ignored[SecondWay]++
	}
	a.claims = p.id
	prevails := m.cfg.ID < p.id
	switch {
	case a.dialled == l.dialled:
		m.giveUpWay(a, p)
	case a.dialled && prevails:
		m.giveUpWay(l, p)
		a.instead = true
		return true
	case l.dialled && prevails:
		m.giveUpWay(a, p)
	case isPresence && presence.ReplyRequired && !a.dialled:
		m.presenceTo(a, false) // the peer hangs up when it knows
	}
	if p.asked.IsZero() && l.sharesAddress(a) {
		m.inquire(p) // it may have been started anew elsewhere
	}
	return false
}

// giveUpWay ends an association with a peer that is connected by another one. Its
// place is not dialled as long as that is so.
func (m *Machine) giveUpWay(a *association, p *peer) {
	c := a.contact
	a.peer, a.contact = nil, nil
	if c != nil {
		c.link = nil
		if p.contact == c {
			p.contact, c.peer = nil, nil
		}
		c.twin = p
		m.alarms.set(&c.alarm, m.after(maxRedial))
		m.dropContact(c)
	}
	m.end(a, Idle)
}

// otherWay looks for another association over which a peer has spoken that has
// lost its own, and makes it the peer's.
func (m *Machine) otherWay(p *peer) bool {
	var other *association
	for _, a := range m.associations {
		if a.endpoint == machine.ENRPEndpoint && a.peer == nil && a.claims == p.id && (other == nil || a.id < other.id) {
			other = a
		}
	}
	if other == nil {
		return false
	}
	c := p.contact
	if _, ok := m.bind(other, p); !ok {
		return false
	}
	if c != nil && c != p.contact {
		c.twin = p
		m.alarms.set(&c.alarm, m.after(maxRedial))
		m.dropContact(c)
	}
	m.presenceTo(other, true)
	m.resume(p)
	return true
}

// turnedDown follows the orderly end of an association, dialled from here, over
// which nobody has spoken: whoever is there has another one with this registrar.
func (m *Machine) turnedDown(c *contact) {
	c.failures = redials
	m.alarms.set(&c.alarm, m.after(m.spread(maxRedial, 0.125)))
	m.dropContact(c)
	m.seekMentor()
}
