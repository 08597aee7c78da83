package registrar

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
)

// takeover is the arbitration over the elements of a peer that is dead, or said
// to be (RFC 5353, Section 3.5). It lives from the first INIT_TAKEOVER until the
// elements have a new home, or the peer shows that it lives. Meanwhile the peer
// is inactive.
type takeover struct {
	since time.Time
	// by is who takes over: this registrar, a peer that has its consent, or zero
	// while this one holds back after an attempt that was too late.
	by       rserpool.RegistrarID
	waiting  []rserpool.RegistrarID // peers whose consent is missing
	attempts int
}

const (
	// maxAttempts is how often consent is asked for. After that, those who are
	// alive and do not answer are passed over: elements without a home cannot wait
	// for ever.
	maxAttempts = 3
	// yieldRounds is how many takeover timeouts a peer may take that has this
	// registrar's consent.
	yieldRounds = 2
)

// beginTakeover asks all peers for their consent.
func (m *Machine) beginTakeover(p *peer) {
	t := p.takeover
	if t == nil {
		t = &takeover{since: m.now}
		p.takeover = t
	}
	t.by, t.waiting = m.cfg.ID, t.waiting[:0]
	t.attempts++
	p.asked = time.Time{}
	m.counters.Scope.TakeoversBegun++
	m.observe(Observed{Event: TakeoverBegun, Peer: p.id})
	for _, q := range m.scope.peers {
		if q != p && q.met && q.takeover == nil {
			t.waiting = append(t.waiting, q.id)
		}
	}
	m.tellAll(&enrp.InitTakeover{Route: m.everyone(), Target: p.id})
	m.alarms.set(&p.alarm, m.after(m.spread(m.cfg.Scope.TakeoverTimeout, 0.125)))
	m.completeTakeover(p)
}

// prevails reports whether another registrar comes before this one.
//
// Deviation: RFC 5353, Section 3.5.2 prefers the larger identifier, deployed
// registrars the smaller; see docs/deviations.md.
func (m *Machine) prevails(other rserpool.RegistrarID) bool {
	if m.cfg.Dialect == rserpool.RFC {
		return other > m.cfg.ID
	}
	return other < m.cfg.ID
}

// initTakeover hears that a peer means to take over the elements of another.
func (m *Machine) initTakeover(a *association, from *peer, msg *enrp.InitTakeover) {
	switch msg.Target {
	case m.cfg.ID:
		m.scope.heartbeat.hasten(m) // which shows that it lives
		return
	case 0, from.id:
		m.ignore(a, WrongTarget, msg.Target.String())
		return
	}
	if p := m.peer(msg.Target); p != nil {
		t := p.takeover
		switch {
		case t == nil:
			t = &takeover{since: m.now}
			p.takeover = t
			p.asked = time.Time{}
		case t.by != m.cfg.ID:
		case m.prevails(from.id):
			m.counters.Scope.TakeoversYielded++
		default:
			return // the other one will give way
		}
		t.by, t.waiting = from.id, nil
		m.alarms.set(&p.alarm, m.after(m.spread(yieldRounds*m.cfg.Scope.TakeoverTimeout, 0.25)))
	}
	m.tell(a, &enrp.InitTakeoverAck{Route: m.to(from.id), Target: msg.Target})
}

// initTakeoverAck hears a peer's consent.
func (m *Machine) initTakeoverAck(from *peer, msg *enrp.InitTakeoverAck) {
	p := m.peer(msg.Target)
	if p == nil || p.takeover == nil || p.takeover.by != m.cfg.ID {
		m.counters.Scope.Ignored[PeerUnexpected]++ // the peer revived, say
		return
	}
	m.consents(p, from.id)
}

// consents takes a peer out of those whose consent is missing.
func (m *Machine) consents(p *peer, id rserpool.RegistrarID) {
	t := p.takeover
	if i := slices.Index(t.waiting, id); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		m.completeTakeover(p)
	}
}

