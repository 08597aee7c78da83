package registrar

import (
	"time"
)

// audit compares what a peer owns with what is known of it (RFC 5353, Section
// 3.6). It lives with the peer.
type audit struct {
	disagreed int       // presences in a row
	failed    int       // resynchronisations in a row after which they disagreed still
	notBefore time.Time // the next resynchronisation
	agreed    time.Time // when they agreed last
}

// maxAuditBackoff is the number of doublings of the wait between two
// resynchronisations that do not help.
const maxAuditBackoff = 8

// compare looks at the checksum of a presence. An update that is under way makes
// checksums differ for a moment, so that two in a row must disagree; the second
// is asked for at once, and its answer is behind all that was sent before.
func (m *Machine) compare(p *peer, checksum uint16) {
	u := &p.audit
	if !m.inSync() || p.transfer != nil || p.takeover != nil {
		return
	}
	if m.space.Checksum(p.id) == checksum {
		u.disagreed, u.failed, u.agreed = 0, 0, m.now
		return
	}
	m.counters.Scope.Disagreements++
	u.disagreed++
	switch {
	case m.now.Before(u.notBefore):
	case u.disagreed < 2:
		m.presenceTo(p.link(), true)
	default:
		m.resync(p)
	}
}

// resync asks for the elements that the peer owns. Those that it does not name
// are gone.
func (m *Machine) resync(p *peer) {
	m.counters.Scope.Resyncs++
	m.observe(Observed{Event: PeerDisagrees, Peer: p.id})
	p.audit.disagreed = 0
	m.space.Mark(p.id)
	m.fetch(p, true)
}

// audited ends a resynchronisation. Until the checksums agree, the next one waits
// twice as long each time: some never will.
func (m *Machine) audited(p *peer, complete bool) {
	u := &p.audit
	u.notBefore = m.after(m.cfg.Scope.HeartbeatInterval << min(u.failed, maxAuditBackoff))
	u.failed++
	if !complete {
		m.counters.Scope.ResyncsFailed++
		return
	}
	gone := m.space.Marked(p.id, nil)
	for _, entry := range gone {
		m.counters.Scope.Mended++
		m.letGo(entry.Attachment.(*member))
	}
	if len(gone) > 0 {
		m.askOthers(p)
	}
}

// askOthers asks the other peers what they own: elements that one does not own any
// more may have another home, of which this registrar has heard too early.
func (m *Machine) askOthers(p *peer) {
	for _, q := range m.scope.peers {
		if a := q.link(); q != p && q.takeover == nil && a != nil {
			m.presenceTo(a, true)
		}
	}
}

// Audit says how well a peer's elements are known.
type Audit struct {
	Running   bool      // a resynchronisation is under way
	Disagrees bool      // the last presence's checksum was not the expected one
	Failed    int       // resynchronisations in a row that did not help
	Agreed    time.Time // when the checksums agreed last, zero if never
	Checksum  uint16    // the expected one
}
