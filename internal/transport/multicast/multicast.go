// Package multicast joins datagram groups over real UDP sockets, IPv4 and IPv6.
// Any number of processes of a machine may join the same group and send from the
// same port.
//
// It does not know what the datagrams mean.
package multicast

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/rspool/rspool/internal/transport"
)

// Sockets is the machine's way to multicast groups: a transport.Multicast.
type Sockets struct{}

// group is a membership: a socket to send from and one to receive at. They are
// two, because the source port is the sender's and the group's port everybody's.
type group struct {
	to      net.Addr
	send    *net.UDPConn
	receive *net.UDPConn // nil for sending alone
	done    sync.WaitGroup
}

// Join implements transport.Multicast.
func (Sockets) Join(cfg transport.GroupConfig) (transport.Group, error) {
	g, err := join(cfg)
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", cfg.Group, err)
	}
	return g, nil
}

func join(cfg transport.GroupConfig) (*group, error) {
	ip := cfg.Group.Addr().Unmap()
	if !ip.IsMulticast() || cfg.Group.Port() == 0 {
		return nil, errors.New("not a multicast address with a port")
	}
	if cfg.TTL < 0 || cfg.TTL > 255 {
		return nil, fmt.Errorf("TTL %d: want 1 to 255, or 0 for 1", cfg.TTL)
	}
	if cfg.Source = cfg.Source.Unmap(); cfg.Source.Is4() != ip.Is4() || cfg.Source.IsUnspecified() {
		cfg.Source = netip.Addr{}
	}
	iface, err := choose(cfg)
	if err != nil {
		return nil, err
	}
	to := &net.UDPAddr{IP: ip.AsSlice(), Port: int(cfg.Group.Port()), Zone: ip.Zone()}
	if ip.Is6() && to.Zone == "" && iface != nil {
		to.Zone = iface.Name
	}
	g := &group{to: to}
	var from *net.UDPAddr
	if cfg.Source.IsValid() {
		from = &net.UDPAddr{IP: cfg.Source.AsSlice(), Zone: cfg.Source.Zone()}
	}
	if g.send, err = open(ip, from, cfg.SourcePort); err != nil {
		return nil, err
	}
	if err := g.setUp(ip, iface, max(cfg.TTL, 1)); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	if cfg.Receive == nil {
		return g, nil
	}
	// Bound to the group's address, the socket hears that group alone.
	at := to
	if !bindToGroup {
		at = nil
	}
	if g.receive, err = open(ip, at, cfg.Group.Port()); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	if err := subscribe(g.receive, ip, iface); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	if lo := loopbackInterface(); lo != nil && cfg.Interface == "" && !cfg.Source.IsValid() && (iface == nil || iface.Index != lo.Index) {
		// Who is bound to no address hears those of its machine too who are bound to
		// the loopback address. Without the group there, it does not.
		_ = subscribe(g.receive, ip, lo)
	}
	g.done.Add(1)
	go g.hear(cfg.Receive)
	return g, nil
}

// loopbackInterface returns the machine's, nil if it has none.
func loopbackInterface() *net.Interface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return &i
		}
	}
	return nil
}

// open opens a socket that shares its port with others.
func open(ip netip.Addr, bind *net.UDPAddr, port uint16) (*net.UDPConn, error) {
	network, host := "udp4", "0.0.0.0"
	if ip.Is6() {
		network, host = "udp6", "::"
	}
	if bind != nil {
		host = bind.IP.String()
		if bind.Zone != "" {
			host += "%" + bind.Zone
		}
	}
	lc := net.ListenConfig{Control: share}
	c, err := lc.ListenPacket(context.Background(), network, net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// setUp prepares the sending socket.
func (g *group) setUp(ip netip.Addr, iface *net.Interface, ttl int) error {
	if ip.Is4() {
		p := ipv4.NewPacketConn(g.send)
		if iface != nil {
			if err := p.SetMulticastInterface(iface); err != nil {
				return fmt.Errorf("interface %q: %w", iface.Name, err)
			}
		}
		return errors.Join(p.SetMulticastTTL(ttl), p.SetMulticastLoopback(true))
	}
	p := ipv6.NewPacketConn(g.send)
	if iface != nil {
		if err := p.SetMulticastInterface(iface); err != nil {
			return fmt.Errorf("interface %q: %w", iface.Name, err)
		}
	}
	return errors.Join(p.SetMulticastHopLimit(ttl), p.SetMulticastLoopback(true))
}

// choose returns the interface that was named, or that has the source address, or
// nil for the system's choice.
// Where the system has no route to the group, as on a machine without a network,
// it is any interface that is up.
func choose(cfg transport.GroupConfig) (*net.Interface, error) {
	if cfg.Interface != "" {
		i, err := net.InterfaceByName(cfg.Interface)
		if err != nil {
			return nil, fmt.Errorf("interface %q: %w", cfg.Interface, err)
		}
		return i, nil
	}
	if cfg.Source.IsValid() {
		if i := holder(cfg.Source); i != nil {
			return i, nil
		}
	}
	// Connecting a UDP socket sends nothing, but needs a route.
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(cfg.Group))
	if err == nil {
		return nil, c.Close()
	}
	all, lerr := net.Interfaces()
	if lerr != nil {
		return nil, errors.Join(err, lerr)
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 {
			return &i, nil
		}
	}
	return nil, err
}

// holder returns the interface that has an address, nil if none says so.
func holder(ip netip.Addr) *net.Interface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		addresses, _ := i.Addrs() // an interface that is just going has none
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
				return &i
			}
		}
	}
	return nil
}

// subscribe joins the group on the interface.
func subscribe(c *net.UDPConn, ip netip.Addr, iface *net.Interface) error {
	if ip.Is4() {
		return ipv4.NewPacketConn(c).JoinGroup(iface, &net.UDPAddr{IP: ip.AsSlice()})
	}
	return ipv6.NewPacketConn(c).JoinGroup(iface, &net.UDPAddr{IP: ip.AsSlice()})
}

// hear calls receive for each datagram until the group is closed.
func (g *group) hear(receive func(netip.AddrPort, []byte)) {
	defer g.done.Done()
	buf := make([]byte, 1<<16)
	for {
		n, from, err := g.receive.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			receive(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
		case errors.Is(err, net.ErrClosed):
			return
		}
	}
}

// Send implements transport.Group.
func (g *group) Send(payload []byte) error {
	_, err := g.send.WriteTo(payload, g.to)
	if errors.Is(err, net.ErrClosed) {
		return transport.ErrClosed
	}
	return err
}

// Close implements transport.Group.
func (g *group) Close() error {
	var errs []error
	for _, c := range []*net.UDPConn{g.send, g.receive} {
		if c == nil {
			continue
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	g.done.Wait()
	return errors.Join(errs...)
}
