// Package element is the pool element's half of ASAP as a pure machine: any number
// of elements of one host register with its home registrar, stay registered and
// leave (RFC 5352, Sections 3.1, 3.2 and 3.4).
//
// It neither finds the registrar, which package hunt does, nor serves users.
package element

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// window is the number of requests that may be unanswered at a time. It keeps a
// new home registrar from being flooded by a host with thousands of elements.
const window = 256

// Config describes the machine.
type Config struct {
	Dialect rserpool.Dialect
	Rand    *rand.Rand
}

// Register is an input: an element is to be registered, and to stay registered
// until Deregister. Registered, Refused or Failed answers.
type Register struct {
	// Ticket names the element to the driver, which numbers them. Numbers of
	// elements that have ended may be used again.
	Ticket machine.Ticket
	Handle rserpool.Handle
	// Element is what is registered, without Home and Life. A user transport
	// without addresses gets those of the association with the registrar.
	Element rserpool.Element

	Life              time.Duration
	Reregister        time.Duration // T4-reregistration
	RegisterTimeout   time.Duration // T2-registration
	DeregisterTimeout time.Duration // T3-deregistration
	MaxAttempts       int           // MAX-REG-ATTEMPT
	LoadInterval      time.Duration // between re-registrations for changes
}

// Update is an input: the element has another policy, or another value of it. It
// is registered at once, or LoadInterval after the last time.
type Update struct {
	Ticket machine.Ticket
	Policy rserpool.Policy
}

// Deregister is an input: the element leaves its pool. Deregistered answers.
type Deregister struct{ Ticket machine.Ticket }

// Forget is an input: the element is gone, and the registrar is not told.
type Forget struct{ Ticket machine.Ticket }

// Registered is an effect: a registration was accepted.
type Registered struct {
	Ticket machine.Ticket
	// First is set for an element's first registration.
	First bool
	// Warning says what the registrar has changed, or is nil.
	Warning *rserpool.OperationError
}

// Refused is an effect: the registrar has refused a registration, and will not be
// asked the same again. If First is set, the element was never registered and is
// forgotten; else it tries another registrar if the home changes, and this one
// after an Update.
type Refused struct {
	Ticket machine.Ticket
	First  bool
	Err    *rserpool.OperationError
}

// Failed is an effect: no registrar has answered the first registration, and the
// element is forgotten.
type Failed struct {
	Ticket   machine.Ticket
	Attempts int
	Reason   string // of the last attempt's failure
}

// Deregistered is an effect: the element has left. Err is nil, the registrar's
// refusal or ErrNoAnswer.
type Deregistered struct {
	Ticket machine.Ticket
	Err    error
}

// Lapsed is an effect: the registrar has dropped the element, and it registers
// again.
type Lapsed struct{ Ticket machine.Ticket }

// Reported is an effect: a registrar has sent an ASAP_ERROR.
type Reported struct {
	Association machine.AssociationID
	Err         *rserpool.OperationError
}

// Machine registers the elements of a host. Besides the common inputs it takes
// HomeUp and HomeLost and those of this package; besides the common effects it
// returns Rehunt, Adopt and those of this package.
type Machine struct {
	cfg      Config
	decoder  asap.Decoder
	elements map[machine.Ticket]*element
	pools    map[rserpool.Handle]*pool
	timers   timers

	home      machine.AssociationID // zero: none
	local     transport.Address
	registrar rserpool.RegistrarID  // the home's, zero until it has said
	rehunted  machine.AssociationID // the home that was given up already

	queue    []*element // wait for their turn to send, the first at head
	head     int
	flight   []*element // have sent to the home, the oldest first; see unanswered
	inFlight int

	counters Counters
	effects  []machine.Effect
	ackMsg   asap.KeepAliveAck // used for each
	scratch  []byte
}

