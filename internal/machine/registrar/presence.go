package registrar

import (
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// heartbeat makes the registrar known to its peers, every PEER-HEARTBEAT-CYCLE
// and when somebody thinks that it is dead (RFC 5353, Sections 3.4.2 and 3.5.1).
// It lives from the machine's start to the last step of Drain.
type heartbeat struct {
	alarm
	last time.Time
}

// presenceGap is the least time between two announced presences: what a peer
// says can hasten the next one no more.
const presenceGap = 100 * time.Millisecond

func (m *Machine) startHeartbeat() {
	h := &m.scope.heartbeat
	h.owner = h
	m.alarms.set(&h.alarm, m.now)
}

func (h *heartbeat) ring(m *Machine) {
	h.last = m.now
	msg := m.ownPresence()
	m.tellAll(msg)
	if m.cfg.Scope.Multicast {
		m.counters.Scope.Sent[msg.Type()]++
		m.effect(&machine.Announce{Group: machine.ENRPGroup, Payload: enrp.Append(nil, msg)})
	}
	for _, c := range m.scope.contacts {
		if c.link != nil && c.peer == nil && !c.own {
			m.presenceTo(c.link, true) // it has not said who it is
		}
	}
	m.measurePeers()
	next := m.spread(m.cfg.Scope.HeartbeatInterval, 0.125)
	if m.searchesByMulticast() {
		next = min(next, multicastPatience/searchPresences)
	}
	m.alarms.set(&h.alarm, m.after(next))
}

// hasten announces a presence as soon as may be.
func (h *heartbeat) hasten(m *Machine) {
	at := h.last.Add(presenceGap)
	if at.Before(m.now) {
		at = m.now
	}
	m.alarms.set(&h.alarm, at)
}

// ownPresence is the registrar's presence for everyone, good until the next. Deployed peers demand
// the checksum and the server information in each.
func (m *Machine) ownPresence() *enrp.Presence {
	s, to := &m.scope, &m.cfg.Scope.Address
	s.server = rserpool.Server{ID: m.cfg.ID, Transport: rserpool.Transport{
		Protocol: rserpool.SCTP, Port: to.Port, UDPPort: to.UDPPort, Addresses: to.IPs,
	}}
	s.presence = enrp.Presence{Route: m.everyone(), Checksum: m.space.Checksum(m.cfg.ID), Server: &s.server}
	return &s.presence
}

// presenceTo sends a presence to one peer, and may demand its own in return.
func (m *Machine) presenceTo(a *association, reply bool) {
	msg := m.ownPresence()
	msg.ReplyRequired = reply
	if a.peer != nil {
		msg.Receiver = a.peer.id
	}
	m.tell(a, msg)
}

// presence hears that a peer is there and what it owns.
func (m *Machine) presence(a *association, p *peer, msg *enrp.Presence, fresh bool) {
	if msg.Server != nil && msg.Server.ID == p.id {
		if _, ok := reachable(&msg.Server.Transport); ok {
			p.server = msg.Server.Transport
			m.relocate(p, a)
		}
	}
	if msg.ReplyRequired && a.instead && !fresh {
		a.instead = false
		m.resumeMentor(p) // it may have heard nothing before
	}
	ask := fresh && !a.greeted
	if msg.ReplyRequired || ask {
		a.greeted = true
		m.presenceTo(a, ask)
	}
	m.seekMentor()
	m.compare(p, msg.Checksum)
}

// relocate lets the peer be dialled at the port that it names, should the
// association end: it may have dialled from another one. The addresses are those
// of the association, which are proven.
func (m *Machine) relocate(p *peer, a *association) {
	c := p.contact
	if c.configured || c.to.Port == p.server.Port {
		return
	}
	to := transport.Address{IPs: a.remote.IPs, Port: p.server.Port, UDPPort: p.server.UDPPort}
	for _, o := range m.scope.contacts {
		if o != c && samePlace(o.to, to) {
			return
		}
	}
	c.to = to
}

// heardPresence hears a presence by multicast. Anybody could have sent it, so it
// says no more than where to ask: it keeps no peer alive and has no checksum
// compared.
func (m *Machine) heardPresence(in *machine.Heard) {
	if !m.scope.enabled || m.draining {
		return
	}
	msg, _, err := m.scope.decoder.Parse(in.Payload)
	presence, ok := msg.(*enrp.Presence)
	if err != nil || !ok || presence.Sender == 0 {
		m.ignore(nil, BadPresence, in.From.String())
		return
	}
	if presence.Sender == m.cfg.ID {
		return
	}
	m.counters.Scope.Heard++
	if p := m.peer(presence.Sender); p != nil && p.link() != nil {
		m.heardAside(p)
		return
	}
	if presence.Server == nil {
		return
	}
	to, ok := reachable(&presence.Server.Transport)
	if !ok {
		return
	}
	if from := in.From.Addr().Unmap().WithZone(""); from.IsValid() {
		to.IPs = []netip.Addr{from}
	}
	if c := m.learnPlace(presence.Sender, to); c != nil {
		m.hasten(c)
	}
}

// heardAside hears a presence by multicast of a peer with an association, over
// which another should come too. Where none does until the next by multicast, the
// peer may have started anew and know nothing of the association: to ask it shows
// that, and a registrar that searches for a mentor has no time to lose.
func (m *Machine) heardAside(p *peer) {
	switch {
	case !p.heard.Before(p.called): // or for the first time
		p.called = m.now
	case m.now.Sub(p.called) >= presenceGap:
		p.called = m.now
		m.presenceTo(p.link(), true)
	}
}

// learnPlace hears where a registrar should be. It returns nil where there is no
// room for it.
func (m *Machine) learnPlace(id rserpool.RegistrarID, to transport.Address) *contact {
	if samePlace(to, m.cfg.Scope.Address) {
		return nil
	}
	c := m.contactAt(to, false)
	if c == nil {
		m.ignore(nil, TooManyPeers, id.String())
		return nil
	}
	if c.peer != nil {
		return c
	}
	if p := m.peer(id); p != nil && p.contact == nil {
		p.contact, c.peer = c, p
	}
	return c
}
