package registrar

import (
	"time"

	"github.com/rspool/rspool/internal/enrp"
)

// suggestionGrace is how long an element whose takeover was suggested may be
// without an association: it has left this registrar for its new home, which
// has not said so yet.
const suggestionGrace = 5 * time.Second

// suggest asks a peer to take an element over
// (draft-dreibholz-rserpool-enrp-takeover, Section 2.1).
func (m *Machine) suggest(e *member, p *peer) {
	m.counters.Scope.Suggested++
	e.suggestedTo, e.suggestedAt = p.id, m.now
	m.tell(p.link(), &enrp.HandleUpdate{
		Route: m.to(p.id), TakeoverSuggested: true, Action: enrp.AddElement,
		Handle: e.pool.handle, Element: e.outward(),
	})
}

// suggestBest suggests the registrar whose identifier has the largest exclusive-or
// with that of the element's host, unless that is this one. All registrars come
// to the same. One that has just given the element away does not get it back: it
// may be about to leave.
//
// Deviation: the draft has the element's identifier. A host has one home for all
// its elements, and would change it for ever if they preferred different ones;
// see docs/deviations.md.
func (m *Machine) suggestBest(e *member) {
	if !e.callable() {
		return
	}
	id := e.host().id()
	best, metric := (*peer)(nil), uint32(m.cfg.ID)^id
	for _, p := range m.scope.peers {
		back := p.id == e.offeredBy && m.now.Sub(e.offeredAt) < suggestionGrace
		if v := uint32(p.id) ^ id; v > metric && m.available(p) && !back {
			best, metric = p, v
		}
	}
	if best != nil {
		m.suggest(e, best)
	}
}

// available reports whether a peer can be asked to take over an element.
func (m *Machine) available(p *peer) bool {
	return p.met && p.takeover == nil && p.asked.IsZero() && p.link() != nil && p.link().stalled.IsZero()
}

// suggested hears that a peer would like this registrar to become an element's
// home. It does when the element has accepted, and not before, and no more often
// than homes can change.
func (m *Machine) suggested(p *peer, e *member) {
	m.counters.Scope.SuggestionsHeard++
	if m.now.Sub(e.offeredAt) < crossing {
		return
	}
	e.offeredBy, e.offeredAt = p.id, m.now
	if !m.inSync() || m.draining || e.watch.waiting {
		return
	}
	m.claim(e)
}

// leftAfterSuggestion reports whether an element whose association is gone has most
// likely gone to its new home, and waits for it to say so.
//
// Deployed registrars announce such an element as gone, so that it vanishes until
// it registers anew.
func (m *Machine) leftAfterSuggestion(e *member) bool {
	if m.scope.leaving || e.suggestedTo == 0 || m.now.Sub(e.suggestedAt) > suggestionGrace || m.peer(e.suggestedTo) == nil {
		return false
	}
	e.watch.waiting = false
	m.alarms.set(&e.watch.alarm, m.after(suggestionGrace)) // and then it is asked
	return true
}
