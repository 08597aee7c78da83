package registrar

import (
	"slices"
	"time"
)

// handover is the registrar's leave: it hands its elements over to the peers, as
// many at a time as they take. It lives from Drain until all elements are gone,
// or the time is over.
type handover struct {
	alarm
	began    time.Time
	underway bool
	heir     int             // whose turn it is
	heirs    map[place]*peer // of the present round, by host: it has one home

	// A round suggests each element that is left once.
	round     time.Time
	queue     []*member
	owned     int // when the round began
	suggested int // since then
}

const (
	// handoverStep is how often elements are handed over, and handoverWindow how
	// many may be under way.
	handoverStep   = 10 * time.Millisecond
	handoverWindow = 256
	// handoverRound is how long a peer may take over an element before another
	// is asked.
	handoverRound = 2 * time.Second
)

// beginHandover reports whether there is anybody to hand elements over to.
func (m *Machine) beginHandover() bool {
	h := &m.scope.handover
	if m.cfg.Scope.HandoverTimeout < 0 || m.space.Owned(m.cfg.ID) == 0 || !m.inSync() || len(m.heirs()) == 0 {
		return false
	}
	h.began, h.underway = m.now, true
	m.alarms.set(&h.alarm, m.now)
	return true
}

// heirs are the peers that can take elements over.
func (m *Machine) heirs() []*peer {
	var list []*peer
	for _, p := range m.scope.peers {
		if m.available(p) {
			list = append(list, p)
		}
	}
	return list
}

// ring suggests the next elements, or ends the registrar.
func (h *handover) ring(m *Machine) {
	heirs, owned := m.heirs(), m.space.Owned(m.cfg.ID)
	if owned == 0 || len(heirs) == 0 || m.now.Sub(h.began) >= m.cfg.Scope.HandoverTimeout {
		h.queue, h.heirs = nil, nil
		m.leave()
		return
	}
	if len(h.queue) == 0 && m.now.Sub(h.round) >= handoverRound {
		h.round, h.queue, h.owned, h.suggested = m.now, m.owned(m.cfg.ID), owned, 0
		h.queue = slices.DeleteFunc(h.queue, func(e *member) bool { return !e.callable() })
		h.heirs = map[place]*peer{}
		if len(h.queue) == 0 { // the others find a new home by themselves
			h.heirs = nil
			m.leave()
			return
		}
	}
	gone := h.owned - owned
	for h.suggested-gone < handoverWindow && len(h.queue) > 0 {
		e := h.queue[0]
		h.queue = h.queue[1:]
		h.suggested++
		if e.entry.Pool() == nil || e.entry.Home() != m.cfg.ID {
			continue // it has left
		}
		m.suggest(e, h.heirOf(e.host(), heirs))
	}
	m.alarms.set(&h.alarm, m.after(handoverStep))
}

// heirOf returns who is to take over the elements of a host.
func (h *handover) heirOf(host place, heirs []*peer) *peer {
	p := h.heirs[host]
	if !slices.Contains(heirs, p) {
		p = heirs[h.heir%len(heirs)]
		h.heir++
		h.heirs[host] = p
	}
	return p
}
