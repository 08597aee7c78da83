package registrar

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/handlespace"
)

// transfer is a handle table on its way from a peer: the mentor's whole one at the
// start, or the peer's own children for an audit. It lives from the first request
// to the last part, or to the first that does not come.
type transfer struct {
	alarm
	peer  *peer
	own   bool
	seen  int // elements so far
	parts int // without any element

	// overtaken are the elements of which somebody else has said something since
	// the transfer began: what the table says of them may be older.
	overtaken map[handlespace.Cursor]struct{}
}

const (
	// maxBarren bounds the parts of a table that hold nothing.
	maxBarren = 16
	// maxOvertaken bounds what a transfer remembers. Beyond it, audits repair
	// what a table gets wrong.
	maxOvertaken = 100_000
)

// fetch begins a transfer.
func (m *Machine) fetch(p *peer, own bool) {
	t := &transfer{peer: p, own: own}
	t.owner = t
	p.transfer = t
	m.demand(t)
}

// demand asks for the next part.
func (m *Machine) demand(t *transfer) {
	m.alarms.set(&t.alarm, m.after(m.cfg.Scope.MaxTimeNoResponse))
	m.tell(t.peer.link(), &enrp.HandleTableRequest{Route: m.to(t.peer.id), OwnChildren: t.own})
}

// ring gives up.
func (t *transfer) ring(m *Machine) { m.transferred(t, false) }

// handleTableResponse takes a part in and asks for the next.
func (m *Machine) handleTableResponse(p *peer, msg *enrp.HandleTableResponse) {
	t := p.transfer
	if t == nil {
		m.ignore(p.link(), PeerUnexpected, msg.Type().String())
		return
	}
	p.starting = msg.Reject
	if msg.Reject {
		m.transferred(t, false)
		return
	}
	empty := true
	for i := range msg.Pools {
		pool := &msg.Pools[i]
		for j := range pool.Elements {
			m.tableEntry(t, pool.Handle, &pool.Elements[j])
			empty = false
			t.seen++
		}
	}
	if empty {
		t.parts++
	}
	switch {
	case !msg.More:
		m.transferred(t, true)
	case t.seen > 2*m.cfg.MaxElements || t.parts > maxBarren:
		m.ignore(p.link(), EndlessTable, fmt.Sprintf("%d elements", t.seen))
		m.transferred(t, false)
	default:
		m.demand(t)
	}
}

// tableEntry takes in one element of a table (RFC 5353, Section 3.2.3).
func (m *Machine) tableEntry(t *transfer, h rserpool.Handle, el *rserpool.Element) {
	if _, newer := t.overtaken[handlespace.Cursor{Handle: h, ID: el.ID}]; newer {
		return
	}
	switch {
	case el.Home == 0 || t.own && el.Home != t.peer.id:
		m.ignore(t.peer.link(), WrongHome, el.Home.String())
		return
	case el.Home == m.cfg.ID:
		m.reclaimOwn(t.peer, h, el)
		return
	}
	home := t.peer
	if el.Home != home.id {
		if home = m.addPeer(el.Home); home == nil {
			m.ignore(t.peer.link(), TooManyPeers, el.Home.String())
			return
		}
	}
	if e := m.member(h, el.ID); e != nil && e.entry.Home() == m.cfg.ID && e.association != nil {
		m.reassert(e)
		return
	}
	m.learn(t.peer, home, h, el)
}

// transferred ends a transfer.
func (m *Machine) transferred(t *transfer, complete bool) {
	m.alarms.clear(&t.alarm)
	t.peer.transfer = nil
	if t.own {
		m.audited(t.peer, complete)
	} else {
		m.mentored(t.peer, complete)
	}
}

// overtake notes that somebody has said something of an element while tables of
// others are on their way.
func (m *Machine) overtake(by *peer, h rserpool.Handle, id rserpool.ElementID) {
	for _, p := range m.scope.peers {
		t := p.transfer
		if t == nil || p == by || len(t.overtaken) >= maxOvertaken {
			continue
		}
		if t.overtaken == nil {
			t.overtaken = map[handlespace.Cursor]struct{}{}
		}
		t.overtaken[handlespace.Cursor{Handle: h, ID: id}] = struct{}{}
	}
}