// completeTakeover makes the peer's elements this registrar's, if nobody's consent
// is missing.
func (m *Machine) completeTakeover(p *peer) {
	t := p.takeover
	if t.by != m.cfg.ID || len(t.waiting) > 0 {
		return
	}
	m.counters.Scope.TakeoversWon++
	m.tellAll(&enrp.TakeoverServer{Route: m.everyone(), Target: p.id})
	elements := m.owned(p.id)
	m.remember(TakeoverRecord{At: m.now, Target: p.id, By: m.cfg.ID, Elements: len(elements), Took: m.now.Sub(t.since)})
	m.observe(Observed{Event: TakeoverDone, Peer: p.id, Count: len(elements), Took: m.now.Sub(t.since)})
	for _, e := range elements {
		m.counters.Scope.TakenOver++
		m.space.SetHome(e.entry, m.cfg.ID)
	}
	m.dropPeer(p)
	for _, e := range elements {
		m.claim(e)
	}
}

// takeoverServer hears that a peer has taken over the elements of another.
func (m *Machine) takeoverServer(from *peer, msg *enrp.TakeoverServer) {
	if msg.Target == 0 || msg.Target == from.id {
		m.ignore(from.link(), WrongTarget, msg.Target.String())
		return
	}
	m.counters.Scope.TakeoversByPeers++
	elements := m.owned(msg.Target)
	m.remember(TakeoverRecord{At: m.now, Target: msg.Target, By: from.id, Elements: len(elements)})
	m.observe(Observed{Event: TakeoverByPeer, Peer: from.id, Count: len(elements), Detail: msg.Target.String()})
	for _, e := range elements {
		m.giveHome(e, from.id)
	}
	if p := m.peer(msg.Target); p != nil {
		m.dropPeer(p)
	}
}

// maxHistory is how many takeovers are remembered.
const maxHistory = 8

func (m *Machine) remember(r TakeoverRecord) {
	s := &m.scope
	if len(s.history) == maxHistory {
		s.history = slices.Delete(s.history, 0, 1)
	}
	s.history = append(s.history, r)
}

// takeoverLate follows a takeover that takes too long.
func (m *Machine) takeoverLate(p *peer) {
	t := p.takeover
	m.counters.Scope.TakeoversLate++
	switch {
	case m.space.Owned(p.id) == 0:
		m.dropPeer(p) // it was done, although nobody said so
	case t.by != m.cfg.ID:
		m.beginTakeover(p)
	case t.attempts >= maxAttempts:
		t.waiting = nil
		m.completeTakeover(p)
	default:
		// Two that ignore each other must not begin again together.
		t.by, t.waiting = 0, nil
		m.alarms.set(&p.alarm, m.after(m.spread(m.cfg.Scope.TakeoverTimeout/2, 0.75)))
	}
}

// revived follows a sign of life of a peer that was given up.
func (m *Machine) revived(p *peer) {
	m.counters.Scope.TakeoversRevived++
	m.observe(Observed{Event: PeerRevived, Peer: p.id})
	p.takeover = nil
}

// withoutVoice follows the death of a peer: nobody waits for its consent, and what
// it was about to take over is without a home again.
func (m *Machine) withoutVoice(dead *peer) {
	for _, p := range slices.Clone(m.scope.peers) {
		switch t := p.takeover; {
		case t == nil || p == dead:
		case t.by == m.cfg.ID:
			m.consents(p, dead.id)
		case t.by == dead.id:
			m.beginTakeover(p)
		}
	}
}

// remindOf sends a peer that is back what it may have missed.
func (m *Machine) remindOf(a *association) {
	for _, p := range m.scope.peers {
		if t := p.takeover; t != nil && t.by == m.cfg.ID && slices.Contains(t.waiting, a.peer.id) {
			m.tell(a, &enrp.InitTakeover{Route: m.everyone(), Target: p.id})
		}
	}
}
