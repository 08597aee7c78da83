package element

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// sweepInterval is the least time between two answers for all elements of a
// pool to keep-alives that do not say which element they mean. A registrar sends
// one of them for each element, so that answering each for all would take the
// square of their number; waiting this long is still well within the registrar's
// timeout.
const sweepInterval = time.Second

// pool is what a host knows of one pool: its own elements there.
type pool struct {
	handle   rserpool.Handle
	elements map[rserpool.ElementID]*element
	sorted   []rserpool.ElementID // identifiers in order; nil after a change

	swept time.Time               // when all were answered for
	owed  []machine.AssociationID // who waits for the next time
	t     timer
}

func (p *pool) timer() *timer { return &p.t }

// due implements timed.
func (p *pool) due(m *Machine, now time.Time) {
	owed := p.owed
	p.owed = nil
	for _, a := range owed {
		m.sweep(now, p, a)
	}
}

// join makes an element known under its handle and identifier.
func (m *Machine) join(e *element) {
	p := m.pools[e.Handle]
	if p == nil {
		p = &pool{handle: e.Handle, elements: map[rserpool.ElementID]*element{}, t: timer{index: -1}}
		m.pools[e.Handle] = p
	}
	p.elements[e.Element.ID] = e
	p.sorted = nil
	e.pool = p
}

// part is the reverse of join.
func (m *Machine) part(e *element) {
	delete(e.pool.elements, e.Element.ID)
	e.pool.sorted = nil
	if len(e.pool.elements) == 0 {
		m.timers.set(e.pool, time.Time{})
		delete(m.pools, e.Handle)
	}
}

// find returns an element of the host, or nil.
func (m *Machine) find(h rserpool.Handle, id rserpool.ElementID) *element {
	if p := m.pools[h]; p != nil {
		return p.elements[id]
	}
	return nil
}

// keepAlive answers for the element that is meant, or for all of the pool
// (RFC 5352, Section 3.4). A registrar that claims the host becomes its home.
func (m *Machine) keepAlive(now time.Time, a machine.AssociationID, msg *asap.KeepAlive) {
	m.counters.KeepAlives++
	p := m.pools[msg.Handle]
	if p == nil {
		m.counters.Stray++
		return
	}
	if msg.Element != 0 {
		e := p.elements[msg.Element]
		if e == nil || !e.alive() {
			m.counters.Stray++
			return
		}
		m.claimed(a, msg)
		m.ack(a, e)
		return
	}
	if !p.alive() {
		m.counters.Stray++
		return
	}
	m.claimed(a, msg)
	switch {
	case p.swept.IsZero() || now.Sub(p.swept) >= sweepInterval:
		m.sweep(now, p, a)
	case !slices.Contains(p.owed, a):
		p.owed = append(p.owed, a)
		m.timers.set(p, p.swept.Add(sweepInterval))
	}
}

// claimed hands a claim on to the hunt, and who the home is once that is known.
func (m *Machine) claimed(a machine.AssociationID, msg *asap.KeepAlive) {
	if a == m.home {
		if m.registrar == msg.Sender {
			return
		}
		m.registrar = msg.Sender
		m.emit(machine.Adopt{Association: a, Registrar: msg.Sender})
	} else if msg.Home {
		m.emit(machine.Adopt{Association: a, Registrar: msg.Sender})
	}
}

// sweep answers for every element of a pool.
func (m *Machine) sweep(now time.Time, p *pool, a machine.AssociationID) {
	p.swept = now
	for _, id := range p.ids() {
		if e := p.elements[id]; e.alive() {
			m.ack(a, e)
		}
	}
}

// ids returns the identifiers of the pool's elements in order.
func (p *pool) ids() []rserpool.ElementID {
	if p.sorted == nil {
		for id := range p.elements {
			p.sorted = append(p.sorted, id)
		}
		slices.Sort(p.sorted)
	}
	return p.sorted
}

// alive reports whether the element is to be kept alive: it was registered, or
// may have been, and does not leave.
func (e *element) alive() bool { return e.state != leaving && (e.ever || e.inFlight) }

// alive reports whether any element of the pool is.
func (p *pool) alive() bool {
	for _, e := range p.elements {
		if e.alive() {
			return true
		}
	}
	return false
}

func (m *Machine) ack(a machine.AssociationID, e *element) {
	m.counters.Acks++
	m.ackMsg = asap.KeepAliveAck{Handle: e.Handle, Element: e.Element.ID}
	m.send(a, &m.ackMsg)
}
