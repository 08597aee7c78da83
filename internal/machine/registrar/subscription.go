package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
)

// subscription is a user's wish to hear of changes of a pool (S bit of RFC 5352,
// Section 2.2.5). It lives until the pool, the association or the registrar
// ends.
type subscription struct {
	association *association
	pool        *pool
	items       uint32
	attributes  map[string]string
	peerPlace   int // in association.subscriptions
	poolPlace   int // in updates.subscriptions
}

// updates are what the subscribers of a pool are due. Changes that follow one
// another quickly become one update, and many subscribers are served in turns.
type updates struct {
	alarm
	subscriptions []*subscription
	served        int // those before this place have the update under way
	underway      bool
	changed       bool      // since the update under way began
	last          time.Time // when the last update was complete
}

// maxServed bounds the subscribers served at a time.
const maxServed = 64

// subscribe notes the wish and reports whether it is honoured.
func (m *Machine) subscribe(a *association, p *pool, items uint32, attributes map[string]string) bool {
	for _, s := range a.subscriptions {
		if s.pool == p {
			s.items, s.attributes = items, attributes
			return true
		}
	}
	if len(a.subscriptions) >= m.cfg.MaxPeerSubscriptions || m.subscriptions >= m.cfg.MaxSubscriptions {
		m.counters.SubscriptionsRefused++
		return false
	}
	s := &subscription{association: a, pool: p, items: items, attributes: attributes,
		peerPlace: len(a.subscriptions), poolPlace: len(p.updates.subscriptions)}
	a.subscriptions = append(a.subscriptions, s)
	p.updates.subscriptions = append(p.updates.subscriptions, s)
	m.subscriptions++
	return true
}

func (m *Machine) unsubscribe(s *subscription) {
	a := s.association
	last := len(a.subscriptions) - 1
	a.subscriptions[last].peerPlace = s.peerPlace
	a.subscriptions[s.peerPlace] = a.subscriptions[last]
	a.subscriptions[last] = nil
	a.subscriptions = a.subscriptions[:last]
	s.pool.updates.drop(s.poolPlace)
	m.subscriptions--
}

// drop takes a subscription out and keeps those served apart from the others.
func (u *updates) drop(i int) {
	if i < u.served {
		u.served--
		u.move(u.served, i)
		i = u.served
	}
	last := len(u.subscriptions) - 1
	u.move(last, i)
	u.subscriptions[last] = nil
	u.subscriptions = u.subscriptions[:last]
}

func (u *updates) move(from, to int) {
	u.subscriptions[to] = u.subscriptions[from]
	u.subscriptions[to].poolPlace = to
}

// changed tells the pool's subscribers, after a moment in which more may change.
func (m *Machine) changed(p *pool) {
	u := &p.updates
	u.changed = true
	switch {
	case len(u.subscriptions) == 0:
		return
	case p.gone:
		m.alarms.set(&u.alarm, m.now)
		return
	case u.underway || u.place != 0:
		return
	}
	at := u.last.Add(m.cfg.UpdateInterval)
	if at.Before(m.now) {
		at = m.now
	}
	m.alarms.set(&u.alarm, at)
}

// ring serves the next subscribers. Those of a pool that is gone hear so, which
// ends their subscriptions: to ask for a pool that does not exist has no effect.
func (p *pool) ring(m *Machine) {
	u := &p.updates
	if p.gone {
		for range min(maxServed, len(u.subscriptions)) {
			s := u.subscriptions[len(u.subscriptions)-1]
			m.unsubscribe(s)
			m.tellGone(s.association, p.handle)
		}
		if len(u.subscriptions) > 0 {
			m.alarms.set(&u.alarm, m.now)
		}
		return
	}
	if !u.underway {
		u.underway, u.changed, u.served = true, false, 0
	}
	for range maxServed {
		if u.served == len(u.subscriptions) {
			break
		}
		s := u.subscriptions[u.served]
		u.served++
		m.counters.Updates++
		m.answer(s.association, p, s.items, s.attributes, pushed)
	}
	if u.served < len(u.subscriptions) {
		m.alarms.set(&u.alarm, m.now)
		return
	}
	u.underway, u.served, u.last = false, 0, m.now
	if u.changed {
		m.changed(p)
	}
}

// tellGone tells a subscriber that the pool is gone, now or when it reads again.
func (m *Machine) tellGone(a *association, handle rserpool.Handle) {
	if a.stalled.IsZero() {
		m.counters.Updates++
		m.answerUnknown(a, handle)
	} else if len(a.missed) < m.cfg.MaxPeerSubscriptions {
		a.missed = append(a.missed, handle)
	}
}
