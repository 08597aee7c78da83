package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxSegment is how much of a Write goes into one message: what fits in a packet.
const maxSegment = 1200

// NetConn returns the session as a stream of bytes: a Write becomes messages of
// at most 1,200 bytes with payload protocol identifier 0 on stream 0, and reads
// continue from one message into the next. Deadlines work, and Close closes the
// session. Read returns io.EOF when the other side has closed the session.
//
// A failover is hidden: reads and writes go on with another element, which knows
// nothing of the bytes exchanged before. That suits protocols in which each
// request stands alone and is repeated when its answer does not come; for all
// others set NoFailover, so that the connection ends with its element. Cookie
// echoes are hidden as well, and so is the boundary of messages. The session's
// own Recv should not be called besides.
func (s *Session) NetConn() net.Conn {
	return &conn{session: s, reading: newDeadline(), writing: newDeadline()}
}

// conn is a Session as a net.Conn.
type conn struct {
	session          *Session
	reading, writing *deadline
	mu               sync.Mutex // of rest, held while reading
	rest             []byte     // of the last message
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	ctx := c.reading.context()
	if len(c.rest) > 0 && ctx.Err() != nil {
		return 0, c.fail("read", ctx.Err())
	}
	for len(c.rest) == 0 {
		m, err := c.session.Recv(ctx)
		var moved *Failover
		switch {
		case errors.As(err, &moved):
		case err != nil:
			return 0, c.fail("read", err)
		default:
			c.rest = m.Data
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (n int, err error) {
	ctx := c.writing.context()
	for len(p) > 0 {
		part := p[:min(len(p), maxSegment)]
		if err := c.session.Send(ctx, Message{Data: part}); err != nil {
			return n, c.fail("write", err)
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// fail returns an error as users of package net expect it.
func (c *conn) fail(op string, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, context.Canceled): // by its deadline: there is no other cause
		err = os.ErrDeadlineExceeded
	case errors.Is(err, ErrClosed):
		err = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: "rserpool", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close implements net.Conn.
func (c *conn) Close() error { return c.session.Close() }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { l, _ := c.session.Addresses(); return address(l) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { _, r := c.session.Addresses(); return address(r) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { c.reading.set(t); return nil }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { c.writing.set(t); return nil }

// address is one end of a session in text.
type address string

// Network implements net.Addr.
func (address) Network() string { return "rserpool" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

// deadline makes contexts that end at an instant, which may be moved while they
// are in use.
type deadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
}

func newDeadline() *deadline {
	d := &deadline{}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// context returns a context that ends at the deadline.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

// set moves the deadline; the zero time means never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// A timer that cannot be stopped may be about to end its context.
	if d.ctx.Err() != nil || d.timer != nil && !d.timer.Stop() {
		d.cancel()
		d.ctx, d.cancel = context.WithCancel(context.Background())
	}
	d.timer = nil
	if t.IsZero() {
		return
	}
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, d.cancel)
	} else {
		d.cancel()
	}
}
