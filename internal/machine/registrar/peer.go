package registrar

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/transport"
)

// peer is another registrar of the operation scope. It lives from its first
// message, or from the first element of a handle table that it owns, until its
// elements are taken over.
type peer struct {
	alarm // when it is to be asked, given up, or taken over
	id    rserpool.RegistrarID

	// contact is where it is, nil if that is not known; server is what it says
	// itself, without addresses if it has said nothing yet.
	contact *contact
	server  rserpool.Transport

	since    time.Time
	heard    time.Time // peer_last_heard (RFC 5353, Section 4.1)
	called   time.Time // a presence by multicast, after which it should be heard too
	met      bool      // it was heard at all
	listing  bool      // it was asked for its peers
	starting bool      // it said that it is not in sync itself
	asked    time.Time // for a sign of life that has not come yet, else zero

	serving  serving
	transfer *transfer
	audit    audit
	takeover *takeover // of this peer's elements, nil while it is active
	distance uint32    // from here, in milliseconds
}

// link returns the association with the peer, nil without one.
func (p *peer) link() *association {
	if p.contact == nil {
		return nil
	}
	return p.contact.link
}

func (m *Machine) findPeer(id rserpool.RegistrarID) (int, bool) {
	return slices.BinarySearchFunc(m.scope.peers, id, func(p *peer, id rserpool.RegistrarID) int { return cmp.Compare(p.id, id) })
}

// peer returns the peer with the identifier, nil if there is none.
func (m *Machine) peer(id rserpool.RegistrarID) *peer {
	if i, found := m.findPeer(id); found {
		return m.scope.peers[i]
	}
	return nil
}

// addPeer makes a peer known. It returns nil where there are too many.
func (m *Machine) addPeer(id rserpool.RegistrarID) *peer {
	i, found := m.findPeer(id)
	if found {
		return m.scope.peers[i]
	}
	if len(m.scope.peers) >= m.cfg.Scope.MaxPeers {
		return nil
	}
	p := &peer{id: id, since: m.now, heard: m.now}
	p.owner, p.serving.owner = p, &p.serving
	m.scope.peers = slices.Insert(m.scope.peers, i, p)
	m.alarms.set(&p.alarm, m.after(m.cfg.Scope.MaxTimeLastHeard))
	return p
}

// dropPeer forgets a peer: it owns nothing any more. If it comes back it is new.
func (m *Machine) dropPeer(p *peer) {
	i, found := m.findPeer(p.id)
	if !found || m.scope.peers[i] != p {
		return
	}
	m.alarms.clear(&p.alarm)
	m.alarms.clear(&p.serving.alarm)
	if p.transfer != nil {
		m.alarms.clear(&p.transfer.alarm)
		p.transfer = nil
	}
	m.scope.peers = slices.Delete(m.scope.peers, i, i+1)
	if c := p.contact; c != nil {
		p.contact, c.peer = nil, nil
		if c.link != nil {
			c.link.peer, c.link.greeted = nil, false
		}
		m.dropContact(c)
	}
	m.mentorLost(p)
}

// sender returns the peer that speaks over the association, and whether it is
// new. An association speaks for one registrar, the first that it names, and as
// long as it lives no other one does.
func (m *Machine) sender(a *association, id rserpool.RegistrarID, msg enrp.Message) (p *peer, fresh bool) {
	switch {
	case a.peer != nil && a.peer.id == id:
		return a.peer, false
	case id == m.cfg.ID:
		m.ignore(a, OwnIdentity, id.String())
		if c := a.contact; c != nil && c.configured && a.peer == nil {
			c.own = true // and is not dialled again
		}
		return nil, false
	case id == 0 || a.peer != nil:
		m.ignore(a, WrongSender, id.String())
		return nil, false
	}
	p = m.peer(id)
	if p != nil {
		if l := p.link(); l != nil && l != a && !m.secondWay(a, l, p, msg) {
			return nil, false
		}
	} else if p = m.addPeer(id); p == nil {
		m.ignore(a, TooManyPeers, "")
		return nil, false
	}
	displaced, ok := m.bind(a, p)
	if !ok {
		return nil, false
	}
	m.heardFrom(p)
	m.resume(p)
	if displaced != nil {
		m.dead(displaced, "another registrar is in its place")
	}
	return p, true
}

