package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// Listener is a registered element that accepts sessions. Its methods may be
// called at once.
type Listener struct {
	*Registration
	cfg      *ElementConfig
	endpoint transport.Endpoint
	backlog  chan *Session
	closing  sync.Once

	mu       sync.Mutex
	sessions map[uint64]*elementEnd // by association
	leaving  bool                   // no more sessions
	quit     chan struct{}          // closed with leaving
	empty    chan struct{}          // closed when the last session ends; nil unless waited for
}

// Listen opens a port for a service and registers it as an element of a
// pool, which comes into being with its first element. It returns when a
// registrar has accepted the element; the error is an *Error that names the
// cause and what to do. A nil configuration stands for the zero one.
func Listen(ctx context.Context, handle rserpool.Handle, cfg *ElementConfig) (*Listener, error) {
	c, err := cfg.complete(handle)
	fail := func(err error) (*Listener, error) {
		return nil, &Error{Op: "listen", Handle: handle, Element: c.ID, Err: err}
	}
	if err != nil {
		return fail(err)
	}
	h, owned, err := c.openHost()
	if err != nil {
		return fail(err)
	}
	l := &Listener{
		Registration: newRegistration(h, owned, handle, c),
		cfg:          c,
		backlog:      make(chan *Session, c.Backlog),
		sessions:     map[uint64]*elementEnd{},
		quit:         make(chan struct{}),
	}
	if l.endpoint, err = h.openAt(c.via(), transport.EndpointConfig{Port: c.Port, Listen: true, Handler: (*listenerHandler)(l)}); err == nil {
		err = h.addPart(l)
	}
	if err != nil {
		if l.endpoint != nil {
			_ = l.endpoint.Close() // the first error counts
		}
		if owned {
			_ = h.Close()
		}
		return fail(err)
	}
	if err := l.begin(ctx, c, l.transport()); err != nil {
		_ = l.Close() // there is nothing to deregister
		return nil, err
	}
	return l, nil
}

// via is how users reach the service.
func (c *ElementConfig) via() transport.Via {
	switch {
	case c.Protocol == rserpool.SCTP:
		return transport.SCTP
	case c.DataOnly:
		return transport.Stream
	}
	return transport.TCP
}

// transport returns what is registered. Its addresses are those that the
// registrar sees, of which registered ones must be a subset (RFC 5352,
// Section 2.2.1).
func (l *Listener) transport() rserpool.Transport {
	if l.cfg.Transport != nil {
		return *l.cfg.Transport
	}
	at := l.endpoint.Local()
	t := rserpool.Transport{Protocol: l.cfg.Protocol, Use: rserpool.DataAndControl, Port: at.Port}
	if at.UDPPort != rserpool.DefaultUDPPort {
		t.UDPPort = at.UDPPort
	}
	if l.cfg.DataOnly {
		t.Use = rserpool.DataOnly
	}
	return t
}

// Accept returns the next session that a user has begun. It fails with ErrClosed
// after Close, after Drain once no session waits any more, and with the
// context's error.
func (l *Listener) Accept(ctx context.Context) (*Session, error) {
	select {
	case s := <-l.backlog:
		return s, nil
	default:
	}
	err := ErrClosed
	select {
	case s := <-l.backlog:
		return s, nil
	case <-l.quit:
		select {
		case s := <-l.backlog:
			return s, nil
		default:
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &Error{Op: "accept", Handle: l.handle, Element: l.id, Err: err}
}

// Addr returns where users reach the service, in the form
// IP[,IP...]:PORT[@UDPPORT].
func (l *Listener) Addr() string { return l.endpoint.Local().String() }

// Sessions returns the number of sessions that have not ended.
func (l *Listener) Sessions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}

// Drain deregisters the element, refuses new sessions, and waits until those
// there are have ended, or the context has. Close is needed all the same.
func (l *Listener) Drain(ctx context.Context) error {
	l.refuse()
	short, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	err := l.deregister(short)
	select {
	case <-l.idle():
		return err
	case <-ctx.Done():
		return &Error{Op: "drain", Handle: l.handle, Element: l.id,
			Err: fmt.Errorf("%d sessions have not ended: %w", l.Sessions(), ctx.Err())}
	}
}

// refuse lets no more sessions begin.
func (l *Listener) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leaving {
		l.leaving = true
		close(l.quit)
	}
}

// idle returns a channel that is closed when there are no sessions.
func (l *Listener) idle() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.empty == nil {
		l.empty = make(chan struct{})
		if len(l.sessions) == 0 {
			close(l.empty)
		}
	}
	return l.empty
}

// Close deregisters the element, ends its sessions in order and closes its port,
// all within two seconds; see Registration.Close. It may be called more than
// once.
func (l *Listener) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return errors.Join(l.close(ctx), l.abandon(l))
}

// closeWithHost implements part.
func (l *Listener) closeWithHost(ctx context.Context) { l.host.note(l.close(ctx)) }

func (l *Listener) close(ctx context.Context) (err error) {
	l.closing.Do(func() {
		l.refuse()
		first, cancel := context.WithTimeout(ctx, closeTime*3/4)
		defer cancel()
		err = l.deregister(first)
		l.endSessions(ctx)
		err = errors.Join(err, l.endpoint.Close())
	})
	return err
}

// endSessions ends all sessions in order, at the same time.
func (l *Listener) endSessions(ctx context.Context) {
	l.mu.Lock()
	var all sync.WaitGroup
	for _, e := range l.sessions {
		all.Go(func() { e.close(ctx) })
	}
	l.mu.Unlock()
	all.Wait()
}

// listenerHandler is a Listener as its endpoint sees it.
type listenerHandler Listener

// Event implements transport.Handler.
func (lh *listenerHandler) Event(a transport.Association, kind transport.EventKind, err error) {
	l := (*Listener)(lh)
	switch kind {
	case transport.Up:
		l.begun(a)
	case transport.Restarted:
		// The user came back without its memory: it begins a session anew.
		l.ended(a, kind, err)
		l.begun(a)
	case transport.Lost, transport.Closed:
		l.ended(a, kind, err)
	}
}

// begun makes a session of an association.
func (l *Listener) begun(a transport.Association) {
	e := newElementEnd(l, a)
	l.mu.Lock()
	if l.leaving {
		l.mu.Unlock()
		a.Abort("the element is leaving")
		return
	}
	select {
	case l.backlog <- e.session:
		l.sessions[a.ID()] = e
	default:
		l.mu.Unlock()
		l.host.log.Warn("session refused, too many wait for Accept", "handle", l.handle, "element", l.id, "user", a.Remote().String())
		a.Abort("too many sessions wait")
		return
	}
	l.mu.Unlock()
	l.host.tally.begun.Add(1)
	e.greet()
}

// ended takes a session out.
func (l *Listener) ended(a transport.Association, kind transport.EventKind, err error) {
	l.mu.Lock()
	e := l.sessions[a.ID()]
	delete(l.sessions, a.ID())
	if l.empty != nil && len(l.sessions) == 0 && e != nil {
		close(l.empty)
	}
	l.mu.Unlock()
	if e != nil {
		e.over(kind, err)
	}
}

// Message implements transport.Handler.
func (lh *listenerHandler) Message(a transport.Association, m transport.Message) {
	l := (*Listener)(lh)
	l.mu.Lock()
	e := l.sessions[a.ID()]
	l.mu.Unlock()
	if e != nil {
		e.receive(m)
	}
}
