package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/wire"
)

// elementEnd is the element's end of a session: one association.
type elementEnd struct {
	listener    *Listener
	session     *Session
	association transport.Association
	ended       chan struct{} // closed when the association is gone

	sent, received atomic.Uint64

	mu     sync.Mutex
	state  []byte        // what the user has echoed, nil if nothing
	err    error         // why the session is over, for Send
	room   chan struct{} // closed when the association takes messages again; nil unless waited for
	closed bool
}

func newElementEnd(l *Listener, a transport.Association) *elementEnd {
	e := &elementEnd{listener: l, association: a, ended: make(chan struct{})}
	e.session = &Session{handle: l.handle, inbox: newInbox(), end: e}
	e.session.inbox.turn(e, nil)
	return e
}

// greet sends the business card, where there is one (RFC 5352, Section 3.9).
func (e *elementEnd) greet() {
	c := e.listener.cfg
	if !c.DataOnly && len(c.BusinessCard) > 0 {
		e.control(&asap.BusinessCard{Handle: e.listener.handle, Elements: c.BusinessCard})
	}
}

// control sends a message on the control channel. One that is refused is lost.
func (e *elementEnd) control(m asap.Message) {
	if err := e.association.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, m)}); err != nil {
		e.listener.host.log.Debug("control message not sent", "handle", e.listener.handle, "message", m.Type(), "error", err)
	}
}

// receive takes a message from the association. It waits for the application to
// take those before, which holds the user up.
func (e *elementEnd) receive(m transport.Message) {
	if m.PPID == asap.PPID {
		if !e.listener.cfg.DataOnly {
			e.receiveControl(m.Payload)
		}
		return
	}
	e.received.Add(1)
	e.session.inbox.push(e, Message{
		Data:      append(make([]byte, 0, len(m.Payload)), m.Payload...),
		PPID:      m.PPID,
		Stream:    m.Stream,
		Unordered: m.Unordered,
	})
}

// receiveControl takes a message of the control channel, of which the cookie echo
// is the only one that concerns an element.
func (e *elementEnd) receiveControl(payload []byte) {
	msg, _, err := asap.Parse(payload)
	if err != nil {
		var we *wire.Error
		if errors.As(err, &we) && asap.Type(payload[0]) != asap.TypeError && we.Report() != nil {
			e.control(&asap.Error{Causes: we.Report().Causes})
		}
		return
	}
	echo, ok := msg.(*asap.CookieEcho)
	if !ok {
		return
	}
	l := e.listener
	state, err := openCookie(l.cfg.CookieKey, l.handle, echo.Cookie)
	if err == nil && !e.keep(state) {
		err = errors.New("a second cookie echo")
	}
	if err != nil {
		l.host.log.Warn("session ended", "handle", l.handle, "element", l.id, "user", e.association.Remote().String(), "error", err)
		e.association.Abort("cookie echo refused")
		return
	}
	l.host.tally.restored.Add(1)
	e.session.inbox.push(e, Message{Cookie: e.cookie()})
}

// keep stores the echoed state, and reports whether it was the first.
func (e *elementEnd) keep(state []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != nil {
		return false
	}
	e.state = append([]byte{}, state...)
	return true
}

// over notes the end of the association. What has arrived is still received.
func (e *elementEnd) over(kind transport.EventKind, cause error) {
	var err error
	switch {
	case kind == transport.Closed:
		err = io.EOF
	case cause != nil:
		err = fmt.Errorf("%w (%w)", ErrLost, cause)
	default:
		err = fmt.Errorf("%w (%s)", ErrLost, kind)
	}
	e.mu.Lock()
	if e.err == nil {
		e.err = ErrLost
	}
	e.mu.Unlock()
	close(e.ended)
	e.session.inbox.finish(err, false)
}

// send implements end.
func (e *elementEnd) send(ctx context.Context, m transport.Message) error {
	for {
		if err := e.failure(); err != nil {
			return err
		}
		err := e.association.Send(m)
		switch {
		case err == nil:
			if m.PPID != asap.PPID {
				e.sent.Add(1)
			}
			return nil
		case errors.Is(err, transport.ErrTooLarge):
			return fmt.Errorf("%w (%w)", ErrTooLarge, err)
		case errors.Is(err, transport.ErrClosed):
			return ErrLost
		case !errors.Is(err, transport.ErrBackpressure):
			return err
		}
		select {
		case <-e.writable():
		case <-e.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// failure returns why nothing can be sent any more, or nil.
func (e *elementEnd) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// writable returns a channel that is closed when the association takes messages
// again. All who wait share one, so that those who give up leave nothing behind.
func (e *elementEnd) writable() <-chan struct{} {
	e.mu.Lock()
	room := e.room
	if room != nil {
		e.mu.Unlock()
		return room
	}
	room = make(chan struct{})
	e.room = room
	e.mu.Unlock()
	e.association.Writable(func() {
		e.mu.Lock()
		e.room = nil
		e.mu.Unlock()
		close(room)
	})
	return room
}

// saveCookie implements end.
func (e *elementEnd) saveCookie(ctx context.Context, state []byte) error {
	l := e.listener
	if l.cfg.DataOnly {
		return errors.New("the element has no control channel: register it without DataOnly")
	}
	b := asap.Append(nil, &asap.Cookie{Cookie: sealCookie(l.cfg.CookieKey, l.handle, state)})
	if len(b) == 0 || len(b) > MaxMessage {
		return fmt.Errorf("%w (a state of %d bytes)", ErrTooLarge, len(state))
	}
	if err := e.send(ctx, transport.Message{PPID: asap.PPID, Payload: b}); err != nil {
		return err
	}
	l.host.tally.saved.Add(1)
	return nil
}

// cookie implements end.
func (e *elementEnd) cookie() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// element implements end.
func (e *elementEnd) element() rserpool.ElementID { return e.listener.id }

// failOver implements end.
func (e *elementEnd) failOver(string, bool) error { return errUserOnly }

// stats implements end.
func (e *elementEnd) stats() SessionStats {
	return SessionStats{Sent: e.sent.Load(), Received: e.received.Load()}
}

// ends implements end.
func (e *elementEnd) ends() (local, remote transport.Address) {
	select {
	case <-e.ended:
		return
	default:
		return e.association.Local(), e.association.Remote()
	}
}

// close implements end.
func (e *elementEnd) close(ctx context.Context) {
	e.mu.Lock()
	e.err = ErrClosed
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	e.session.inbox.finish(ErrClosed, true)
	if first {
		e.association.Shutdown()
	}
	select {
	case <-e.ended:
	case <-ctx.Done():
		e.association.Abort("not closed in time")
	}
}
