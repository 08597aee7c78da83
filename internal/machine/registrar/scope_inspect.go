package registrar

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
)

// ID is the registrar's identifier.
func (m *Machine) ID() rserpool.RegistrarID { return m.cfg.ID }

// InSync reports whether the registrar knows the handlespace of its peers, or is
// alone.
func (m *Machine) InSync() bool { return m.inSync() }

// HandsOver reports whether elements are being handed over before the end.
func (m *Machine) HandsOver() bool { return m.scope.handover.underway && !m.scope.leaving }

// Scope describes the registrar's part in its operation scope.
type Scope struct {
	Enabled bool
	InSync  bool
	// Mentor is whom a registrar that is starting asks, zero for nobody.
	Mentor rserpool.RegistrarID
	Peers  []PeerRegistrar // in order of their identifiers
	// Contacts are the places that are dialled, or that associations lead to;
	// Unanswered those where nobody is.
	Contacts, Unanswered int
	// Calls are the associations that are being opened to elements.
	Calls int
	// Takeovers are the last ones that were completed, oldest first.
	Takeovers []TakeoverRecord
}

// TakeoverRecord is a takeover that was completed.
type TakeoverRecord struct {
	At         time.Time
	Target, By rserpool.RegistrarID
	Elements   int           // of the target, as far as they were known here
	Took       time.Duration // from the target's death to the end; zero where a peer has done it
}

// PeerRegistrar is a peer as seen from outside.
type PeerRegistrar struct {
	ID          rserpool.RegistrarID
	State       PeerState
	Server      rserpool.Transport // as it makes itself known
	Association machine.AssociationID
	Since       time.Time
	Heard       time.Time // zero if never
	Elements    int       // whose home it is
	Distance    time.Duration
	Audit       Audit
	Takeover    *Takeover // of its elements
}

// PeerState says how a peer is.
type PeerState uint8

// The states of a peer.
const (
	PeerActive   PeerState = iota
	PeerUnheard            // somebody has named it
	PeerAsked              // it was silent for too long, or its association is gone
	PeerInactive           // its elements are being taken over
)

var peerStateNames = [...]string{"active", "unheard", "asked", "inactive"}

// String returns the state in lower case.
func (s PeerState) String() string { return peerStateNames[s] }

// Takeover is an arbitration that is under way.
type Takeover struct {
	// By is who takes over, zero while it is waited for another attempt.
	By       rserpool.RegistrarID
	Since    time.Time
	Attempts int
	Waiting  []rserpool.RegistrarID // whose consent is missing
}

// Scope returns how it stands between this registrar and its peers.
func (m *Machine) Scope() Scope {
	s := Scope{Enabled: m.scope.enabled, InSync: m.inSync(), Calls: len(m.scope.calls.byPlace), Takeovers: slices.Clone(m.scope.history)}
	if p := m.scope.mentor.peer; p != nil {
		s.Mentor = p.id
	}
	for _, c := range m.scope.contacts {
		s.Contacts++
		if c.link == nil {
			s.Unanswered++
		}
	}
	for _, p := range m.scope.peers {
		s.Peers = append(s.Peers, m.describe(p))
	}
	return s
}

func (m *Machine) describe(p *peer) PeerRegistrar {
	r := PeerRegistrar{
		ID: p.id, Server: p.server, Since: p.since, Elements: m.space.Owned(p.id),
		Distance: time.Duration(p.distance) * time.Millisecond,
		Audit: Audit{
			Running: p.transfer != nil && p.transfer.own, Disagrees: p.audit.disagreed > 0,
			Failed: p.audit.failed, Agreed: p.audit.agreed, Checksum: m.space.Checksum(p.id),
		},
	}
	if p.met {
		r.Heard = p.heard
	}
	if a := p.link(); a != nil {
		r.Association = a.id
	}
	switch t := p.takeover; {
	case t != nil:
		r.State = PeerInactive
		r.Takeover = &Takeover{By: t.by, Since: t.since, Attempts: t.attempts, Waiting: append([]rserpool.RegistrarID(nil), t.waiting...)}
	case !p.met:
		r.State = PeerUnheard
	case !p.asked.IsZero():
		r.State = PeerAsked
	}
	return r
}
