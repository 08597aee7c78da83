package registrar

import (
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// association is one peer's association: an element's life line, or a user's
// way to ask. It lives from AssociationUp to AssociationLost, or until the
// machine ends it; whatever arrives afterwards finds nothing.
type association struct {
	id       machine.AssociationID
	endpoint machine.Endpoint
	remote   transport.Address
	identity *transport.Identity // nil where the peer has not proved any
	asap     *rserpool.Transport // remote, as the elements' ASAP transport
	distance uint32              // of the elements behind it, in milliseconds
	measured time.Time           // when its round-trip time was asked for
	since    time.Time
	heard    time.Time

	// members registered over it or answered to it. Those that moved to another
	// home stay: they may come back.
	members       []*member
	subscriptions []*subscription

	// Of the ENRP endpoint: the peer that it leads to, nil before that is known,
	// and where that is; whether this registrar has dialled; whether the peer was
	// asked for its presence, and has ended the association in order; and what it
	// was complained about, one bit for each PeerIgnored.
	peer    *peer
	contact *contact
	dialled bool
	greeted bool
	orderly bool
	instead bool                 // it has taken the place of another one
	claims  rserpool.RegistrarID // a connected peer, whose name was used over it
	warned  uint32

	// stalled is when the peer's queue was found full, zero while it takes
	// messages.
	stalled time.Time
	// missed are the pools of which it was not told that they are gone.
	missed []rserpool.Handle
	// patience rings when a stalled peer is given up, or when an idle one may be.
	patience alarm
}

func (m *Machine) associationUp(in *machine.AssociationUp) {
	if m.associations[in.Association] != nil {
		m.associationLost(&machine.AssociationLost{Association: in.Association})
	}
	d := m.answered(in.Ticket)
	switch {
	case in.Ticket != 0 && d == nil: // it is not wanted any more
		m.effect(&machine.Shutdown{Association: in.Association})
		return
	case m.draining:
		m.turnAway(in.Association, d, Draining)
		return
	case m.crowded(in.Endpoint):
		m.turnAway(in.Association, d, TooMany)
		return
	}
	a := &association{id: in.Association, endpoint: in.Endpoint, dialled: d != nil, identity: in.Peer, since: m.now, heard: m.now}
	a.setRemote(in.Remote)
	a.patience.owner = a
	m.associations[a.id] = a
	m.await(a)
	m.linked(a)
	if d != nil {
		d.up(m, a)
	}
}

// crowded reports whether an endpoint has as many associations as it may have.
// Users and elements do not take the place of peers, nor the reverse.
func (m *Machine) crowded(endpoint machine.Endpoint) bool {
	if endpoint == machine.ENRPEndpoint {
		return m.scope.links >= linksPerPeer*m.cfg.Scope.MaxPeers
	}
	return len(m.associations)-m.scope.links >= m.cfg.MaxAssociations
}

// linksPerPeer bounds the associations of the ENRP endpoint: some of them may be
// of strangers, until they are idle for too long.
const linksPerPeer = 4

// turnAway refuses an association, which d may wait for.
func (m *Machine) turnAway(id machine.AssociationID, d dialler, why AbortReason) {
	m.abort(id, why)
	if d != nil {
		d.failed(m, why.String())
	}
}

// setRemote keeps the peer's addresses in the form in which registrations are
// compared with them.
//
// Deviation: the ASAP transport of an element is an SCTP transport (RFC 5354,
// Section 3.10), of one that came over TCP too: it is then a place where nobody
// listens, as other registrars find out after a takeover; see docs/deviations.md.
func (a *association) setRemote(remote transport.Address) {
	a.remote = remote
	a.remote.IPs = make([]netip.Addr, 0, len(remote.IPs))
	for _, ip := range remote.IPs {
		if ip = ip.Unmap().WithZone(""); !slices.Contains(a.remote.IPs, ip) {
			a.remote.IPs = append(a.remote.IPs, ip)
		}
	}
	a.asap = &rserpool.Transport{
		Protocol:  rserpool.SCTP,
		Port:      remote.Port,
		UDPPort:   remote.UDPPort,
		Addresses: a.remote.IPs,
	}
}

// sharesAddress reports whether both associations lead to the same host, as far
// as one can tell.
func (a *association) sharesAddress(b *association) bool {
	return slices.ContainsFunc(a.remote.IPs, func(ip netip.Addr) bool { return slices.Contains(b.remote.IPs, ip) })
}

// associationLost ends what depends on the association: the registrations made
// over it and the subscriptions. After a restart the peer has forgotten both,
// but the association goes on.
func (m *Machine) associationLost(in *machine.AssociationLost) {
	a := m.associations[in.Association]
	if a == nil {
		return
	}
	m.release(a)
	a.orderly = in.Orderly
	if in.Restarted {
		a.stalled = time.Time{}
		a.heard = m.now
		m.await(a)
		m.restarted(a)
		return
	}
	m.forget(a)
}

// release removes the association's elements and subscriptions. Elements of which
// another registrar is the home are only left alone.
func (m *Machine) release(a *association) {
	for len(a.subscriptions) > 0 {
		m.unsubscribe(a.subscriptions[len(a.subscriptions)-1])
	}
	for len(a.members) > 0 {
		e := a.members[len(a.members)-1]
		if own := e.entry.Home() == m.cfg.ID; own && !m.leftAfterSuggestion(e) {
			m.remove(e, Gone)
			continue
		} else if !own {
			m.retire(e)
		}
		m.disown(e)
	}
}

// forget takes the association out.
func (m *Machine) forget(a *association) {
	m.alarms.clear(&a.patience)
	delete(m.associations, a.id)
	m.ended(a)
}

// end ends the association from this side. The driver still reports that it is
// gone, which is ignored then.
func (m *Machine) end(a *association, why AbortReason) {
	m.release(a)
	m.forget(a)
	if why == Idle || why == Draining {
		m.counters.Aborts[why]++
		m.effect(&machine.Shutdown{Association: a.id})
		return
	}
	m.abort(a.id, why)
}

func (m *Machine) abort(id machine.AssociationID, why AbortReason) {
	m.counters.Aborts[why]++
	m.effect(&machine.Abort{Association: id, Reason: why.String()})
	m.observe(Observed{Event: AssociationEnded, Association: id, Detail: why.String()})
}

// sendFailed hears that a message was not sent. One that does not fit the queue
// is lost, and so is the next: the peer must read before it is answered again.
func (m *Machine) sendFailed(in *machine.SendFailed) {
	a := m.associations[in.Association]
	if a == nil || !in.Full || !a.stalled.IsZero() {
		return
	}
	a.stalled = m.now
	m.await(a)
}

// writable hears that the peer reads again. Keep-alives and updates that it may
// have missed are sent anew; to answers it knows the request.
func (m *Machine) writable(in *machine.Writable) {
	a := m.associations[in.Association]
	if a == nil || a.stalled.IsZero() {
		return
	}
	a.stalled = time.Time{}
	m.await(a)
	if a.peer != nil {
		m.presenceTo(a, true) // which shows both what they have missed
		m.remindOf(a)
	}
	for _, e := range a.members {
		if e.watch.waiting {
			e.watch.waiting = false
			m.keepAlive(e)
		}
	}
	for _, s := range a.subscriptions {
		m.counters.Updates++
		m.answer(a, s.pool, s.items, s.attributes, pushed)
	}
	for _, h := range a.missed {
		m.counters.Updates++
		m.answerUnknown(a, h)
	}
	a.missed = nil
}

// await sets the alarm for what the association is due next.
func (m *Machine) await(a *association) {
	switch {
	case !a.stalled.IsZero():
		m.alarms.set(&a.patience, a.stalled.Add(m.cfg.StallTimeout))
	case m.cfg.IdleTimeout > 0:
		m.alarms.set(&a.patience, a.heard.Add(m.cfg.IdleTimeout))
	default:
		m.alarms.clear(&a.patience)
	}
}

func (a *association) ring(m *Machine) {
	switch idle := m.now.Sub(a.heard); {
	case !a.stalled.IsZero():
		m.end(a, NotReading)
	case len(a.members) > 0 || len(a.subscriptions) > 0 || a.peer != nil:
		m.alarms.set(&a.patience, m.now.Add(m.cfg.IdleTimeout))
	case idle < m.cfg.IdleTimeout:
		m.await(a)
	default:
		m.end(a, Idle)
	}
}

// adopt makes the member one of the association's. It may have been another's.
func (m *Machine) adopt(a *association, e *member) {
	if e.association == a {
		return
	}
	m.disown(e)
	e.association = a
	e.place = len(a.members)
	a.members = append(a.members, e)
}

// disown takes the member out of its association.
func (m *Machine) disown(e *member) {
	a := e.association
	if a == nil {
		return
	}
	last := a.members[len(a.members)-1]
	a.members[e.place] = last
	last.place = e.place
	a.members[len(a.members)-1] = nil
	a.members = a.members[:len(a.members)-1]
	e.association = nil
}
