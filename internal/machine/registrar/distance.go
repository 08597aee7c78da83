package registrar

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
)

// Measure is an effect that asks for the round-trip time of an association, which
// Measured answers.
type Measure struct{ Association machine.AssociationID }

// Measured is an input: the smoothed round-trip time of an association, zero where
// it is not known yet.
type Measured struct {
	Association machine.AssociationID
	RTT         time.Duration
}

// measureGap is the least time between two measurements of an association.
const measureGap = time.Second

// measure asks for the round-trip time of an association.
func (m *Machine) measure(a *association) {
	if a == nil || m.cfg.Scope.DistanceStep <= 0 || !a.measured.IsZero() && m.now.Sub(a.measured) < measureGap {
		return
	}
	a.measured = m.now
	m.effect(&Measure{Association: a.id})
}

// measurePeers asks for the distances of all peers.
func (m *Machine) measurePeers() {
	for _, p := range m.scope.peers {
		m.measure(p.link())
	}
}

// distanceOf is half a round trip in milliseconds, rounded to a multiple of the
// step (draft-dreibholz-rserpool-delay, Section 2.1).
func (m *Machine) distanceOf(rtt time.Duration) uint32 {
	step := m.cfg.Scope.DistanceStep
	steps := (rtt/2 + step/2) / step
	return uint32(min((steps * step).Milliseconds(), 1<<31))
}

// measuredRTT follows a measurement: distances along the association change.
func (m *Machine) measuredRTT(in *Measured) {
	a := m.associations[in.Association]
	if a == nil || in.RTT <= 0 || m.cfg.Scope.DistanceStep <= 0 {
		return
	}
	d := m.distanceOf(in.RTT)
	if p := a.peer; p != nil {
		if p.distance == d || p.transfer != nil {
			return
		}
		p.distance = d
		for _, e := range m.owned(p.id) {
			m.setDistance(e, e.distance+d)
		}
		return
	}
	if a.distance == d {
		return
	}
	a.distance = d
	for _, e := range slices.Clone(a.members) {
		if e.entry.Home() == m.cfg.ID && m.setDistance(e, d) {
			e.distance = d
			m.publish(e, enrp.AddElement)
		}
	}
}

// setDistance changes an element's distance from here and reports whether it has
// one.
func (m *Machine) setDistance(e *member, d uint32) bool {
	el := *e.entry.Element()
	if !hasDistance(el.Policy.Type) || el.Policy.Distance == d {
		return false
	}
	el.Policy.Distance = d
	// What is registered already cannot be refused.
	_, _, _ = m.space.Register(m.now, e.pool.handle, &el, e.entry.Expires())
	m.changed(e.pool)
	return true
}

// distant is an element's distance from here: from its home, and on from there.
func (m *Machine) distant(p rserpool.Policy, home *peer) uint32 {
	if !hasDistance(p.Type) {
		return p.Distance
	}
	return uint32(min(uint64(p.Distance)+uint64(home.distance), 1<<32-1))
}

// hasDistance reports whether elements of a policy have a distance.
func hasDistance(t rserpool.PolicyType) bool {
	fields, _ := t.Fields()
	return slices.Contains(fields, rserpool.FieldDistance)
}
