// Package hunt finds a home registrar for a host and finds another when it is
// lost (RFC 5352, Section 3.6). It is a machine of its own, one for each host:
// the elements and users of the host share the association that it yields.
//
// It neither registers nor resolves anything: see packages element and user.
package hunt

import (
	"math/rand/v2"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

const (
	// maxAttempts registrars are tried at a time (SH1).
	maxAttempts = 3
	// firstBackoff is the wait after the first round in which every registrar
	// failed before T5 expired; it doubles with each.
	firstBackoff = 500 * time.Millisecond
	// lossJitter spreads the hosts of a registrar that died.
	lossJitter = 100 * time.Millisecond
	// linger is how long the association with the former home stays after an
	// adoption, so that elements reregister before it goes: the former home
	// removes those it still owns when the association ends.
	linger = 5 * time.Second
	// adoptInterval is the least time between two adoptions.
	adoptInterval = time.Second
	// maxIncoming associations that registrars opened may wait for a claim,
	// for maxIdle each.
	maxIncoming = 32
	maxIdle     = time.Minute
)

// Config describes a hunt.
type Config struct {
	Dialect         rserpool.Dialect
	Timeout         time.Duration // T5-Serverhunt
	MaxTimeout      time.Duration // RETRAN-MAX
	AnnounceTimeout time.Duration // T7-ENRPoutdate
	Rand            *rand.Rand
}

// Servers is an input: the static list of registrars, the preferred ones first.
type Servers struct{ List []transport.Address }

// Failed is an effect: every registrar known was tried in vain. It tells how many
// these were and when the next round begins.
type Failed struct {
	Tried int
	Again time.Time
}

// home is the registrar that was found.
type home struct {
	machine.HomeUp
	since  time.Time
	server *server // nil where it was adopted
}

// Machine is the hunt. Besides the common inputs it takes Servers, and Rehunt and
// Adopt of package machine; besides the common effects it returns HomeUp,
// HomeLost and Failed. It hunts whenever it has no home and knows a registrar.
type Machine struct {
	cfg     Config
	table   table
	home    *home
	tickets machine.Ticket
	tries   uint64

	attempts  map[machine.Ticket]*server
	round     uint64
	open      bool          // a round is under way
	t5        time.Duration // the present round's
	t5Ends    time.Time
	notBefore time.Time // the next round's beginning
	rounds    backoff   // between rounds that fail
	losses    backoff   // after homes that do not last

	incoming  map[machine.AssociationID]*waiting
	former    map[machine.AssociationID]*waiting // the associations of former homes
	adoptedAt time.Time

	effects []machine.Effect
}

// waiting is an association that is closed unless its registrar claims the host.
type waiting struct {
	local, remote transport.Address
	until         time.Time
}

// New returns a hunt that knows no registrar yet.
func New(cfg Config) *Machine {
	return &Machine{
		cfg:      cfg,
		table:    table{servers: map[string]*server{}},
		attempts: map[machine.Ticket]*server{},
		incoming: map[machine.AssociationID]*waiting{},
		former:   map[machine.AssociationID]*waiting{},
		t5:       cfg.Timeout,
	}
}

// Step implements machine.Machine. The effects are values; the payloads in them are
// good for ever.
func (m *Machine) Step(now time.Time, in machine.Input) []machine.Effect {
	clear(m.effects)
	m.effects = m.effects[:0]
	if in, ok := in.(*machine.AssociationLost); ok && !in.Restarted {
		// Before the tick, which would end them after a pause.
		delete(m.incoming, in.Association)
		delete(m.former, in.Association)
	}
	m.tick(now)
	switch in := in.(type) {
	case *Servers:
		m.table.setStatic(in.List)
	case *machine.Heard:
		m.heard(now, in)
	case *machine.AssociationUp:
		m.associationUp(now, in)
	case *machine.AssociationFailed:
		delete(m.attempts, in.Ticket)
	case *machine.AssociationLost:
		m.associationLost(now, in)
	case *machine.Rehunt:
		if m.home != nil && m.home.Association == in.Association {
			m.emit(machine.Abort{Association: in.Association, Reason: in.Reason})
			m.loseHome(now, in.Reason)
		}
	case *machine.Adopt:
		m.adopt(now, in)
	}
	m.hunt(now)
	return m.effects
}

// Home returns the home registrar, and false if there is none.
func (m *Machine) Home() (machine.HomeUp, bool) {
	if m.home == nil {
		return machine.HomeUp{}, false
	}
	return m.home.HomeUp, true
}

// Known returns the number of registrars known.
func (m *Machine) Known() int { return len(m.table.servers) }

func (m *Machine) emit(e machine.Effect) { m.effects = append(m.effects, e) }

// hunt carries the round on as far as it goes.
func (m *Machine) hunt(now time.Time) {
	if m.home != nil || now.Before(m.notBefore) {
		return
	}
	if !m.open {
		if len(m.table.servers) == 0 {
			return
		}
		m.round++
		m.open, m.t5Ends = true, now.Add(m.t5)
	}
	m.fill(now)
	if m.home != nil || len(m.attempts) > 0 {
		return
	}
	// Deviation: RFC 5352, Section 3.6 waits for T5 although every registrar has
	// refused; trying again sooner finds one that has just been started.
	m.open = false
	tried := 0
	for _, s := range m.table.servers {
		if s.round == m.round {
			tried++
		}
	}
	if tried > 0 {
		m.notBefore = now.Add(m.rounds.next(m.cfg))
		m.emit(Failed{Tried: tried, Again: m.notBefore})
	}
}

// fill keeps as many attempts under way as may be (SH1, SH4). A registrar with
// which there is an association already needs none.
func (m *Machine) fill(now time.Time) {
	if len(m.attempts) >= maxAttempts {
		return
	}
	candidates := m.table.candidates(m.round, m.cfg.Rand)
	for _, s := range candidates {
		if id, w := m.existing(s); w != nil {
			delete(m.incoming, id)
			delete(m.former, id)
			m.setHome(now, machine.HomeUp{Association: id, Registrar: s.id, Local: w.local, Remote: w.remote}, s)
			return
		}
	}
	for _, s := range candidates[:min(len(candidates), maxAttempts-len(m.attempts))] {
		m.tickets++
		m.tries++
		s.round, s.lastTry = m.round, m.tries
		m.attempts[m.tickets] = s
		m.emit(machine.Associate{Ticket: m.tickets, To: s.address})
	}
}

// giveUpAttempts abandons the attempts under way, in order.
func (m *Machine) giveUpAttempts() {
	tickets := make([]machine.Ticket, 0, len(m.attempts))
	for t := range m.attempts {
		tickets = append(tickets, t)
	}
	slices.Sort(tickets)
	for _, t := range tickets {
		m.emit(machine.Cancel{Ticket: t})
	}
	clear(m.attempts)
}

// backoff is a wait that doubles each time.
type backoff time.Duration

// next returns the wait, spread by 50 % to either side.
func (b *backoff) next(cfg Config) time.Duration {
	d := min(max(time.Duration(*b), firstBackoff), cfg.MaxTimeout)
	*b = backoff(2 * d)
	return d/2 + time.Duration(cfg.Rand.Int64N(int64(d)))
}

// setHome makes an association the home's.
func (m *Machine) setHome(now time.Time, up machine.HomeUp, s *server) {
	m.giveUpAttempts()
	m.open, m.t5, m.notBefore, m.rounds = false, m.cfg.Timeout, time.Time{}, 0
	m.home = &home{HomeUp: up, since: now, server: s}
	m.emit(up)
}

// loseHome forgets the home and lets the hunt begin: soon if the home was good
// for a while, after a growing time otherwise.
func (m *Machine) loseHome(now time.Time, reason string) {
	h := m.home
	m.home = nil
	m.table.forget()
	if h.server != nil {
		m.tries++
		h.server.lastTry = m.tries
	}
	if now.Sub(h.since) >= m.cfg.Timeout {
		m.losses = 0
		m.notBefore = now.Add(time.Duration(m.cfg.Rand.Int64N(int64(lossJitter))))
	} else {
		m.notBefore = now.Add(m.losses.next(m.cfg))
	}
	m.emit(machine.HomeLost{Association: h.Association, Reason: reason})
}
