//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
)

// endpoint is an SCTP port: a one-to-many socket, and those of the associations
// that have left it.
//
// Locks are taken in the order reading, an association's mu, mu; handlers are
// called under none of them.
type endpoint struct {
	d      *Door
	cfg    transport.EndpointConfig
	socket *socket
	six    bool // has both families
	port   uint16
	share  int                          // bytes of the send buffer that are an association's part
	local  atomic.Pointer[[]netip.Addr] // as last asked for

	// reading guards what follows, and is held from the receipt of messages until
	// they are assigned to their associations.
	reading sync.Mutex
	reader  *reader // the one that may read; nil at the end
	batch   *batch
	next    int            // the first message of the batch that was not assigned yet
	single  int            // full batches, of one message at first, in a row
	lent    bool           // a handler that is stuck has a part of the batch
	cut     bool           // a notification goes on in the next slot
	slow    []*association // get a socket of their own after the batch
	watch   *time.Timer
	watched bool   // the timer runs
	seen    uint64 // the reader's calls when the timer last looked

	relieved time.Time // when relieve last looked; the writer's, as is the next
	full     time.Time // since when it was called again and again

	mu           sync.Mutex
	associations map[int32]*association // by the kernel's numbers
	count        int                    // associations whose handler has not heard the end
	idle         sync.Cond
	readers      sync.WaitGroup
	closed       bool
}

// newEndpoint opens an endpoint and begins to receive.
func (d *Door) newEndpoint(cfg transport.EndpointConfig) (*endpoint, error) {
	s, six, err := d.open(cfg.Port, cfg.Listen)
	if err != nil {
		return nil, err
	}
	e := &endpoint{d: d, cfg: cfg, socket: s, six: six, associations: map[int32]*association{}}
	e.idle.L = &e.mu
	e.local.Store(&d.cfg.Listen)
	s.starved = e.relieve
	if cerr := s.raw.Control(func(fd uintptr) {
		if _, e.port, _, err = getAddresses(int(fd), sctp.SCTP_GET_LOCAL_ADDRS, 0); err == nil {
			err = abortOnClose(int(fd))
		}
		if err == nil {
			e.share, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
			e.share /= parts
		}
	}); cerr != nil || err != nil {
		return nil, errors.Join(cerr, err, s.file.Close())
	}
	e.reader = &reader{e: e, socket: s}
	e.watch = time.AfterFunc(time.Hour, e.look)
	e.watch.Stop()
	e.readers.Add(1)
	go e.reader.run()
	return e, nil
}

// Local implements transport.Endpoint.
func (e *endpoint) Local() transport.Address {
	_ = e.socket.raw.Control(func(fd uintptr) {
		if ips, _, _, err := getAddresses(int(fd), sctp.SCTP_GET_LOCAL_ADDRS, 0); err == nil {
			ips = presentable(ips)
			e.local.Store(&ips)
		}
	})
	return transport.Address{IPs: *e.local.Load(), Port: e.port}
}

