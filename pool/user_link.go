package pool

import (
	"bytes"
	"context"
	"errors"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/user"
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
	if l.endpoint, err = u.host.door.Open(transport.EndpointConfig{Handler: l}); err == nil {
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

// send implements end.
func (u *userEnd) send(ctx context.Context, m transport.Message) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if u.ended {
			return u.err
		}
		if u.machine.Offer(m) {
			u.counters.Sent++
			u.pump()
			if u.machine.Queued() > 0 {
				u.machine.KeepLast(bytes.Clone(m.Payload))
			}
			return nil
		}
		changed := u.changed
		u.waiters++
		u.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		u.mu.Lock()
		u.waiters--
	}
}

// saveCookie implements end.
func (u *userEnd) saveCookie(context.Context, []byte) error { return errElementOnly }

// cookie implements end.
func (u *userEnd) cookie() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.machine.Cookie()
}

// element implements end.
func (u *userEnd) element() rserpool.ElementID {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.machine.Element().ID
}

// failOver implements end.
func (u *userEnd) failOver(reason string, unreachable bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return u.err
	}
	u.step(&user.ForceFailover{Reason: reason, Unreachable: unreachable})
	return nil
}

// stats implements end.
func (u *userEnd) stats() SessionStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.counters
	c.Received = u.session.inbox.received()
	return c
}

// ends implements end.
func (u *userEnd) ends() (local, remote transport.Address) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.link != nil && u.link.up && !u.ended {
		return u.link.association.Local(), u.link.association.Remote()
	}
	return local, remote
}

// failure returns why the session has ended, nil while it has not.
func (u *userEnd) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// close implements end.
func (u *userEnd) close(ctx context.Context) {
	u.mu.Lock()
	first := !u.closing
	u.closing = true
	u.mu.Unlock()
	if first {
		u.finish(ctx)
	}
	<-u.closed
}

// finish is the first close: it lets what waits go out, ends the association in
// order, and frees everything.
func (u *userEnd) finish(ctx context.Context) {
	defer close(u.closed)
	u.mu.Lock()
	for u.machine.Connected() && u.machine.Queued() > 0 && ctx.Err() == nil {
		changed := u.changed
		u.waiters++
		u.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		u.mu.Lock()
		u.waiters--
	}
	u.step(&user.Close{})
	u.session.inbox.finish(ErrClosed, true)
	l := u.link
	u.mu.Unlock()
	if l != nil && l.up {
		select {
		case <-l.gone:
		case <-ctx.Done():
		}
	}
	u.mu.Lock()
	u.drop()
	u.timer.Stop()
	u.mu.Unlock()
	u.work.Wait()
	u.host.dropPart(u.session)
	if u.owned {
		u.host.Close()
	}
}
