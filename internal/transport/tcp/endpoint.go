package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/local"
)

// endpoint is a port that is listened at, or a place to dial from.
type endpoint struct {
	d        *Door
	cfg      transport.EndpointConfig
	listener net.Listener // nil unless it listens
	local    transport.Address
	tasks    sync.WaitGroup // goroutines

	mu      sync.Mutex
	all     map[*association]struct{}
	dialled map[netip.AddrPort]*association
	closed  bool
}

// listen opens the port.
func (p *endpoint) listen() error {
	d := p.d
	network, at := "tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), p.cfg.Port)
	if ip := d.cfg.Listen.Unmap(); ip.IsValid() && ip != netip.IPv6Unspecified() {
		network, at = "tcp4", netip.AddrPortFrom(ip, p.cfg.Port)
		if ip.Is6() {
			network = "tcp6"
		}
	}
	lc := net.ListenConfig{KeepAlive: d.keepAlive()}
	l, err := lc.Listen(context.Background(), network, at.String())
	if err != nil && network == "tcp" && !errors.Is(err, syscall.EADDRINUSE) { // a machine without IPv6
		l, err = lc.Listen(context.Background(), "tcp4", fmt.Sprintf("0.0.0.0:%d", p.cfg.Port))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: another process has TCP port %d; choose another, or let the system choose", err, p.cfg.Port)
	}
	if err != nil {
		return err
	}
	p.listener = l
	at = l.Addr().(*net.TCPAddr).AddrPort()
	p.local = transport.Address{Via: d.via, IPs: d.addresses(), Port: at.Port()}
	p.tasks.Add(1)
	go p.accept()
	return nil
}

// addresses returns where the door is reached.
func (d *Door) addresses() []netip.Addr {
	return local.Addresses(d.cfg.Listen.Unmap(), func(ip netip.Addr) bool { return !d.cfg.Listen.Is4() || ip.Is4() })
}

// keepAlive is how often the system looks after an idle connection: never, where
// heartbeats do.
func (d *Door) keepAlive() time.Duration {
	if d.via == transport.Stream {
		return 15 * time.Second
	}
	return -1
}

// accept takes the connections of peers.
func (p *endpoint) accept() {
	defer p.tasks.Done()
	const least, most = 5 * time.Millisecond, time.Second
	wait := least
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no more files, say: those that are open may be closed soon
			time.Sleep(wait)
			wait = min(2*wait, most)
			continue
		}
		wait = least
		p.d.stats.inits.Add(1)
		p.accepted(conn)
	}
}

// accepted begins an association with who has connected.
func (p *endpoint) accepted(conn net.Conn) {
	from := addrPort(conn.RemoteAddr())
	a := newAssociation(p, p.d.address(from))
	a.conn, a.local = conn, p.d.address(addrPort(conn.LocalAddr()))
	if err := p.add(a); err != nil {
		a.stop()
		_ = conn.Close() // nobody to tell
		p.d.refused(from, err)
	}
}

// Local implements transport.Endpoint.
func (p *endpoint) Local() transport.Address {
	if p.listener == nil {
		return transport.Address{Via: p.d.via, IPs: p.d.addresses()}
	}
	return p.local
}

// Dial implements transport.Endpoint.
func (p *endpoint) Dial(to transport.Address) (transport.Association, error) {
	d := p.d
	var ips []netip.Addr
	for _, ip := range to.IPs {
		own := d.cfg.Listen.Unmap()
		if ip = ip.Unmap(); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() &&
			(!own.IsValid() || own.IsUnspecified() || own.Is4() == ip.Is4()) {
			ips = append(ips, ip)
		}
	}
	switch {
	case to.Via != d.via:
		return nil, fmt.Errorf("dial %s: the door is one of %s", to, d.via)
	case to.Port == 0:
		return nil, fmt.Errorf("dial %s: the port is zero", to)
	case len(ips) == 0:
		return nil, fmt.Errorf("dial %s: no IP address that the door reaches", to)
	}
	to.IPs = ips
	a := newAssociation(p, to)
	a.dialled = true
	a.local = transport.Address{Via: d.via, IPs: d.addresses()}
	if err := p.add(a); err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	return a, nil
}

// add enters an association and lets it run.
func (p *endpoint) add(a *association) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return transport.ErrClosed
	case a.dialled && p.dialled[a.key()] != nil:
		return transport.ErrInUse
	}
	if err := p.d.add(a); err != nil {
		return err
	}
	if a.dialled {
		p.dialled[a.key()] = a
	}
	p.all[a] = struct{}{}
	p.tasks.Add(1)
	go a.run()
	return nil
}

// remove takes an association out.
func (p *endpoint) remove(a *association) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, a)
	if p.dialled[a.key()] == a {
		delete(p.dialled, a.key())
	}
	p.d.remove(a)
}

// Close implements transport.Endpoint.
func (p *endpoint) Close() error {
	p.mu.Lock()
	p.closed = true
	var as []*association
	for a := range p.all {
		as = append(as, a)
	}
	p.mu.Unlock()
	var err error
	if p.listener != nil {
		if err = p.listener.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	for _, a := range as {
		a.Abort("endpoint closed")
	}
	p.tasks.Wait()
	p.d.mu.Lock()
	delete(p.d.endpoints, p)
	p.d.mu.Unlock()
	return err
}

// address is where a connection's end is.
func (d *Door) address(at netip.AddrPort) transport.Address {
	return transport.Address{Via: d.via, IPs: []netip.Addr{at.Addr()}, Port: at.Port()}
}

// addrPort returns a connection's address, without the zone, which is the
// machine's own.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := t.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}
