package registrar

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/machine"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/transport"
)

// asapHandler is a Registrar as its ASAP endpoint sees it.
type asapHandler Registrar

// Event implements transport.Handler.
func (h *asapHandler) Event(a transport.Association, kind transport.EventKind, err error) {
	(*Registrar)(h).event(machine.ASAPEndpoint, a, kind, err)
}

// Message implements transport.Handler.
func (h *asapHandler) Message(a transport.Association, m transport.Message) {
	(*Registrar)(h).message(a, m)
}

// event hands a change of an association to the machine.
func (r *Registrar) event(endpoint machine.Endpoint, a transport.Association, kind transport.EventKind, err error) {
	id := machine.AssociationID(a.ID())
	r.mu.Lock()
	defer r.unlock()
	switch kind {
	case transport.Up:
		r.associations[id] = a
		ticket := r.dials[id]
		delete(r.dials, id)
		r.step(&machine.AssociationUp{Association: id, Endpoint: endpoint, Ticket: ticket, Local: a.Local(), Remote: a.Remote(), Peer: transport.PeerOf(a)})
	case transport.Restarted:
		r.step(&machine.AssociationLost{Association: id, Restarted: true})
	case transport.Lost, transport.Closed:
		if ticket, dialled := r.dials[id]; dialled {
			delete(r.dials, id)
			failed := &machine.AssociationFailed{Ticket: ticket}
			if err != nil {
				failed.Reason = err.Error()
			}
			r.step(failed)
			return
		}
		delete(r.associations, id)
		lost := &machine.AssociationLost{Association: id, Orderly: kind == transport.Closed}
		if err != nil {
			lost.Reason = err.Error()
		}
		r.step(lost)
		if r.draining && len(r.associations) == 0 && r.empty != nil {
			close(r.empty)
			r.empty = nil
		}
	}
}

// message hands a message to the machine.
func (r *Registrar) message(a transport.Association, m transport.Message) {
	r.mu.Lock()
	defer r.unlock()
	r.received = machine.Received{Association: machine.AssociationID(a.ID()), PPID: m.PPID, Payload: m.Payload}
	r.step(&r.received)
	r.received.Payload = nil
}

// input is step for callers without mu.
func (r *Registrar) input(in machine.Input) {
	r.mu.Lock()
	defer r.unlock()
	r.step(in)
}

// sampled is how many steps there are for each that is measured.
const sampled = 16

// step hands an input to the machine and carries its effects out, and again for
// what that leads to. The caller holds mu and gives it back by unlock.
func (r *Registrar) step(in machine.Input) {
	for {
		now := time.Now()
		effects := r.machine.Step(now, in)
		if r.stepped++; r.stepped%sampled == 0 {
			r.steps.Observe(time.Since(now))
		}
		for _, e := range effects {
			r.perform(e)
		}
		n := len(r.follow)
		if n == 0 {
			break
		}
		in, r.follow = r.follow[n-1], r.follow[:n-1]
	}
	r.arm()
}

// perform carries one effect out. What may call back at once, or wait for a slow
// reader of the log, is put off until the lock is free.
func (r *Registrar) perform(e machine.Effect) {
	switch e := e.(type) {
	case *machine.Send:
		if a := r.associations[e.Association]; a != nil {
			r.send(a, transport.Message{PPID: e.PPID, Payload: e.Payload})
		}
	case *machine.Shutdown:
		if a := r.associations[e.Association]; a != nil {
			r.later = append(r.later, a.Shutdown)
		}
	case *machine.Abort:
		if a := r.associations[e.Association]; a != nil {
			reason := e.Reason
			r.later = append(r.later, func() { a.Abort(reason) })
		}
	case *machine.Associate:
		r.associate(e)
	case *role.Measure:
		r.measure(e)
	case *machine.Announce:
		group := r.group
		if e.Group == machine.ENRPGroup {
			group = r.peerGroup
		}
		if group != nil {
			if err := group.Send(e.Payload); err != nil {
				r.later = append(r.later, func() { r.log.rated(slog.LevelDebug, "announcement is not sent", "error", err) })
			}
		}
	case *role.Observed:
		if r.log.Enabled(context.Background(), levelOf(e)) {
			o := *e
			r.later = append(r.later, func() { r.log.observed(&o) })
		}
	}
}

// send sends a message; the machine hears where that fails because the peer does
// not read, and when it reads again.
func (r *Registrar) send(a transport.Association, m transport.Message) {
	err := a.Send(m)
	switch {
	case err == nil, errors.Is(err, transport.ErrClosed):
		// In the latter case, the association's end will be heard.
	case errors.Is(err, transport.ErrBackpressure):
		id := machine.AssociationID(a.ID())
		if slices.ContainsFunc(r.follow, func(in machine.Input) bool {
			f, ok := in.(*machine.SendFailed)
			return ok && f.Association == id
		}) {
			return
		}
		r.follow = append(r.follow, &machine.SendFailed{Association: id, Full: true})
		r.later = append(r.later, func() {
			a.Writable(func() { go r.input(&machine.Writable{Association: id}) })
		})
	default:
		r.later = append(r.later, func() { r.log.rated(slog.LevelWarn, "message is not sent", "association", a.ID(), "error", err) })
	}
}

// unlock gives mu back and does what was put off.
func (r *Registrar) unlock() {
	if len(r.later) == 0 {
		r.mu.Unlock()
		return
	}
	later := r.later
	r.later = nil
	r.mu.Unlock()
	for _, f := range later {
		f()
	}
}

// arm lets the timer fire at the machine's deadline at the latest. A deadline
// that moves away costs nothing until the old one has come.
func (r *Registrar) arm() {
	if r.timer == nil {
		return
	}
	if d := r.machine.Deadline(); !d.IsZero() && (r.armed.IsZero() || d.Before(r.armed)) {
		r.armed = d
		r.timer.Reset(max(0, time.Until(d)))
	}
}
