package pool

import (
	"bytes"
	"errors"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// userLink is one association of a user's session with an element, from the
// attempt to its end. Each has an endpoint of its own, for two reasons: two
// endpoints can have one association only, and an element that still believes
// in the last session must not take the next one for its restart.
type userLink struct {
	end         *userEnd
	endpoint    transport.Endpoint
	association transport.Association
	ticket      machine.Ticket
	up          bool
	full        bool          // the association does not take messages at present
	gone        chan struct{} // closed when the association has ended
}

// associate dials an element.
func (u *userEnd) associate(e machine.Associate) {
	u.counters.Attempts++
	l := &userLink{end: u, ticket: e.Ticket, gone: make(chan struct{})}
	var err error
	if l.endpoint, err = u.host.openAt(e.To.Via, transport.EndpointConfig{Handler: l}); err == nil {
		l.association, err = l.endpoint.Dial(e.To)
	}
	u.link = l
	if err != nil {
		u.drop()
		u.step(&machine.AssociationFailed{Ticket: e.Ticket, Reason: err.Error()})
	}
}

// drop forgets the association, or the attempt at one. What is still heard of it
// has no effect; what waits in the inbox's door is lost.
func (u *userEnd) drop() {
	l := u.link
	if l == nil {
		return
	}
	u.link = nil
	u.session.inbox.turn(nil, nil)
	if l.endpoint != nil {
		u.work.Go(func() { l.endpoint.Close() }) // it waits for the handler, which may be the caller
	}
}

// Event implements transport.Handler.
func (l *userLink) Event(a transport.Association, kind transport.EventKind, err error) {
	u := l.end
	u.mu.Lock()
	defer u.mu.Unlock()
	if kind == transport.Lost || kind == transport.Closed {
		close(l.gone)
	}
	if u.link != l || u.ended {
		return
	}
	id := machine.AssociationID(a.ID())
	reason := kind.String()
	if err != nil {
		reason = err.Error()
	}
	switch {
	case kind == transport.Up:
		l.up = true
		u.step(&machine.AssociationUp{Association: id, Ticket: l.ticket, Local: a.Local(), Remote: a.Remote()})
	case kind == transport.Restarted:
		u.step(&machine.AssociationLost{Association: id, Restarted: true, Reason: reason})
	case !l.up:
		u.drop()
		u.step(&machine.AssociationFailed{Ticket: l.ticket, Reason: reason})
	default:
		u.drop()
		u.step(&machine.AssociationLost{
			Association: id,
			Orderly:     kind == transport.Closed,
			Aborted:     errors.Is(err, transport.ErrAborted),
			Reason:      reason,
		})
	}
}

// Message implements transport.Handler.
func (l *userLink) Message(a transport.Association, m transport.Message) {
	if m.PPID == ControlPPID {
		l.end.input(&machine.Received{Association: machine.AssociationID(a.ID()), PPID: m.PPID, Payload: m.Payload})
		return
	}
	l.end.session.inbox.push(l, Message{
		Data:      bytes.Clone(m.Payload),
		PPID:      m.PPID,
		Stream:    m.Stream,
		Unordered: m.Unordered,
	})
}

// writable goes on sending.
func (l *userLink) writable() {
	u := l.end
	u.mu.Lock()
	defer u.mu.Unlock()
	l.full = false
	if u.link == l {
		u.pump()
	}
}
