package tcp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// open connects, proves and greets; it returns what is read from.
func (a *association) open() (*bufio.Reader, error) {
	ctx, cancel := context.WithTimeout(a.ctx, a.d.cfg.DialTimeout)
	defer cancel()
	conn := a.conn
	var err error
	if a.dialled {
		if conn, err = a.connect(ctx); err != nil {
			return nil, a.unanswered(ctx, err)
		}
		if !a.take(conn) {
			return nil, errors.Join(transport.ErrClosed, conn.Close())
		}
	}
	if c := a.d.cfg.Credentials; c != nil {
		t, err := a.secure(ctx, c, conn)
		if err != nil {
			return nil, a.unanswered(ctx, err)
		}
		conn = t
	}
	deadline, _ := ctx.Deadline()
	if err := a.limitBy(deadline); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(conn, 4096)
	if a.d.via == transport.Stream {
		return r, a.established(0)
	}
	flags, err := a.greet(conn, r)
	if err != nil {
		return nil, a.unanswered(ctx, err)
	}
	return r, a.established(flags)
}

// connect tries the addresses one after the other.
func (a *association) connect(ctx context.Context) (conn net.Conn, err error) {
	deadline, _ := ctx.Deadline()
	dialer := net.Dialer{KeepAlive: a.d.keepAlive()}
	if ip := a.d.cfg.Listen.Unmap(); ip.IsValid() && !ip.IsUnspecified() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	for i, ip := range a.to.IPs {
		share := time.Until(deadline) / time.Duration(len(a.to.IPs)-i)
		each, cancel := context.WithTimeout(ctx, share)
		conn, err = dialer.DialContext(each, "tcp", netip.AddrPortFrom(ip, a.to.Port).String())
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// take notes the connection, unless the association has ended meanwhile.
func (a *association) take(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return false
	}
	a.conn = conn
	a.local = a.d.address(addrPort(conn.LocalAddr()))
	a.remote = a.d.address(addrPort(conn.RemoteAddr()))
	a.remote.Name = a.to.Name
	return true
}

// secure does the TLS handshake and notes who the peer is.
func (a *association) secure(ctx context.Context, c *Credentials, conn net.Conn) (net.Conn, error) {
	var t *tls.Conn
	if a.dialled {
		t = tls.Client(conn, c.client(a.to))
	} else {
		t = tls.Server(conn, c.server())
	}
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn, a.identity = t, identityOf(t.ConnectionState().PeerCertificates)
	return t, nil
}

// limitBy lets reading and writing fail from then on, or never if at is zero. An
// association that has ended has limits of its own.
func (a *association) limitBy(at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return transport.ErrClosed
	}
	return a.conn.SetDeadline(at)
}

// greet exchanges INITs: who dials begins. It returns the flags of the peer's.
func (a *association) greet(conn net.Conn, r *bufio.Reader) (flags byte, err error) {
	init := appendChunk(nil, chunkInit, knowsEnd)
	if a.dialled {
		if _, err := conn.Write(init); err != nil {
			return 0, err
		}
	}
	h, err := readHeader(r, 0)
	switch {
	case err != nil:
		return 0, err
	case h.kind != chunkInit:
		return 0, malformed("the first chunk is one of type %d, not an INIT", h.kind)
	}
	if !a.dialled {
		_, err = conn.Write(init)
	}
	return h.flags, err
}

// unanswered says what has become of an attempt.
func (a *association) unanswered(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case a.ctx.Err() != nil:
		return transport.ErrClosed
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		err = fmt.Errorf("no answer within %v", a.d.cfg.DialTimeout)
	case errors.Is(err, io.EOF):
		err = errors.New("the peer has closed the connection at once: it may not speak the TCP mapping of RSerPool, or be full")
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		err = op.Err
	}
	if c := a.d.cfg.Credentials; c != nil {
		err = c.explain(err)
	}
	if !a.dialled {
		return err
	}
	return fmt.Errorf("dial %s: %w", a.to, err)
}

// established lets the association be used.
func (a *association) established(flags byte) error {
	if err := a.limitBy(time.Time{}); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return transport.ErrClosed
	}
	a.state, a.peer = up, flags
	a.in.up = true
	a.d.opened(a)
	a.probe.heard = a.d.now()
	if a.d.supervises() {
		a.heartbeat() // for the round-trip time
		a.rearm()
	}
	a.deliver()
	return nil
}
