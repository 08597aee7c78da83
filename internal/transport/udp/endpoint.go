package udp

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/rspool/rspool/internal/transport"
)

// endpoint is an SCTP port of the door.
type endpoint struct {
	d    *Door
	cfg  transport.EndpointConfig
	port uint16

	mu     sync.Mutex
	idle   sync.Cond
	count  int // associations whose handler has not heard the end
	closed bool
}

// begin counts an association in.
func (p *endpoint) begin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return transport.ErrClosed
	}
	p.count++
	return nil
}

// done counts an association out.
func (p *endpoint) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count--; p.count == 0 {
		p.idle.Broadcast()
	}
}

// Local implements transport.Endpoint.
func (p *endpoint) Local() transport.Address {
	return transport.Address{IPs: p.d.addresses(), Port: p.port, UDPPort: p.d.port}
}

// Dial implements transport.Endpoint.
func (p *endpoint) Dial(to transport.Address) (transport.Association, error) {
	d := p.d
	var ips []netip.Addr
	for _, ip := range to.IPs {
		if ip = ip.Unmap(); ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && d.carries(ip) {
			ips = append(ips, ip)
		}
	}
	switch {
	case to.Port == 0:
		return nil, fmt.Errorf("dial %s: the port is zero", to)
	case len(ips) == 0:
		return nil, fmt.Errorf("dial %s: no IP address that the door at %s reaches", to, d.conn.LocalAddr())
	}
	udpPort := to.UDPPort
	if udpPort == 0 {
		udpPort = Port
	}
	if to.Port == p.port && udpPort == d.port && d.towards(ips[0]) == ips[0] {
		return nil, fmt.Errorf("dial %s: that is the endpoint itself", to)
	}
	a := newAssociation(p, netip.AddrPortFrom(ips[0], udpPort), to.Port, d.initiation())
	a.dialed = &dialing{ips: ips}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := d.add(a); err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	now := d.now()
	a.limit = now + d.cfg.DialTimeout
	a.retransmit(now)
	return a, nil
}

// Close implements transport.Endpoint.
func (p *endpoint) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, a := range p.d.of(p) {
		a.Abort("endpoint closed")
	}
	p.mu.Lock()
	for p.count > 0 {
		p.idle.Wait()
	}
	p.mu.Unlock()
	p.d.free(p)
	return nil
}
