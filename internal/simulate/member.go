package simulate

import (
	"net/netip"
	"time"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/element"
	"github.com/rspool/rspool/internal/machine/hunt"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/transport"
)

// member is the process of a host that takes part in pools: elements, users, and
// the hunt for a registrar that they share. It drives its machines as pool.Host
// does.
type member struct {
	process
	asap     *endpoint
	hunt     *role
	elements *role
	resolver *role
	inputs   []pending
	stepping bool
	home     machine.HomeUp // zero Association: none
	dials    map[machine.Ticket]*end
	queues   map[machine.AssociationID]*queue

	services  []*service // of the elements
	questions map[machine.Ticket]question
	asked     machine.Ticket
	found     time.Duration // when a resolution last succeeded
	sessions  []*session
}

// pending is an input that waits for its turn.
type pending struct {
	r  *role
	in machine.Input
}

// queue is what waits for a registrar that does not read.
type queue struct {
	messages []machine.Send
	bytes    int
}

// maxQueue bounds a queue, in bytes.
const maxQueue = 64 << 10

// asapPort is where registrars reach a host that takes part in pools.
const asapPort = 4000

// startMember starts the process of a host.
func (w *World) startMember(h *host, place *memberPlace, anew bool) *member {
	m := &member{
		process:   newProcess(w, h),
		dials:     map[machine.Ticket]*end{},
		queues:    map[machine.AssociationID]*queue{},
		questions: map[machine.Ticket]question{},
	}
	port := uint16(asapPort)
	if !w.setting.SamePorts {
		port = 0
	}
	m.asap = h.open(port, true, m)
	add := func(name string, mm machine.Machine) *role {
		var r *role
		r = m.addRole(name, mm, func(in machine.Input) { m.step(r, in) })
		return r
	}
	m.hunt = add("hunt", hunt.New(hunt.Config{
		Dialect:         w.setting.Dialect,
		Timeout:         w.setting.HuntTimeout,
		MaxTimeout:      w.setting.HuntMaxTimeout,
		AnnounceTimeout: w.setting.AnnounceTimeout,
		Rand:            m.chance(),
	}))
	m.elements = add("element", element.New(element.Config{Dialect: w.setting.Dialect, Rand: m.chance()}))
	m.resolver = add("resolver", user.NewResolver(user.ResolverConfig{
		RequestTimeout: w.setting.RequestTimeout,
		MaxRetransmit:  w.setting.MaxRetransmit,
		ReportInterval: w.setting.ReportInterval,
		MaxRequests:    64,
		MaxCached:      64,
		MaxWatches:     16,
		Policies:       policies,
		Rand:           m.chance(),
	}))
	if place.announcements {
		h.hear = m.hear
	}
	w.members[h.index] = m
	m.step(m.hunt, &hunt.Servers{List: place.registrars})
	for _, e := range place.elements {
		m.serve(e, anew)
	}
	for _, handle := range place.sessions {
		m.begin(handle)
	}
	for i, handle := range place.resolves {
		m.resolve(handle, time.Duration(i)*w.setting.CacheTime)
	}
	return m
}

// step hands an input to a machine and does what it asks for. Called from inside
// an effect, it queues the input and returns.
func (m *member) step(r *role, in machine.Input) {
	m.inputs = append(m.inputs, pending{r, in})
	if m.stepping {
		return
	}
	m.stepping = true
	for i := 0; i < len(m.inputs) && m.w.failure == nil; i++ {
		r := m.inputs[i].r
		for _, e := range r.step(m.inputs[i].in) {
			m.perform(r, e)
		}
		r.arm()
	}
	clear(m.inputs)
	m.inputs, m.stepping = m.inputs[:0], false
}