// Dial implements transport.Endpoint.
func (e *endpoint) Dial(to transport.Address) (transport.Association, error) {
	var ips []netip.Addr
	for _, ip := range to.IPs {
		if ip = ip.Unmap(); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && e.d.carries(ip, e.six) {
			ips = append(ips, ip)
		}
	}
	switch {
	case to.Port == 0:
		return nil, fmt.Errorf("dial %s: the port is zero", to)
	case len(ips) == 0:
		return nil, fmt.Errorf("dial %s: no IP address that the kernel's SCTP reaches from here", to)
	}
	if to.Port == e.port {
		if own := e.Local().IPs; slices.ContainsFunc(ips, func(ip netip.Addr) bool { return slices.Contains(own, ip) }) {
			return nil, fmt.Errorf("dial %s: that is the endpoint itself", to)
		}
	}
	a := newAssociation(e, transport.Address{IPs: ips, Port: to.Port, UDPPort: to.UDPPort})
	// The reader does not hear of the association before it is on the books.
	e.reading.Lock()
	defer e.reading.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := e.begin(a); err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	if err := e.connect(a, to); err != nil {
		e.done(a)
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	a.timer = time.AfterFunc(e.d.cfg.DialTimeout, a.expired)
	return a, nil
}

// connect lets the kernel begin. Where it cannot, the handler hears Lost; an
// error is one of Dial. Caller holds reading and the association's mu.
func (e *endpoint) connect(a *association, to transport.Address) error {
	var err error
	if cerr := e.socket.raw.Control(func(fd uintptr) {
		encapsulated := to.UDPPort != 0 && Encapsulation() != 0
		if encapsulated {
			if err = encapsulate(int(fd), to.UDPPort); err != nil {
				return
			}
			defer func() { _ = encapsulate(int(fd), uint16(setting("encap_port"))) }()
		}
		a.number, err = connect(int(fd), a.remote.IPs, to.Port)
	}); cerr != nil {
		return transport.ErrClosed
	}
	switch {
	case err == nil:
		e.enter(a)
		return nil
	case errors.Is(err, unix.EISCONN), errors.Is(err, unix.EALREADY), errors.Is(err, unix.EADDRNOTAVAIL) && e.has(a.remote):
		return transport.ErrInUse
	}
	a.end(transport.Lost, fmt.Errorf("dial %s: %w", to, err))
	return nil
}

// begin counts an association in.
func (e *endpoint) begin(a *association) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return transport.ErrClosed
	}
	if n := e.d.stats.associations.Add(1); n > int64(e.d.cfg.MaxAssociations) {
		e.d.stats.associations.Add(-1)
		return fmt.Errorf("the door has %d associations, the most it may have", n-1)
	}
	a.booked = true
	e.count++
	return nil
}

// enter makes an association known by the kernel's number.
func (e *endpoint) enter(a *association) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.associations[a.number] = a
}

// leave takes an association off the books. Caller holds the association's mu.
func (e *endpoint) leave(a *association) {
	if !a.booked {
		return
	}
	a.booked = false
	e.d.stats.associations.Add(-1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.associations[a.number] == a {
		delete(e.associations, a.number)
	}
}

// done counts out an association whose handler has heard the end, or that never
// began.
func (e *endpoint) done(a *association) {
	e.leave(a)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count--; e.count == 0 {
		e.idle.Broadcast()
	}
}

// find returns the association that the kernel has given a number.
func (e *endpoint) find(number int32) *association {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.associations[number]
}

// all returns the associations.
func (e *endpoint) all() []*association {
	e.mu.Lock()
	defer e.mu.Unlock()
	as := make([]*association, 0, len(e.associations))
	for _, a := range e.associations {
		as = append(as, a)
	}
	return as
}

// has reports whether an association with an address has a socket of its own;
// the kernel then no longer finds it at the endpoint's.
func (e *endpoint) has(to transport.Address) bool {
	return slices.ContainsFunc(e.all(), func(a *association) bool {
		r := a.known.Load()
		return r != nil && r.remote.Port == to.Port && slices.ContainsFunc(to.IPs, func(ip netip.Addr) bool { return slices.Contains(r.remote.IPs, ip) })
	})
}

// Close implements transport.Endpoint.
func (e *endpoint) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	for _, a := range e.all() {
		a.Abort("endpoint closed")
	}
	e.mu.Lock()
	for e.count > 0 {
		e.idle.Wait()
	}
	e.mu.Unlock()
	e.reading.Lock()
	r := e.reader
	e.reader = nil
	e.watch.Stop()
	e.reading.Unlock()
	if r == nil {
		return nil // closed before
	}
	var err error
	if r.socket != e.socket {
		err = r.socket.file.Close()
	}
	err = errors.Join(err, e.socket.file.Close())
	e.readers.Wait()
	e.socket.writers.Wait()
	e.d.mu.Lock()
	delete(e.d.endpoints, e)
	e.d.mu.Unlock()
	return err
}
