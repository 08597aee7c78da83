package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// Session is an exchange of messages between a user and an element of a pool:
// for the user, made by Dial, it outlives its elements; for the element, made by
// Accept, it ends with the user or when the user moves on. Its methods may be
// called at once.
//
// A session is cheap enough to have hundreds: all of a Host share one UDP socket
// and one association with a registrar.
type Session struct {
	handle rserpool.Handle
	inbox  *inbox
	end    end
}

// end is the user's or the element's end of a session.
type end interface {
	send(ctx context.Context, m transport.Message) error
	saveCookie(ctx context.Context, state []byte) error
	cookie() []byte
	element() rserpool.ElementID
	failOver(reason string, unreachable bool) error
	stats() SessionStats
	ends() (local, remote transport.Address)
	close(ctx context.Context)
}

// SessionStats counts what a session has done.
type SessionStats struct {
	Sent, Received uint64        // messages of the application
	Attempts       int           // elements dialled (user)
	Failovers      int           // changes of element (user)
	FailoverTime   time.Duration // all of them together
	Longest        time.Duration // the longest of them
}

// Send sends a message. It returns when the session has taken the message, which
// is then on its way to the element, or waits for the next one during a failover;
// it blocks while too much waits already. That the other side has received a
// message only an answer tells: see Failover for what is lost with an element.
//
// It fails with ErrTooLarge above MaxMessage bytes, with ErrClosed after Close,
// with ErrLost or ErrNoElement when the session is over, and with the context's
// error; then the message was not taken.
func (s *Session) Send(ctx context.Context, m Message) error {
	err := ctx.Err()
	switch {
	case err != nil:
	case len(m.Data) > MaxMessage:
		err = fmt.Errorf("%w (%d bytes exceed %d)", ErrTooLarge, len(m.Data), MaxMessage)
	case len(m.Data) == 0:
		err = errors.New("message is empty, which SCTP cannot carry: send at least one byte")
	case m.Cookie != nil:
		err = errors.New("message has a cookie: use SaveCookie")
	case m.PPID == ControlPPID:
		err = errors.New("payload protocol identifier 11 is that of the control channel: use another")
	default:
		err = s.end.send(ctx, transport.Message{PPID: m.PPID, Stream: m.Stream, Unordered: m.Unordered, Payload: m.Data})
	}
	if err != nil {
		return s.fail("send", err)
	}
	return nil
}

// Recv returns the next message. The error is a *Failover where a user's session
// has moved to another element, and the session goes on; see there.
//
// For an element the error is io.EOF when the user has closed the session, and
// ErrLost when it is gone otherwise. For a user it is ErrNoElement when a
// failover has failed, and with NoFailover io.EOF or ErrLost. It is ErrClosed
// after Close. If the context ends first, nothing is lost.
func (s *Session) Recv(ctx context.Context) (Message, error) {
	it, err := s.inbox.next(ctx)
	if err != nil {
		return Message{}, s.fail("receive", err)
	}
	if it.notice != nil {
		return Message{}, it.notice
	}
	return it.message, nil
}

// SaveCookie gives the user a state to keep: the next element receives it when
// the user fails over (RFC 5352, Section 3.8). The newest counts. With a
// CookieKey in ElementConfig, the state is signed. It fails in the user's
// session, and where the session has no control channel (DataOnly).
func (s *Session) SaveCookie(ctx context.Context, state []byte) error {
	if err := s.end.saveCookie(ctx, state); err != nil {
		return s.fail("save cookie", err)
	}
	return nil
}

// Cookie returns the newest cookie: in the user's session the last one that an
// element has saved, as it stands on the wire; in the element's the state that
// the user has echoed. It is nil where there is none, and not to be changed.
func (s *Session) Cookie() []byte { return s.end.cookie() }

// Element returns the element of the session: the present one, or during a
// failover the last one.
func (s *Session) Element() rserpool.ElementID { return s.end.element() }

// Handle returns the pool of the session.
func (s *Session) Handle() rserpool.Handle { return s.handle }

// Stats returns the counters so far.
func (s *Session) Stats() SessionStats { return s.end.stats() }

// Addresses returns the session's two ends as they are now, in the form
// IP[,IP...]:PORT[@UDPPORT]. They are empty during a failover.
func (s *Session) Addresses() (local, remote string) {
	l, r := s.end.ends()
	if l.Port == 0 && r.Port == 0 {
		return "", ""
	}
	return l.String(), r.String()
}

// ForceFailover leaves the element of a user's session, which does not do its
// work for example. With unreachable set it is reported to the registrar, which
// may remove it from the pool. It has no effect during a failover, and fails in
// the element's session.
func (s *Session) ForceFailover(reason string, unreachable bool) error {
	if err := s.end.failOver(reason, unreachable); err != nil {
		return s.fail("force failover", err)
	}
	return nil
}

// Close sends what waits and ends the session in order, within two seconds; then
// it ends it all the same. It may be called more than once, and always returns
// nil.
func (s *Session) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	s.end.close(ctx)
	return nil
}

// closeWithHost implements part.
func (s *Session) closeWithHost(ctx context.Context) { s.end.close(ctx) }

// fail returns err with what it was about. The end of a stream stays what it is.
func (s *Session) fail(op string, err error) error {
	return &Error{Op: op, Handle: s.handle, Element: s.end.element(), Err: err}
}
