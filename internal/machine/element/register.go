package element

import (
	"errors"
	"fmt"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// state is how far an element is.
type state uint8

const (
	waiting    state = iota // for its turn to send a registration, or for a home
	registered              // until T4, a change or the loss of the home
	refused                 // until another home or a change
	leaving                 // deregistration waits or is unanswered
)

// element is one element of the host. It begins with Register and ends with
// Refused, Failed, Deregistered or Forget.
type element struct {
	Register
	state    state
	ever     bool // was registered at any time
	queued   bool
	inFlight bool // a request is unanswered; the timer is T2 or T3
	changed  bool // Element differs from what was sent last

	attempts   int // requests without an answer, since the last with one
	reconnects int // homes given up because they did not like the addresses
	sent       time.Time
	blamed     *rserpool.OperationError // an ASAP_ERROR that probably answered the request

	t timer

	pool *pool
}

func (e *element) timer() *timer { return &e.t }

// due implements timed.
func (e *element) due(m *Machine, now time.Time) {
	switch {
	case e.state == leaving:
		m.deregisterTimeout(now, e)
	case e.inFlight:
		m.registerTimeout(e)
	default: // T4, a change, or a refusal that may pass
		e.state = waiting
		m.enqueue(e)
	}
}

// errTaken refuses a second element of the same name on one host.
var errTaken = rserpool.Fail(rserpool.NonUniqueElementID)

func (m *Machine) register(in *Register) {
	if m.elements[in.Ticket] != nil || m.find(in.Handle, in.Element.ID) != nil {
		m.emit(Refused{Ticket: in.Ticket, First: true, Err: errTaken})
		return
	}
	e := &element{Register: *in, t: timer{index: -1}}
	m.elements[in.Ticket] = e
	m.join(e)
	m.enqueue(e)
}

// remove forgets an element.
func (m *Machine) remove(e *element) {
	m.landed(e)
	m.timers.set(e, time.Time{})
	e.queued = false
	delete(m.elements, e.Ticket)
	m.part(e)
}

// enqueue lets an element wait for its turn to send.
func (m *Machine) enqueue(e *element) {
	if !e.queued {
		e.queued = true
		m.queue = append(m.queue, e)
	}
}

// pump sends for those whose turn it is, as far as the window allows.
func (m *Machine) pump(now time.Time) {
	for m.home != 0 && m.home != m.rehunted && m.inFlight < window && m.head < len(m.queue) {
		e := m.queue[m.head]
		m.queue[m.head] = nil
		m.head++
		if !e.queued || m.elements[e.Ticket] != e {
			continue
		}
		e.queued = false
		m.request(now, e)
	}
	if m.head == len(m.queue) {
		m.queue, m.head = m.queue[:0], 0
	} else if m.head > 1024 && m.head > len(m.queue)/2 {
		m.queue, m.head = slices.Delete(m.queue, 0, m.head), 0
	}
}

// request sends what the element's state asks for.
func (m *Machine) request(now time.Time, e *element) {
	e.inFlight, e.blamed = true, nil
	m.inFlight++
	m.flight = append(m.flight, e)
	if e.state == leaving {
		m.counters.Deregistrations++
		m.send(m.home, &asap.Deregistration{Handle: e.Handle, Element: e.Element.ID})
		return // T3 runs since Deregister
	}
	e.sent, e.changed = now, false
	m.counters.Registrations++
	m.send(m.home, &asap.Registration{Handle: e.Handle, Element: m.wireElement(e)})
	m.timers.set(e, now.Add(e.RegisterTimeout))
}

// wireElement returns the element as it is registered with the present home.
func (m *Machine) wireElement(e *element) rserpool.Element {
	w := e.Element
	w.Life = m.cfg.Dialect.Life(e.Life)
	if t := &w.UserTransport; len(t.Addresses) == 0 && t.Protocol != rserpool.Opaque {
		t.Addresses = m.local.IPs
		if t.Protocol != rserpool.SCTP && len(t.Addresses) > 1 {
			t.Addresses = t.Addresses[:1]
		}
	}
	return w
}

// landed notes that an element's request is not waited for any more.
func (m *Machine) landed(e *element) {
	if e.inFlight {
		e.inFlight = false
		m.inFlight--
	}
	for len(m.flight) > 0 && !m.flight[0].inFlight {
		m.flight[0] = nil
		m.flight = m.flight[1:]
	}
}

// clearFlight gives up waiting for the home's answers, and returns those who
// waited.
func (m *Machine) clearFlight() []*element {
	var es []*element
	for _, e := range m.flight {
		if e != nil && e.inFlight {
			e.inFlight = false
			es = append(es, e)
		}
	}
	m.flight, m.inFlight = nil, 0
	return es
}

// registrationResponse is the home's answer to a registration.
func (m *Machine) registrationResponse(now time.Time, a machine.AssociationID, msg *asap.RegistrationResponse) {
	e := m.find(msg.Handle, msg.Element)
	if e == nil || a != m.home || e.state != waiting || !e.inFlight {
		m.counters.Stray++
		return
	}
	m.landed(e)
	if msg.Reject {
		m.rejected(now, e, msg.Error)
		return
	}
	first := !e.ever
	e.state, e.ever, e.attempts, e.reconnects = registered, true, 0, 0
	m.rest(now, e)
	m.emit(Registered{Ticket: e.Ticket, First: first, Warning: msg.Error})
}

// rest sets the timer of a registered element: T4, or sooner for a change. T4 is
// up to a tenth shorter than asked for, so that elements that started together
// do not stay together.
func (m *Machine) rest(now time.Time, e *element) {
	at := now.Add(e.Reregister - time.Duration(m.cfg.Rand.Int64N(int64(e.Reregister)/10+1)))
	if c := e.sent.Add(e.LoadInterval); e.changed && c.Before(at) {
		at = c
	}
	m.timers.set(e, at)
}

// rejected follows a refusal. A registrar that cannot use the addresses of the
// association is given up for another one, or another association; lack of
// resources may pass; the rest would be refused again.
func (m *Machine) rejected(now time.Time, e *element, err *rserpool.OperationError) {
	if err == nil {
		err = rserpool.Fail(rserpool.Unspecified)
	}
	m.counters.Refusals++
	switch {
	case has(err, rserpool.DeployedNoASAPAddresses, rserpool.DeployedNoUserAddresses) && e.reconnects < e.MaxAttempts:
		e.reconnects++
		m.timers.set(e, time.Time{})
		m.enqueue(e)
		m.rehunt("the registrar refuses the addresses: " + err.Error())
		return
	case !e.ever:
		m.remove(e)
	case has(err, rserpool.LackOfResources):
		e.state = refused
		m.timers.set(e, now.Add(e.Reregister))
	default:
		e.state = refused
		m.timers.set(e, time.Time{})
	}
	m.emit(Refused{Ticket: e.Ticket, First: !e.ever, Err: err})
}

// has reports whether an error has one of the causes.
func has(err *rserpool.OperationError, codes ...rserpool.CauseCode) bool {
	return slices.ContainsFunc(err.Causes, func(c rserpool.Cause) bool { return slices.Contains(codes, c.Code) })
}

// registerTimeout is the end of T2 without an answer.
func (m *Machine) registerTimeout(e *element) {
	m.landed(e)
	if e.blamed != nil && !e.ever {
		m.counters.Refusals++
		m.remove(e)
		m.emit(Refused{Ticket: e.Ticket, First: true, Err: e.blamed})
		return
	}
	m.counters.Timeouts++
	if m.attemptFailed(e, fmt.Sprintf("no answer within %v", e.RegisterTimeout)) {
		m.enqueue(e)
	}
	m.rehunt("a registration was not answered")
}

// attemptFailed counts an attempt without an answer, and reports whether the
// element goes on: one that was registered before does for ever.
func (m *Machine) attemptFailed(e *element, reason string) bool {
	e.attempts++
	m.timers.set(e, time.Time{})
	if e.ever || e.attempts < e.MaxAttempts {
		return true
	}
	m.remove(e)
	m.emit(Failed{Ticket: e.Ticket, Attempts: e.attempts, Reason: reason})
	return false
}

// rehunt gives the home up. Nothing more is sent to it.
func (m *Machine) rehunt(reason string) {
	if m.home != 0 && m.rehunted != m.home {
		m.rehunted = m.home
		m.emit(machine.Rehunt{Association: m.home, Reason: reason})
	}
}

func (m *Machine) update(now time.Time, in *Update) {
	e := m.elements[in.Ticket]
	if e == nil || e.Element.Policy == in.Policy {
		return
	}
	e.Element.Policy = in.Policy
	e.changed = true
	switch e.state {
	case registered:
		if at := e.sent.Add(e.LoadInterval); now.Before(at) {
			if at.Before(e.t.at) {
				m.timers.set(e, at)
			}
			return
		}
	case refused:
	default:
		return // the registration to come carries the change, or its answer finds it
	}
	e.state = waiting
	m.timers.set(e, time.Time{})
	m.enqueue(e)
}

// ErrNoAnswer says that no registrar has answered a deregistration.
var ErrNoAnswer = errors.New("no registrar answered: the registration runs out by itself")
