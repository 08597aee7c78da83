package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/handlespace"
)

// lifeGrace is how much longer than the home a registrar believes in a life that
// the home has not prolonged: the home decides first.
const lifeGrace = 2 * time.Second

// publish tells all peers of an element that is owned here (RFC 5353, Section 3.3).
func (m *Machine) publish(e *member, action enrp.Action) {
	if len(m.scope.peers) == 0 {
		return
	}
	m.tellOf(e, action)
	if action == enrp.AddElement && m.cfg.Scope.Suggest && !m.draining {
		m.suggestBest(e)
	}
}

// tellOf is publish without anything that follows.
func (m *Machine) tellOf(e *member, action enrp.Action) {
	e.published = m.now
	msg := &m.scope.update
	*msg = enrp.HandleUpdate{Route: m.everyone(), Action: action, Handle: e.pool.handle, Element: e.outward()}
	m.tellAll(msg)
}

// handleUpdate hears of an element that came, changed or went.
func (m *Machine) handleUpdate(p *peer, msg *enrp.HandleUpdate) {
	switch msg.Action {
	case enrp.AddElement:
		if msg.Element.Home != p.id {
			m.ignore(p.link(), WrongHome, msg.Element.Home.String())
			return
		}
		m.overtake(p, msg.Handle, msg.Element.ID)
		if e := m.member(msg.Handle, msg.Element.ID); e != nil && m.crossed(p, e) {
			m.insist(e)
			return
		}
		if e := m.learn(p, p, msg.Handle, &msg.Element); e != nil && msg.TakeoverSuggested {
			m.suggested(p, e)
		}
	case enrp.DeleteElement:
		m.overtake(p, msg.Handle, msg.Element.ID)
		if e := m.member(msg.Handle, msg.Element.ID); e != nil {
			m.withdrawn(p, e)
		}
	default:
		m.ignore(p.link(), PeerUnexpected, msg.Action.String())
	}
}

// crossing is how long after an update on an element an update of another registrar
// may still have been sent without knowledge of it.
const crossing = time.Second

// crossed reports whether an update that names the sender as an element's home has
// most likely crossed one that names this registrar, and this one prevails. If
// both gave way to each other, nobody would be the element's home. It is no
// crossing where the sender does what this registrar has suggested.
func (m *Machine) crossed(p *peer, e *member) bool {
	return e.entry.Home() == m.cfg.ID && m.now.Sub(e.published) < crossing && e.suggestedTo != p.id && !m.prevails(p.id)
}

// insist says again that this registrar is the element's home, once in the time in
// which updates cross: each time goes to all peers.
func (m *Machine) insist(e *member) {
	if m.now.Sub(e.insisted) >= crossing {
		e.insisted = m.now
		m.tellOf(e, enrp.AddElement)
	}
}

// withdrawn hears from a peer that an element is gone. The home decides; a home
// that is no peer, or is being taken over, has no say.
func (m *Machine) withdrawn(p *peer, e *member) {
	home := e.entry.Home()
	if home == m.cfg.ID {
		m.reassert(e)
		return
	}
	if h := m.peer(home); home != p.id && h != nil && h.takeover == nil {
		m.ignore(p.link(), WrongHome, home.String())
		return
	}
	m.letGo(e)
}

// learn takes in what from says of an element, the home of which is another
// registrar. It returns nil where the element is not acceptable.
func (m *Machine) learn(from, home *peer, h rserpool.Handle, el *rserpool.Element) *member {
	if why := m.acceptable(h, el); why != "" {
		m.ignore(from.link(), Unacceptable, why)
		return nil
	}
	known := m.member(h, el.ID)
	mine := known != nil && known.entry.Home() == m.cfg.ID
	moved := known != nil && !sameTransport(&known.entry.Element().UserTransport, &el.UserTransport)
	before := rserpool.RegistrarID(0)
	if known != nil {
		before = known.entry.Home()
	}
	distance := el.Policy.Distance
	el.Policy.Distance = m.distant(el.Policy, home)
	entry, _, refusal := m.space.Register(m.now, h, el, m.now.Add(m.lifeOf(el)+lifeGrace))
	if refusal != nil {
		m.ignore(from.link(), Unacceptable, refusal.Error())
		return nil
	}
	e := known
	if e == nil {
		e = m.settle(entry)
		m.observe(Observed{Event: ElementJoined, Handle: h, Element: el.ID, Peer: home.id})
	}
	e.distance, e.updated = distance, m.now
	if mine {
		m.retire(e)
	}
	if known != nil && before != home.id {
		m.observe(Observed{Event: ElementMoved, Handle: h, Element: el.ID, Peer: home.id})
	}
	if known == nil || moved {
		m.changed(e.pool)
	}
	return e
}

// acceptable returns what is wrong with an element of a peer, empty if nothing is.
// The handlespace has its own rules beside.
func (m *Machine) acceptable(h rserpool.Handle, el *rserpool.Element) string {
	t := el.ASAPTransport
	switch {
	case rserpool.CheckHandle(h, m.cfg.MaxHandleLength) != nil:
		return "pool handle"
	case el.ID == 0:
		return "element identifier of zero"
	case t == nil || t.Protocol != rserpool.SCTP || t.Port == 0 || len(t.Addresses) == 0:
		return "element without an ASAP transport"
	case len(el.UserTransport.Opaque) > maxOpaque || len(el.Policy.Data) > maxOpaque:
		return "opaque bytes"
	}
	return ""
}

// lifeOf is the life of a peer's element, within the bounds that hold here.
func (m *Machine) lifeOf(el *rserpool.Element) time.Duration {
	if el.Life == 0 {
		return m.cfg.DefaultLife
	}
	return min(max(m.cfg.Dialect.Duration(el.Life), m.cfg.MinLife), m.cfg.MaxLife)
}

// letGo removes an element that its home has no more, without telling anybody. One
// that this registrar has an association with may have come back to it: it is
// claimed, and goes if it does not answer.
func (m *Machine) letGo(e *member) {
	if e.association != nil && m.associations[e.association.id] == e.association {
		m.takeHome(e)
		m.claim(e)
		return
	}
	m.remove(e, Withdrawn)
}

// takeHome makes this registrar the element's home and tells the peers.
func (m *Machine) takeHome(e *member) {
	if e.entry.Home() == m.cfg.ID {
		return
	}
	m.space.SetHome(e.entry, m.cfg.ID)
	m.space.SetExpiry(e.entry, m.now.Add(m.lifeOf(e.entry.Element())))
	m.publish(e, enrp.AddElement)
}

// giveHome makes a peer the element's home.
func (m *Machine) giveHome(e *member, to rserpool.RegistrarID) {
	mine := e.entry.Home() == m.cfg.ID
	m.space.SetHome(e.entry, to)
	if mine {
		m.retire(e)
	}
}

// owned returns the elements that a registrar owns.
func (m *Machine) owned(id rserpool.RegistrarID) []*member {
	list := make([]*member, 0, m.space.Owned(id))
	m.space.Walk(id, handlespace.Cursor{}, func(entry *handlespace.Entry) bool {
		list = append(list, entry.Attachment.(*member))
		return true
	})
	return list
}
