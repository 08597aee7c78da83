// Package udp is the embedded SCTP: associations over one UDP socket (RFC 6951),
// on any machine and without privileges. It does the handshake, the tags, the
// supervision of peers and all defence itself, and leaves the moving of messages
// to pion/sctp, behind type core.
//
// It is not multi-homed: an association runs between one address and one other.
// It does not encrypt.
package udp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/multicast"
)

// Door is a UDP socket with endpoints behind it; see transport.Door.
type Door struct {
	cfg    Config
	conn   *net.UDPConn
	raw    syscall.RawConn
	port   uint16
	listen netip.Addr // unspecified for all addresses
	six    bool       // carries IPv6
	four   bool
	buffer int
	start  time.Time
	baker  *baker // the receiving goroutine's
	stats  counters
	tasks  sync.WaitGroup // the door's own two goroutines
	failed chan struct{}  // a packet was refused somewhere
	quit   chan struct{}  // the receiving goroutine is gone

	mu     sync.RWMutex
	ports  map[uint16]*endpoint
	byTag  map[uint32]*association // by own tag
	byPeer map[peerKey]*association
	closed bool
}

// peerKey tells associations apart before tags are known. The UDP port belongs
// to it: processes that share an address may use the same SCTP port.
type peerKey struct {
	from          netip.AddrPort
	remote, local uint16
}

type counters struct {
	in, out, malformed, ootb, badCookies, inits, lost, backpressure, dropped atomic.Uint64
}

// Open makes a door and begins to receive.
func Open(cfg Config) (*Door, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open SCTP over UDP: %w", err)
	}
	conn, err := listen(cfg.Listen, cfg.UDPPort)
	if err != nil {
		return nil, fmt.Errorf("open SCTP over UDP: %w", err)
	}
	d := &Door{
		cfg: cfg, conn: conn, start: time.Now(), failed: make(chan struct{}, 1), quit: make(chan struct{}),
		ports: map[uint16]*endpoint{}, byTag: map[uint32]*association{}, byPeer: map[peerKey]*association{},
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	d.port, d.listen = local.Port(), local.Addr().Unmap()
	d.six = d.listen.Is6()
	d.four = !d.six || d.listen.IsUnspecified()
	if d.raw, err = conn.SyscallConn(); err == nil {
		d.baker, err = newBaker()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open SCTP over UDP: %w", err), conn.Close())
	}
	d.buffer = d.tune()
	d.tasks.Add(2)
	go d.receive()
	go d.readErrors()
	return d, nil
}

// UDPPort returns the UDP port that encapsulates SCTP.
func (d *Door) UDPPort() uint16 { return d.port }

// now is the time since the door was opened, by the monotonic clock.
func (d *Door) now() time.Duration { return time.Since(d.start) }

// Open implements transport.Door.
func (d *Door) Open(cfg transport.EndpointConfig) (transport.Endpoint, error) {
	if cfg.Handler == nil {
		return nil, errors.New("open endpoint: it has no handler")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, transport.ErrClosed
	}
	port := cfg.Port
	for range 1 << 16 {
		if port != 0 {
			break
		}
		if c := uint16(rand.Uint32() | 1<<15); d.ports[c] == nil {
			port = c
		}
	}
	if port == 0 || d.ports[port] != nil {
		return nil, fmt.Errorf("open endpoint: SCTP port %d is in use at UDP port %d", port, d.port)
	}
	p := &endpoint{d: d, cfg: cfg, port: port}
	p.idle.L = &p.mu
	d.ports[port] = p
	return p, nil
}

// Stats implements transport.Door.
func (d *Door) Stats() transport.Stats {
	d.mu.RLock()
	n := len(d.byTag)
	d.mu.RUnlock()
	s := &d.stats
	return transport.Stats{
		Associations: n, PacketsIn: s.in.Load(), PacketsOut: s.out.Load(), Malformed: s.malformed.Load(),
		OutOfTheBlue: s.ootb.Load(), BadCookies: s.badCookies.Load(), Inits: s.inits.Load(), Lost: s.lost.Load(),
		Backpressure: s.backpressure.Load(), ReceiveDropped: s.dropped.Load(), ReceiveBuffer: d.buffer,
	}
}

// Close implements transport.Door.
func (d *Door) Close() error {
	d.mu.Lock()
	d.closed = true
	ps := make([]*endpoint, 0, len(d.ports))
	for _, p := range d.ports {
		ps = append(ps, p)
	}
	d.mu.Unlock()
	var err error
	for _, p := range ps {
		err = errors.Join(err, p.Close())
	}
	if cerr := d.conn.Close(); !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	d.tasks.Wait()
	return err
}

func (a *association) key() peerKey { return peerKey{*a.to.Load(), a.port, a.p.port} }

// add enters an association. Caller holds its mu.
func (d *Door) add(a *association) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return transport.ErrClosed
	case d.byPeer[a.key()] != nil:
		return transport.ErrInUse
	case len(d.byTag) >= d.cfg.MaxAssociations:
		return fmt.Errorf("the door has %d associations, the most it may have", len(d.byTag))
	}
	for d.byTag[a.local.tag] != nil {
		a.local.tag = random()
	}
	if err := a.p.begin(); err != nil {
		return err
	}
	d.byTag[a.local.tag], d.byPeer[a.key()] = a, a
	return nil
}

// remove takes an association out. Caller holds its mu.
func (d *Door) remove(a *association) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byTag[a.local.tag] == a {
		delete(d.byTag, a.local.tag)
	}
	if d.byPeer[a.key()] == a {
		delete(d.byPeer, a.key())
	}
}

// retag gives a restarted association its new half. Caller holds its mu.
func (d *Door) retag(a *association, local initiation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.byTag, a.local.tag)
	a.local = local
	d.byTag[local.tag] = a
}

// move follows the peer to another UDP address, unless another association is
// there. Caller holds the association's mu.
func (a *association) move(to netip.AddrPort) {
	d := a.d
	d.mu.Lock()
	defer d.mu.Unlock()
	was := a.key()
	is := peerKey{to, was.remote, was.local}
	if is == was || d.byPeer[is] != nil {
		return
	}
	if d.byPeer[was] == a {
		delete(d.byPeer, was)
	}
	d.byPeer[is] = a
	a.to.Store(&to)
	a.ip.Store(nil)
}

// of returns the associations of an endpoint.
func (d *Door) of(p *endpoint) []*association {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var as []*association
	for _, a := range d.byTag {
		if a.p == p {
			as = append(as, a)
		}
	}
	return as
}

// free gives the port of an endpoint back.
func (d *Door) free(p *endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ports[p.port] == p {
		delete(d.ports, p.port)
	}
}

// Join implements transport.Multicast, by sockets of its own. They send from the
// door's address where it has one only: that is where receivers will look for it.
func (d *Door) Join(cfg transport.GroupConfig) (transport.Group, error) {
	if !cfg.Source.IsValid() {
		cfg.Source = d.listen // unspecified stands for the system's choice
	}
	return multicast.Sockets{}.Join(cfg)
}
