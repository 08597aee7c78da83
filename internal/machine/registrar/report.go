package registrar

import (
	"slices"
	"time"

	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// record is what users said about an element (RFC 5352, Section 3.5). It begins
// anew with each registration: an element that can register can be reached.
// An answer to a keep-alive shows that the registrar reaches it, which says
// nothing about the users, so it clears no reports.
type record struct {
	count    int
	recent   []report // those counted lately; at most as many as remove the element
	verified time.Time
}

// report is one user's last word on the element.
type report struct {
	from machine.AssociationID
	at   time.Time
}

// unreachable hears that a user could not reach an element. It is verified at
// once; too many reports remove the element although it answers. Both are
// limited, since a report costs a peer nothing (RFC 5352, Section 9.1).
func (m *Machine) unreachable(a *association, msg *asap.Unreachable) {
	e := m.member(msg.Handle, msg.Element)
	if e == nil {
		m.counters.ReportsUnknown++
		return
	}
	r := &e.record
	horizon := m.now.Add(-m.cfg.ReportInterval)
	r.recent = slices.DeleteFunc(r.recent, func(p report) bool { return !p.at.After(horizon) })
	if slices.ContainsFunc(r.recent, func(p report) bool { return p.from == a.id }) {
		m.counters.ReportsLimited++
		return
	}
	m.counters.Reports++
	r.count++
	if r.count > m.cfg.MaxBadReports && e.entry.Home() == m.cfg.ID {
		m.remove(e, Unreachable)
		return
	}
	r.recent = append(r.recent, report{a.id, m.now})
	m.space.Failed(m.now, e.entry, engine.Unreachable)
	m.wind(e.pool)
	m.verify(e)
}

// verify asks the element for a sign of life out of turn.
func (m *Machine) verify(e *member) {
	if e.watch.waiting || !e.record.verified.IsZero() && m.now.Sub(e.record.verified) < m.cfg.ReportInterval {
		return
	}
	e.record.verified = m.now
	m.counters.Verifications++
	m.keepAlive(e)
}
