package registrar

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// contact is a place where a registrar is, or should be. It is dialled until
// there is an association. One that is configured lives as long as the machine;
// one that was heard of goes when nobody answers there.
type contact struct {
	alarm      // the next dial
	to         transport.Address
	configured bool
	own        bool // it is this registrar: not to be dialled
	ticket     machine.Ticket
	dialled    time.Time // last
	link       *association
	peer       *peer // who is there, nil if that is not known
	twin       *peer // who was there, and is connected at another place
	failures   int   // to hear anybody there, in a row
}

const (
	// firstRedial is the wait after the first failure: the other may just be
	// starting, or the former association still be closing.
	firstRedial = 200 * time.Millisecond
	maxRedial   = 30 * time.Second
	// shortLived is the age below which an association that ends is no reason to
	// dial at once: whoever speaks and hangs up would be dialled without pause.
	shortLived = time.Second
	// redials is the number of failures in a row after which nobody is there.
	redials = 2
)

// contactAt returns the contact for a place and begins to dial it. It returns nil
// where there are too many.
func (m *Machine) contactAt(to transport.Address, configured bool) *contact {
	for _, c := range m.scope.contacts {
		if samePlace(c.to, to) {
			return c
		}
	}
	if !configured && len(m.scope.contacts) >= 2*m.cfg.Scope.MaxPeers+len(m.cfg.Scope.Peers) {
		return nil
	}
	c := &contact{to: to, configured: configured}
	c.owner = c
	m.scope.contacts = append(m.scope.contacts, c)
	m.alarms.set(&c.alarm, m.now)
	return c
}

// hasten dials a place that shows signs of life, without waiting as long as the
// failures there would demand.
func (m *Machine) hasten(c *contact) {
	if c.link != nil || c.ticket != 0 || c.own {
		return
	}
	at := c.dialled.Add(firstRedial)
	if at.Before(m.now) {
		at = m.now
	}
	if c.alarm.place == 0 || at.Before(c.alarm.at) {
		m.alarms.set(&c.alarm, at)
	}
}

// dropContact forgets a place that nobody has configured.
func (m *Machine) dropContact(c *contact) {
	if c.configured || c.link != nil || c.peer != nil {
		return
	}
	m.alarms.clear(&c.alarm)
	delete(m.scope.dials, c.ticket)
	m.scope.contacts = slices.DeleteFunc(m.scope.contacts, func(o *contact) bool { return o == c })
}

// ring dials.
func (c *contact) ring(m *Machine) {
	if c.twin != nil && c.twin.link() != nil {
		m.alarms.set(&c.alarm, m.after(maxRedial))
		return
	}
	c.twin = nil
	if c.ticket == 0 && c.link == nil && !c.own && !m.draining {
		c.dialled = m.now
		c.ticket = m.associate(c, machine.ENRPEndpoint, c.to)
	}
}

// up implements dialler.
func (c *contact) up(m *Machine, a *association) {
	c.ticket = 0
	m.meet(c, a)
}

// failed implements dialler.
func (c *contact) failed(m *Machine, reason string) {
	c.ticket = 0
	if c.link == nil { // else the other side has dialled meanwhile
		m.unanswering(c, reason)
	}
}

// unanswering follows a dial, or an association, over which nobody has spoken.
func (m *Machine) unanswering(c *contact, reason string) {
	c.failures++
	if p := c.peer; p != nil && !p.asked.IsZero() && c.failures >= redials {
		m.dead(p, reason)
	}
	switch {
	case c.own || c.failures >= redials && c.peer == nil && !c.configured:
		m.dropContact(c)
	default:
		wait := firstRedial
		if c.failures >= redials {
			wait = min(m.cfg.Scope.HeartbeatInterval<<min(c.failures-redials, 8), maxRedial)
		}
		m.alarms.set(&c.alarm, m.after(m.spread(wait, 0.125)))
	}
	m.seekMentor()
}

// linked follows a new association of the ENRP endpoint: it may lead to where a
// contact is.
func (m *Machine) linked(a *association) {
	if a.endpoint != machine.ENRPEndpoint {
		if m.scope.enabled {
			m.scope.calls.arrived(m, a)
		}
		return
	}
	m.scope.links++
	m.displace(a)
	for _, c := range m.scope.contacts {
		if c.link == nil && samePlace(c.to, a.remote) {
			m.link(c, a)
			return
		}
	}
}

// displace ends the former association with the place of a new one, the end of
// which has not been heard yet: two endpoints have one at a time.
func (m *Machine) displace(a *association) {
	for _, c := range m.scope.contacts {
		if old := c.link; old != nil && samePlace(old.remote, a.remote) {
			m.release(old)
			m.forget(old)
			return
		}
	}
}

// link makes a the contact's association.
func (m *Machine) link(c *contact, a *association) {
	if old := c.link; old != nil && old != a {
		old.contact = nil
	}
	if old := a.contact; old != nil && old != c {
		old.link = nil
	}
	c.link, a.contact = a, c
	m.alarms.clear(&c.alarm)
}

// ended follows the end of an association.
func (m *Machine) ended(a *association) {
	if a.endpoint == machine.ENRPEndpoint {
		m.scope.links--
		m.unlinked(a)
	} else {
		m.scope.calls.departed(a)
	}
}

// unlinked follows the end of a peer's association, or of its memory of it. The
// peer may be dead, and is asked.
func (m *Machine) unlinked(a *association) {
	p, c := a.peer, a.contact
	a.peer, a.contact, a.greeted = nil, nil, false
	if c == nil {
		return
	}
	c.link = nil
	if m.draining || m.scope.leaving {
		return
	}
	switch {
	case p == nil && a.orderly && a.dialled:
		m.turnedDown(c)
		return
	case p == nil:
		m.unanswering(c, "the association has ended at once")
		return
	}
	if m.otherWay(p) {
		return
	}
	m.alarms.set(&c.alarm, m.now)
	if p.takeover == nil {
		m.inquire(p)
	}
	if m.now.Sub(a.since) < shortLived {
		wait := firstRedial
		if p.id < m.cfg.ID {
			// Both may have dialled, and given up each the other's way as the
			// second. They must not do so together again.
			wait *= 3
		}
		m.alarms.set(&c.alarm, m.after(m.spread(wait, 0.125)))
	}
}

// restarted follows the restart of a peer: whoever is there now is somebody new,
// until it says otherwise.
func (m *Machine) restarted(a *association) {
	if a.endpoint != machine.ENRPEndpoint {
		return
	}
	c := a.contact
	m.unlinked(a)
	if m.draining {
		return
	}
	m.meet(c, a)
}

// meet asks who is behind an association with a contact, which may have been
// dropped meanwhile.
func (m *Machine) meet(c *contact, a *association) {
	if slices.Contains(m.scope.contacts, c) {
		m.link(c, a)
	}
	a.greeted = true
	m.presenceTo(a, true)
}

// samePlace reports whether two addresses lead to the same endpoint.
func samePlace(a, b transport.Address) bool {
	return a.Via == b.Via && a.Port == b.Port && udpPort(a.UDPPort) == udpPort(b.UDPPort) &&
		slices.ContainsFunc(a.IPs, func(ip netip.Addr) bool { return slices.Contains(b.IPs, ip) })
}

func udpPort(port uint16) uint16 { return cmp.Or(port, rserpool.DefaultUDPPort) }
