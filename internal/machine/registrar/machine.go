// Package registrar is the registrar's role as a pure machine: what it answers
// to elements and users by ASAP (RFC 5352), whom it watches and forgets, and
// what it announces. The elements themselves are in a handlespace.
//
// It has no socket, clock, lock or log: a driver (package registrar of the
// module's root, or a simulation) hands in inputs and carries out effects.
// Effects are handed out as pointers and used again in the next Step.
package registrar

import (
	"maps"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/machine"
)

// Machine is a registrar without sockets, clock and goroutines.
type Machine struct {
	cfg      Config
	now      time.Time // of the present Step
	draining bool

	space        *handlespace.Space
	associations map[machine.AssociationID]*association
	alarms       schedule
	announcer    announcer
	counters     Counters
	scope        scope

	subscriptions int // of all associations

	// Used again and again:
	decoder asap.Decoder
	message replies
	request engine.Request
	chosen  []*handlespace.Entry
	expired []*handlespace.Entry
	out     outbox
}

// New returns a registrar that begins at a time.
func New(cfg Config, start time.Time) *Machine {
	cfg = cfg.withDefaults()
	m := &Machine{
		cfg:          cfg,
		now:          start,
		associations: map[machine.AssociationID]*association{},
		announcer:    announcer{others: map[rserpool.RegistrarID]time.Time{}},
		counters:     Counters{Errors: map[rserpool.CauseCode]uint64{}},
	}
	m.space = handlespace.New(handlespace.Config{
		Policies:        cfg.Policies,
		Rand:            cfg.Rand,
		MaxPools:        cfg.MaxPools,
		MaxPoolElements: cfg.MaxPoolElements,
		MaxElements:     cfg.MaxElements,
		Options:         cfg.Pool,
		Run:             m.run,
		Notice:          m.noticed,
	})
	m.startScope()
	return m
}

var _ machine.Machine = (*Machine)(nil)

// Drain is an input that ends the registrar: it announces itself no more, refuses
// new associations, hands its elements over to its peers and closes all
// associations in order.
type Drain struct{}

// maxRings bounds the alarms that ring in one Step. What is left over is due at
// once, which Deadline says: nobody waits long behind a crowd.
const maxRings = 256

// Step implements machine.Machine.
func (m *Machine) Step(now time.Time, in machine.Input) []machine.Effect {
	m.now = now
	m.out.reset()
	switch in := in.(type) {
	case *machine.Received:
		m.received(in)
	case *machine.AssociationUp:
		m.associationUp(in)
	case *machine.AssociationFailed:
		if d := m.answered(in.Ticket); d != nil {
			d.failed(m, in.Reason)
		}
	case *machine.AssociationLost:
		m.associationLost(in)
	case *machine.SendFailed:
		m.sendFailed(in)
	case *machine.Writable:
		m.writable(in)
	case *machine.Heard:
		m.heard(in)
	case *Measured:
		m.measuredRTT(in)
	case *machine.Tick:
	case *Call:
		in.f(now)
	case *Configure:
		m.space.SetOptions(in.Policies, in.Pool)
		m.cfg.Admit = in.Admit
	case *Adopt:
		m.adoptPolicies(in)
	case *Drain:
		m.drain()
	}
	m.ringDue()
	return m.out.effects
}

// Deadline implements machine.Machine.
func (m *Machine) Deadline() time.Time { return earlier(m.alarms.next(), m.space.NextExpiry()) }

// ringDue does what has become due.
func (m *Machine) ringDue() {
	m.expire()
	for range maxRings {
		a := m.alarms.due(m.now)
		if a == nil {
			return
		}
		a.owner.ring(m)
	}
}

func (m *Machine) drain() {
	if m.draining {
		return
	}
	m.draining = true
	m.alarms.clear(&m.announcer.alarm)
	if !m.beginHandover() {
		m.leave()
	}
}

// leave closes all associations. Elements that are left over are not announced as
// gone where there are peers: one of them takes them over.
func (m *Machine) leave() {
	m.scope.leaving = true
	m.alarms.clear(&m.scope.heartbeat.alarm)
	m.alarms.clear(&m.scope.handover.alarm)
	for _, id := range slices.Sorted(maps.Keys(m.associations)) {
		m.end(m.associations[id], Draining)
	}
}
