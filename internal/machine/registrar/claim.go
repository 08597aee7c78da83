package registrar

import (
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// calls are the associations that the registrar opens to elements: to those whose
// home it has become, and to those of others that users complain about. There is
// one call for all elements of a place.
type calls struct {
	associations map[place]*association // of the ASAP endpoint, by every address
	byPlace      map[place]*call
	queue        []*call
	dialling     int
}

// call is one association that is being opened. It lives until it is there, or was
// tried in vain.
type call struct {
	alarm
	to       transport.Address
	place    place
	ticket   machine.Ticket
	members  []*member
	failures int
	queued   bool
}

// place is one address of an endpoint.
type place struct {
	ip        netip.Addr
	port, udp uint16
}

// host returns where the element's host is reached, the zero place where that is
// not known.
func (e *member) host() place {
	t := e.entry.Element().ASAPTransport
	if t == nil || len(t.Addresses) == 0 {
		return place{}
	}
	return place{t.Addresses[0], t.Port, udpPort(t.UDPPort)}
}

// callable reports whether the element's host can be called by a registrar, as far
// as one knows. One that came over TCP cannot.
func (e *member) callable() bool {
	t := e.entry.Element().ASAPTransport
	return t != nil && len(t.Addresses) > 0 && t.Port != 0 &&
		(e.association == nil || e.association.remote.Via == transport.SCTP)
}

// id is a number that is the place's at every registrar: its FNV-1a hash.
func (p place) id() uint32 {
	h := uint32(2166136261)
	ip := p.ip.As16()
	for _, b := range append(ip[:], byte(p.port>>8), byte(p.port), byte(p.udp>>8), byte(p.udp)) {
		h = (h ^ uint32(b)) * 16777619
	}
	return h
}

const (
	// maxCalls are opened at a time.
	maxCalls = 256
	// callPause is the wait between two attempts, of which there are callAttempts.
	callPause    = 500 * time.Millisecond
	callAttempts = 2
	// claimRounds is how many keep-alive timeouts a claim may take in all.
	claimRounds = 3
)

// claim asks an element to accept this registrar as its home, by a keep-alive
// with the H bit (RFC 5352, Section 3.4), over a new association if need be.
func (m *Machine) claim(e *member) {
	m.counters.Scope.Claims++
	e.claimed = true
	m.ask(e)
}

// ask asks an element for a sign of life, whatever way there is.
func (m *Machine) ask(e *member) {
	e.watch.waiting = false
	if e.association == nil {
		if a := m.scope.calls.find(e.entry.Element().ASAPTransport); a != nil {
			m.adopt(a, e)
		}
	}
	if e.association != nil {
		m.hangUp(e)
		m.keepAlive(e)
		return
	}
	e.watch.waiting = true
	m.alarms.set(&e.watch.alarm, m.after(claimRounds*m.cfg.KeepAliveTimeout))
	m.call(e)
}

// call lets an element wait for an association with its place.
func (m *Machine) call(e *member) {
	t := e.entry.Element().ASAPTransport
	if e.call != nil || t == nil || len(t.Addresses) == 0 || t.Port == 0 {
		return // the alarm ends it
	}
	s := &m.scope.calls
	key := e.host()
	c := s.byPlace[key]
	if c == nil {
		c = &call{place: key, to: transport.Address{IPs: t.Addresses, Port: t.Port, UDPPort: t.UDPPort}}
		c.owner = c
		s.byPlace[key] = c
		m.enqueue(c)
	}
	e.call, e.callPlace = c, len(c.members)
	c.members = append(c.members, e)
}

// hangUp lets an element wait for no association any more.
func (m *Machine) hangUp(e *member) {
	c := e.call
	if c == nil {
		return
	}
	last := len(c.members) - 1
	c.members[e.callPlace] = c.members[last]
	c.members[e.callPlace].callPlace = e.callPlace
	c.members[last] = nil
	c.members = c.members[:last]
	e.call = nil
	if last == 0 && c.ticket == 0 {
		m.endCall(c)
	}
}

func (m *Machine) endCall(c *call) {
	s := &m.scope.calls
	m.alarms.clear(&c.alarm)
	if s.byPlace[c.place] == c {
		delete(s.byPlace, c.place)
	}
	if c.queued {
		c.queued = false
		s.queue = slices.DeleteFunc(s.queue, func(o *call) bool { return o == c })
	}
}

func (m *Machine) enqueue(c *call) {
	c.queued = true
	m.scope.calls.queue = append(m.scope.calls.queue, c)
	m.dialNext()
}

// dialNext opens as many associations as may be opened at a time.
func (m *Machine) dialNext() {
	s := &m.scope.calls
	for s.dialling < maxCalls && len(s.queue) > 0 {
		c := s.queue[0]
		s.queue = s.queue[1:]
		c.queued = false
		s.dialling++
		c.ticket = m.associate(c, machine.ASAPEndpoint, c.to)
	}
}

// ring dials again.
func (c *call) ring(m *Machine) { m.enqueue(c) }

// up implements dialler.
func (c *call) up(m *Machine, a *association) {
	m.scope.calls.dialling--
	c.ticket = 0
	m.connect(c, a)
	m.dialNext()
}

// failed implements dialler.
func (c *call) failed(m *Machine, _ string) {
	m.scope.calls.dialling--
	c.ticket = 0
	c.failures++
	switch {
	case len(c.members) == 0:
		m.endCall(c)
	case c.failures < callAttempts:
		m.alarms.set(&c.alarm, m.after(callPause))
	default:
		for len(c.members) > 0 {
			e := c.members[len(c.members)-1]
			m.hangUp(e)
			m.unanswered(e)
		}
	}
	m.dialNext()
}

// connect asks those who wait for the association.
func (m *Machine) connect(c *call, a *association) {
	waiting := c.members
	c.members = nil
	for _, e := range waiting {
		e.call = nil
		m.adopt(a, e)
		m.ask(e)
	}
	if c.ticket == 0 {
		m.endCall(c)
	}
}

// arrived makes an association known to those who wait for one.
func (s *calls) arrived(m *Machine, a *association) {
	for _, ip := range a.remote.IPs {
		key := place{ip, a.remote.Port, udpPort(a.remote.UDPPort)}
		s.associations[key] = a
		if c := s.byPlace[key]; c != nil {
			m.connect(c, a)
		}
	}
}

func (s *calls) departed(a *association) {
	for _, ip := range a.remote.IPs {
		key := place{ip, a.remote.Port, udpPort(a.remote.UDPPort)}
		if s.associations[key] == a {
			delete(s.associations, key)
		}
	}
}

// find returns the association with an element's place, nil if there is none.
func (s *calls) find(t *rserpool.Transport) *association {
	if t == nil {
		return nil
	}
	for _, ip := range t.Addresses {
		if a := s.associations[place{ip, t.Port, udpPort(t.UDPPort)}]; a != nil {
			return a
		}
	}
	return nil
}

// accepted follows the answer of an element that was claimed.
func (m *Machine) accepted(e *member) {
	m.counters.Scope.ClaimsAccepted++
	e.claimed = false
	m.takeHome(e)
}

// unanswered follows the end of patience with an element.
func (m *Machine) unanswered(e *member) {
	own := e.entry.Home() == m.cfg.ID
	if e.claimed {
		m.counters.Scope.ClaimsFailed++
	}
	switch {
	case !own && e.claimed: // a suggestion, which binds nobody
		m.retire(e)
	case own:
		m.counters.KeepAlivesSilent++
		a, id, handle := e.association, e.entry.ID(), e.pool.handle
		m.remove(e, Silent)
		m.notify(a, handle, id)
	default:
		m.remove(e, Silent)
	}
}

// retire stops watching an element: another registrar does.
func (m *Machine) retire(e *member) {
	m.hangUp(e)
	e.claimed, e.watch.waiting, e.suggestedTo = false, false, 0
	m.alarms.clear(&e.watch.alarm)
}

// reassert announces an element anew that a peer takes for its own, or for gone,
// and makes sure of it.
func (m *Machine) reassert(e *member) {
	if !e.reasserted.IsZero() && m.now.Sub(e.reasserted) < m.cfg.ReportInterval {
		return
	}
	e.reasserted = m.now
	m.counters.Scope.Reasserted++
	m.publish(e, enrp.AddElement)
	if e.call == nil && !e.watch.waiting {
		m.claim(e)
	}
}

// reclaimOwn takes in an element that was this registrar's before it started
// anew with the same identifier.
func (m *Machine) reclaimOwn(from *peer, h rserpool.Handle, el *rserpool.Element) {
	if m.inSync() || m.member(h, el.ID) != nil {
		return
	}
	if why := m.acceptable(h, el); why != "" {
		m.ignore(from.link(), Unacceptable, why)
		return
	}
	el.Policy.Distance = 0
	entry, _, refusal := m.space.Register(m.now, h, el, m.now.Add(m.lifeOf(el)))
	if refusal != nil {
		m.ignore(from.link(), Unacceptable, refusal.Error())
		return
	}
	e := m.settle(entry)
	m.observe(Observed{Event: ElementJoined, Handle: h, Element: el.ID, Peer: m.cfg.ID})
	m.changed(e.pool)
	m.claim(e)
}