// bind makes the association the peer's. It returns the peer that was there before.
func (m *Machine) bind(a *association, p *peer) (displaced *peer, ok bool) {
	c := a.contact
	if c == nil {
		if c = m.contactAt(transport.Address{IPs: a.remote.IPs, Port: a.remote.Port, UDPPort: a.remote.UDPPort}, false); c == nil {
			m.ignore(a, TooManyPeers, "")
			return nil, false
		}
		m.link(c, a)
	}
	if old := p.contact; old != nil && old != c {
		old.peer, p.contact = nil, nil
		if old.link != nil {
			old.link.peer = nil
		}
		m.dropContact(old)
	}
	old := c.peer
	a.peer, c.peer, p.contact = p, p, c
	c.failures = 0
	p.serving.open = false // a part may have been lost
	m.alarms.clear(&p.serving.alarm)
	if old == nil || old == p {
		return nil, true
	}
	old.contact = nil
	return old, true
}

// heardFrom notes that a peer lives (RFC 5353, Section 3.4).
func (m *Machine) heardFrom(p *peer) {
	p.heard, p.asked = m.now, time.Time{}
	if !p.met {
		p.met = true
		m.counters.Scope.PeersJoined++
		m.observe(Observed{Event: PeerFound, Peer: p.id, Association: p.link().id})
	}
	if p.takeover != nil {
		m.revived(p)
	}
	m.alarms.set(&p.alarm, m.after(m.cfg.Scope.MaxTimeLastHeard))
}

// greet asks a new peer to make itself known, and whom it knows.
func (m *Machine) greet(a *association, p *peer) {
	if !a.greeted {
		a.greeted = true
		m.presenceTo(a, true)
	}
	if m.inSync() {
		m.requestList(p)
	}
}

// ring asks a silent peer for a sign of life, or gives it up.
func (p *peer) ring(m *Machine) {
	switch cfg := &m.cfg.Scope; {
	case p.takeover != nil:
		m.takeoverLate(p)
	case !p.asked.IsZero():
		m.dead(p, fmt.Sprintf("no answer within %v", cfg.MaxTimeNoResponse))
	default:
		m.inquire(p)
	}
}

// inquire asks a peer for a sign of life within MAX-TIME-NO-RESPONSE.
func (m *Machine) inquire(p *peer) {
	if p.asked.IsZero() {
		p.asked = m.now
		m.alarms.set(&p.alarm, m.after(m.cfg.Scope.MaxTimeNoResponse))
	}
	if a := p.link(); a != nil {
		m.presenceTo(a, true)
	} else if p.contact != nil && p.contact.ticket == 0 {
		m.alarms.set(&p.contact.alarm, m.now)
	}
}

// dead gives a peer up. Its elements need a new home (RFC 5353, Section 3.5).
func (m *Machine) dead(p *peer, why string) {
	if p.takeover != nil {
		return
	}
	if !m.inSync() {
		// It is too early to judge: others know more.
		p.asked = m.now
		m.alarms.set(&p.alarm, m.after(m.cfg.Scope.MaxTimeNoResponse))
		m.mentorLost(p)
		return
	}
	m.counters.Scope.PeersLost++
	m.observe(Observed{Event: PeerLost, Peer: p.id, Detail: why})
	if m.space.Owned(p.id) == 0 {
		m.dropPeer(p)
	} else {
		m.beginTakeover(p)
	}
	m.withoutVoice(p)
}

// reachable returns where a registrar can be dialled, by what it says of itself.
func reachable(t *rserpool.Transport) (transport.Address, bool) {
	if t.Protocol != rserpool.SCTP || t.Port == 0 {
		return transport.Address{}, false
	}
	ips := slices.DeleteFunc(slices.Clone(t.Addresses), func(ip netip.Addr) bool {
		return !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast()
	})
	return transport.Address{IPs: ips, Port: t.Port, UDPPort: t.UDPPort}, len(ips) > 0
}
