package pool

import (
	"bytes"
	"errors"
	"time"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/hunt"
	"github.com/rspool/rspool/internal/transport"
)

// role is a machine behind the host. All of it belongs to Host.mu.
type role struct {
	machine machine.Machine
	// accepts says which ASAP messages are the role's, by their type.
	accepts func(messageType uint8) bool
	// perform does what only the role knows; it is called with Host.mu held and
	// does not block. What it hands to Host.step is handled after it returns.
	perform func(machine.Effect)
	alarm   alarm
	stopped bool
}

// pending is an input that waits for its turn.
type pending struct {
	r  *role
	in machine.Input
}

// addRole lets a machine take part. The caller holds mu.
func (h *Host) addRole(m machine.Machine, accepts func(uint8) bool, perform func(machine.Effect)) *role {
	r := &role{machine: m, accepts: accepts, perform: perform}
	r.alarm = newAlarm(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		r.alarm.at = time.Time{}
		h.step(r, &machine.Tick{})
	})
	return r
}

// stop keeps the machine from being called again.
func (r *role) stop() {
	r.stopped = true
	r.alarm.stop()
}

// handle is step for callers that do not hold mu.
func (h *Host) handle(r *role, in machine.Input) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step(r, in)
}

// step hands an input to a machine and does what it asks for. The caller holds
// mu. Called from inside an effect, it queues the input and returns.
func (h *Host) step(r *role, in machine.Input) {
	h.inputs = append(h.inputs, pending{r, in})
	if h.stepping {
		return
	}
	h.stepping = true
	for i := 0; i < len(h.inputs); i++ {
		r := h.inputs[i].r
		if r.stopped {
			continue
		}
		for _, e := range r.machine.Step(time.Now(), h.inputs[i].in) {
			h.perform(r, e)
		}
		r.alarm.set(r.machine.Deadline())
	}
	clear(h.inputs)
	h.inputs = h.inputs[:0]
	h.stepping = false
}

// homeName is how logs call the home registrar: by its identifier, or by its
// address until it has told the identifier, which only announcements and
// keep-alives do.
func homeName(home machine.HomeUp) string {
	if home.Registrar == 0 {
		return home.Remote.String()
	}
	return home.Registrar.String()
}

// perform does what all machines may ask for, and leaves the rest to the role.
func (h *Host) perform(r *role, e machine.Effect) {
	switch e := e.(type) {
	case machine.Send:
		if l := h.links[e.Association]; l != nil {
			h.send(l, transport.Message{PPID: e.PPID, Payload: e.Payload})
		}
	case machine.Associate:
		h.associate(e)
	case machine.Cancel:
		if a := h.dials[e.Ticket]; a != nil {
			delete(h.dials, e.Ticket)
			delete(h.links, machine.AssociationID(a.ID()))
			h.why = "no answer from " + a.Remote().String()
			a.Abort("no longer wanted")
		}
	case machine.Shutdown:
		if l := h.links[e.Association]; l != nil {
			l.a.Shutdown()
		}
	case machine.Abort:
		if l := h.links[e.Association]; l != nil {
			delete(h.links, e.Association)
			l.a.Abort(e.Reason)
		}
	case machine.HomeUp:
		h.home = e
		h.unconfirm()
		h.tally.found.Add(1)
		h.log.Info("registrar found", "registrar", homeName(e), "address", e.Remote.String(), "association", e.Association, "claimed", e.Adopted)
		for _, o := range h.roles {
			h.step(o, &e)
		}
	case machine.HomeLost:
		h.home, h.why = machine.HomeUp{}, "the registrar was lost: "+e.Reason
		h.unconfirm()
		h.log.Warn("registrar lost", "association", e.Association, "reason", e.Reason)
		for _, o := range h.roles {
			h.step(o, &e)
		}
	case machine.Rehunt:
		h.step(h.hunt, &e)
	case machine.Adopt:
		if e.Association == h.home.Association {
			h.home.Registrar = e.Registrar
		}
		h.step(h.hunt, &e)
	default:
		r.perform(e)
	}
}

// performHunt does what only the hunt asks for.
func (h *Host) performHunt(e machine.Effect) {
	if e, ok := e.(hunt.Failed); ok {
		h.tally.unfound.Add(1)
		h.log.Warn("no registrar answers", "tried", e.Tried, "reason", h.why, "again", time.Until(e.Again).Round(time.Millisecond))
	}
}

func (h *Host) associate(e machine.Associate) {
	var a transport.Association
	from, err := h.asapEndpoint(e.To.Via)
	if err == nil {
		a, err = from.Dial(e.To)
	}
	if err != nil {
		h.why = err.Error()
		h.step(h.hunt, &machine.AssociationFailed{Ticket: e.Ticket, Reason: err.Error()})
		return
	}
	h.dials[e.Ticket] = a
	h.links[machine.AssociationID(a.ID())] = &link{a: a, ticket: e.Ticket}
}

// link is an association of the ASAP endpoint, and what waits to be sent on it.
type link struct {
	a      transport.Association
	ticket machine.Ticket // of the dial until it is up
	up     bool
	queue  []transport.Message
	bytes  int
}

// maxQueue bounds the bytes that wait for a registrar that does not read, with
// messageCost for each message.
const (
	maxQueue    = 4 << 20
	messageCost = 64
)

// send sends a message now or as soon as the association takes it. A registrar
// that never does is left.
func (h *Host) send(l *link, m transport.Message) {
	message(&h.tally.sent, m.Payload)
	if len(l.queue) == 0 {
		if err := l.a.Send(m); !errors.Is(err, transport.ErrBackpressure) {
			return // sent, or the association's end will be heard
		}
		l.a.Writable(func() { go h.flush(l) })
	}
	if l.bytes += len(m.Payload) + messageCost; l.bytes > maxQueue {
		l.queue, l.bytes = nil, 0
		l.a.Abort("messages are not taken")
		return
	}
	m.Payload = bytes.Clone(m.Payload) // the machine's own is good until its next step
	l.queue = append(l.queue, m)
}

// flush sends what waits.
func (h *Host) flush(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, m := range l.queue {
		err := l.a.Send(m)
		if errors.Is(err, transport.ErrBackpressure) {
			l.queue = l.queue[i:]
			l.a.Writable(func() { go h.flush(l) })
			return
		}
		l.bytes -= len(m.Payload) + messageCost
	}
	l.queue, l.bytes = nil, 0
}