// Counters count what happened since the machine was made.
type Counters struct {
	Registrations, Deregistrations uint64 // sent
	Refusals                       uint64
	Timeouts                       uint64 // T2 and T3
	KeepAlives, Acks               uint64
	Lapses                         uint64
	Errors                         uint64 // ASAP_ERROR received
	Malformed                      uint64
	Stray                          uint64 // messages that nobody waited for
}

// New returns a machine without elements.
func New(cfg Config) *Machine {
	return &Machine{
		cfg:      cfg,
		elements: map[machine.Ticket]*element{},
		pools:    map[rserpool.Handle]*pool{},
	}
}

// Step implements machine.Machine. The effects are values; the payloads in them are
// good for ever.
func (m *Machine) Step(now time.Time, in machine.Input) []machine.Effect {
	clear(m.effects)
	m.effects = m.effects[:0]
	m.timers.run(m, now)
	switch in := in.(type) {
	case *Register:
		m.register(in)
	case *Update:
		m.update(now, in)
	case *Deregister:
		m.deregister(now, in)
	case *Forget:
		if e := m.elements[in.Ticket]; e != nil {
			m.remove(e)
		}
	case *machine.HomeUp:
		m.homeUp(now, in)
	case *machine.HomeLost:
		m.homeLost(in)
	case *machine.Received:
		m.received(now, in)
	}
	m.pump(now)
	return m.effects
}

// Deadline implements machine.Machine.
func (m *Machine) Deadline() time.Time { return m.timers.next() }

// Counters returns the counters so far.
func (m *Machine) Counters() Counters { return m.counters }

// Len returns the number of elements.
func (m *Machine) Len() int { return len(m.elements) }

func (m *Machine) emit(e machine.Effect) { m.effects = append(m.effects, e) }

// send sends a message of ASAP.
func (m *Machine) send(a machine.AssociationID, msg asap.Message) {
	m.scratch = asap.Append(m.scratch[:0], msg)
	m.emit(machine.Send{Association: a, PPID: asap.PPID, Payload: bytes.Clone(m.scratch)})
}

// received hands a message to the file that knows it.
func (m *Machine) received(now time.Time, in *machine.Received) {
	if in.PPID != asap.PPID {
		m.counters.Stray++
		return
	}
	msg, causes, err := m.decoder.Parse(in.Payload)
	if err != nil {
		m.counters.Malformed++
		m.answerMalformed(in, err)
		return
	}
	if len(causes) > 0 {
		m.send(in.Association, &asap.Error{Causes: causes})
	}
	switch msg := msg.(type) {
	case *asap.RegistrationResponse:
		m.registrationResponse(now, in.Association, msg)
	case *asap.DeregistrationResponse:
		m.deregistrationResponse(now, in.Association, msg)
	case *asap.KeepAlive:
		m.keepAlive(now, in.Association, msg)
	case *asap.Error:
		m.failure(now, in.Association, msg)
	default:
		m.counters.Stray++
	}
}

// homeUp registers every element with the new home, in the order of their tickets.
func (m *Machine) homeUp(now time.Time, in *machine.HomeUp) {
	m.clearFlight()
	m.home, m.local, m.registrar, m.rehunted = in.Association, in.Local, in.Registrar, 0
	m.queue, m.head = m.queue[:0], 0
	tickets := make([]machine.Ticket, 0, len(m.elements))
	for t := range m.elements {
		tickets = append(tickets, t)
	}
	slices.Sort(tickets)
	for _, t := range tickets {
		e := m.elements[t]
		e.queued = false
		if e.state != leaving {
			e.state = waiting
			m.timers.set(e, time.Time{})
		}
		m.enqueue(e)
	}
}

// homeLost lets everything wait for the next home.
func (m *Machine) homeLost(in *machine.HomeLost) {
	if in.Association != m.home {
		return
	}
	m.home = 0
	for _, e := range m.clearFlight() {
		if e.state == waiting {
			m.attemptFailed(e, in.Reason)
		}
	}
}