func (m *member) perform(r *role, e machine.Effect) {
	switch e := e.(type) {
	case machine.Send:
		if a := m.use(e.Association, "a message"); a != nil {
			m.transmit(a, e)
		}
	case machine.Associate:
		m.associate(e)
	case machine.Cancel:
		if a := m.dials[e.Ticket]; a != nil {
			delete(m.dials, e.Ticket)
			a.abort("no longer wanted")
		}
	case machine.Shutdown:
		if a := m.use(e.Association, "a shutdown"); a != nil {
			a.shutdown()
		}
	case machine.Abort:
		if a := m.use(e.Association, "an abort"); a != nil {
			m.w.note("%s aborts %s: %s", m.h.name, a.remote.name, e.Reason)
			m.forget(a)
			a.abort(e.Reason)
		}
	case machine.HomeUp:
		m.home = e
		m.w.note("%s has a home: %s", m.h.name, m.homeName())
		m.w.restless(m.h, "changes its home")
		m.unconfirm()
		m.step(m.elements, &e)
		m.step(m.resolver, &e)
	case machine.HomeLost:
		m.w.note("%s loses its home: %s", m.h.name, e.Reason)
		m.home = machine.HomeUp{}
		m.unconfirm()
		m.step(m.elements, &e)
		m.step(m.resolver, &e)
	case machine.Rehunt:
		m.step(m.hunt, &e)
	case machine.Adopt:
		if e.Association == m.home.Association {
			m.home.Registrar = e.Registrar
		}
		m.step(m.hunt, &e)
	case hunt.Failed:
		m.w.note("%s finds no registrar among %d", m.h.name, e.Tried)
	default:
		if r == m.elements {
			m.performElement(e)
		} else {
			m.performResolver(e)
		}
	}
}

func (m *member) homeName() string {
	if a := m.associations[m.home.Association]; a != nil {
		return a.remote.name
	}
	return "none"
}

func (m *member) associate(e machine.Associate) {
	a := m.asap.dial(e.To)
	if a == nil {
		m.step(m.hunt, &machine.AssociationFailed{Ticket: e.Ticket, Reason: "association exists already"})
		return
	}
	m.dials[e.Ticket] = a
}

// transmit sends a message now or as soon as the association takes it. A
// registrar that never does is left.
func (m *member) transmit(a *end, e machine.Send) {
	m.w.sent(m.h, a, e.PPID, e.Payload)
	q := m.queues[a.id]
	if q == nil {
		if a.send(e.PPID, e.Payload) {
			return
		}
		q = &queue{}
		m.queues[a.id] = q
	}
	if q.bytes += len(e.Payload); q.bytes > maxQueue {
		delete(m.queues, a.id)
		a.abort("messages are not taken")
		return
	}
	e.Payload = append([]byte(nil), e.Payload...)
	q.messages = append(q.messages, e)
}

// writable implements handler.
func (m *member) writable(a *end) {
	q := m.queues[a.id]
	if q == nil {
		return
	}
	for i, s := range q.messages {
		if !a.send(s.PPID, s.Payload) {
			q.messages = q.messages[i:]
			return
		}
		q.bytes -= len(s.Payload)
	}
	delete(m.queues, a.id)
}

func (m *member) forget(a *end) {
	delete(m.associations, a.id)
	delete(m.queues, a.id)
}

// ticketOf returns the ticket of the attempt at an association, zero where the
// peer has begun it.
func ticketOf(dials map[machine.Ticket]*end, a *end) machine.Ticket {
	for t, d := range dials { // at most one has it
		if d == a {
			return t
		}
	}
	return 0
}

// happened implements handler.
func (m *member) happened(a *end, c change) {
	t := ticketOf(m.dials, a)
	delete(m.dials, t)
	known := m.associations[a.id] != nil
	switch {
	case c.kind == transport.Up:
		m.associations[a.id] = a
		m.step(m.hunt, &machine.AssociationUp{Association: a.id, Ticket: t, Local: a.p.address(), Remote: a.address()})
	case c.kind == transport.Restarted && known:
		m.step(m.hunt, &machine.AssociationLost{Association: a.id, Restarted: true, Reason: c.reason})
	case t != 0:
		m.step(m.hunt, &machine.AssociationFailed{Ticket: t, Reason: c.reason})
	case known:
		m.forget(a)
		m.step(m.hunt, &machine.AssociationLost{Association: a.id, Orderly: c.kind == transport.Closed, Reason: c.reason})
	}
}

// message implements handler.
func (m *member) message(a *end, ppid uint32, payload []byte) {
	if ppid != asap.PPID || len(payload) == 0 || m.associations[a.id] == nil {
		return
	}
	in := &machine.Received{Association: a.id, PPID: ppid, Payload: payload}
	t := asap.Type(payload[0])
	if t != asap.TypeHandleResolutionResponse {
		m.step(m.elements, in)
	}
	if t == asap.TypeHandleResolutionResponse || t == asap.TypeError {
		m.step(m.resolver, in)
	}
}

func (m *member) hear(g machine.Group, from netip.AddrPort, payload []byte) {
	if !m.dead && g == machine.ASAPGroup {
		m.step(m.hunt, &machine.Heard{Group: g, From: from, Payload: payload})
	}
}
