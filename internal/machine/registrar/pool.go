package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/handlespace"
)

// pool is what the machine knows of a pool beside its elements. It lives as long
// as the pool does in the handlespace, and then until its subscribers know that
// it is gone.
type pool struct {
	space   *handlespace.Pool
	handle  rserpool.Handle
	updates updates
	clock   clock
	gone    bool
}

// member is what the machine knows of an element beside its values. It lives as
// long as the registration.
type member struct {
	entry *handlespace.Entry
	pool  *pool

	association *association // over which it registered or answered last, if that lives
	place       int          // in association.members

	since   time.Time // first registration
	updated time.Time // last registration
	heard   time.Time // last registration or answer to a keep-alive
	watch   watch
	record  record

	distance uint32 // from its home, in milliseconds
	// What is under way with a new home; see claim, suggest, reassert and insist.
	claimed     bool // it was asked to accept this registrar as its home
	call        *call
	callPlace   int // in call.members
	suggestedTo rserpool.RegistrarID
	suggestedAt time.Time
	reasserted  time.Time
	insisted    time.Time            // as the home, against a peer whose update crossed
	published   time.Time            // when peers were last told that its home is here
	offeredBy   rserpool.RegistrarID // who has suggested this registrar as its home,
	offeredAt   time.Time            // and when
}

func (m *Machine) pool(h rserpool.Handle) *pool {
	if p := m.space.Pool(h); p != nil {
		return p.Attachment.(*pool)
	}
	return nil
}

func (m *Machine) member(h rserpool.Handle, id rserpool.ElementID) *member {
	if e := m.space.Find(h, id); e != nil {
		return e.Attachment.(*member)
	}
	return nil
}

// joined follows the registration of a new element.
func (m *Machine) joined(a *association, entry *handlespace.Entry) {
	e := m.settle(entry)
	m.adopt(a, e)
	m.rest(e)
	m.observe(Observed{Event: ElementJoined, Handle: e.pool.handle, Element: entry.ID(), Association: a.id})
	m.changed(e.pool)
}

// settle makes what the machine knows of a new element beside its values.
func (m *Machine) settle(entry *handlespace.Entry) *member {
	p, _ := entry.Pool().Attachment.(*pool)
	if p == nil {
		p = &pool{space: entry.Pool(), handle: entry.Pool().Handle()}
		p.updates.owner = p
		p.clock.owner, p.clock.pool = &p.clock, p
		p.space.Attachment = p
		m.observe(Observed{Event: PoolCreated, Handle: p.handle, Detail: p.space.Type().String()})
	}
	e := &member{entry: entry, pool: p, since: m.now, updated: m.now}
	e.watch.owner = e
	entry.Attachment = e
	m.wind(p)
	return e
}

// twoAssociations is told of an element that moves while its former association
// lives. Once is an element that has changed its mind; again and again are two
// elements with one identifier behind one address, which nothing else tells apart.
const twoAssociations = "its former association lives: if this repeats, two elements share the identifier"

// renewed follows a re-registration.
func (m *Machine) renewed(a *association, e *member, moved bool) {
	e.updated = m.now
	e.record = record{recent: e.record.recent[:0]}
	e.claimed, e.suggestedTo = false, 0
	m.hangUp(e)
	if e.association != a {
		m.counters.Moved++
		moving := Observed{Event: ElementMoved, Handle: e.pool.handle, Element: e.entry.ID(), Association: a.id}
		if e.association != nil {
			moving.Detail = twoAssociations
		}
		m.adopt(a, e)
		m.observe(moving)
	}
	m.rest(e)
	m.wind(e.pool)
	if moved {
		m.changed(e.pool)
	}
}

// remove takes an element out, and its pool with the last one.
func (m *Machine) remove(e *member, why Reason) {
	m.counters.Removals[why]++
	left := Observed{Event: ElementLeft, Handle: e.pool.handle, Element: e.entry.ID(), Detail: why.String()}
	if e.association != nil {
		left.Association = e.association.id
	}
	m.observe(left)
	if e.entry.Home() == m.cfg.ID && !m.scope.leaving {
		m.publish(e, enrp.DeleteElement)
	}
	m.hangUp(e)
	m.disown(e)
	m.alarms.clear(&e.watch.alarm)
	if failure, ok := why.failure(); ok {
		m.space.Failed(m.now, e.entry, failure)
	}
	m.space.Remove(e.entry)
	e.entry.Attachment = nil
	m.wind(e.pool)
	if e.pool.space.Len() == 0 {
		e.pool.gone = true
		m.alarms.clear(&e.pool.clock.alarm)
		m.observe(Observed{Event: PoolEmptied, Handle: e.pool.handle})
	}
	m.changed(e.pool)
}

// expire removes the elements whose life has ended. The RFC demands it of the
// home registrar (RFC 5352, Section 3.2); deployed ones leave it to keep-alives.
func (m *Machine) expire() {
	m.expired = m.space.Expired(m.now, m.expired[:0])
	for _, entry := range m.expired {
		e := entry.Attachment.(*member)
		if entry.Home() != m.cfg.ID {
			m.letGo(e)
			continue
		}
		a, handle := e.association, e.pool.handle
		m.remove(e, Expired)
		m.notify(a, handle, entry.ID())
	}
	clear(m.expired)
}

// earlier returns the earlier of two deadlines, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
