package registrar

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/wire"
)

// tableHead is what a part has beside its elements.
const tableHead = 12

// serving is a peer's walk through the handle table, from its first request to
// the last part (RFC 5353, Section 3.2.3). It ends when the peer does not go on:
// before the peer begins anew, so that it does not begin in the middle.
type serving struct {
	alarm
	open bool
	own  bool
	next handlespace.Cursor
}

// ring forgets where the peer was.
func (s *serving) ring(*Machine) { s.open = false }

// handleTableRequest hands out the next part of the handle table.
func (m *Machine) handleTableRequest(a *association, p *peer, msg *enrp.HandleTableRequest) {
	answer := &enrp.HandleTableResponse{Route: m.to(p.id)}
	if !m.inSync() {
		answer.Reject = true
		m.tell(a, answer)
		return
	}
	s := &p.serving
	if !s.open || s.own != msg.OwnChildren {
		s.open, s.own, s.next = true, msg.OwnChildren, handlespace.Cursor{}
	}
	s.next, answer.More = m.tablePart(s.own, s.next, answer)
	if answer.More {
		m.alarms.set(&s.alarm, m.after(m.cfg.Scope.MaxTimeNoResponse/2))
	} else {
		s.open = false
		m.alarms.clear(&s.alarm)
	}
	m.tell(a, answer)
}

// tablePart fills an answer with the elements from a place on, and returns where
// the next part begins and whether there is one.
func (m *Machine) tablePart(own bool, from handlespace.Cursor, answer *enrp.HandleTableResponse) (handlespace.Cursor, bool) {
	owner := handlespace.Everybody
	if own {
		owner = m.cfg.ID
	}
	used := tableHead
	var pool *enrp.Pool
	return m.space.Walk(owner, from, func(entry *handlespace.Entry) bool {
		e := entry.Attachment.(*member)
		el := e.outward()
		m.scope.scratch = wire.AppendElement(m.scope.scratch[:0], &el)
		n := len(m.scope.scratch)
		if pool == nil || pool.Handle != e.pool.handle {
			n += len(e.pool.handle) + 7
		}
		switch {
		case tableHead+n > wire.MaxMessageLen:
			return true // no message takes it, so no peer can have it
		case used+n > m.cfg.Scope.TablePart && pool != nil:
			return false
		}
		used += n
		if pool == nil || pool.Handle != e.pool.handle {
			answer.Pools = append(answer.Pools, enrp.Pool{Handle: e.pool.handle})
			pool = &answer.Pools[len(answer.Pools)-1]
		}
		pool.Elements = append(pool.Elements, el)
		return true
	})
}

// outward returns the element as peers are told of it: with the distance from
// its home rather than from here.
func (e *member) outward() rserpool.Element {
	el := *e.entry.Element()
	el.Policy.Distance = e.distance
	return el
}
