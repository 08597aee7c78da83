package udp

import (
	"net"
	"net/netip"
	"slices"
)

// addresses returns where the door is reached: the address that it listens on,
// or those of the machine's interfaces, without loopback and link-local ones
// unless there are no others. IPv4 comes first.
func (d *Door) addresses() []netip.Addr {
	if !d.listen.IsUnspecified() {
		return []netip.Addr{d.listen}
	}
	var usable, rest []netip.Addr
	all, err := net.InterfaceAddrs()
	if err != nil {
		all = nil
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		ip = ip.Unmap()
		switch {
		case !ok || !d.carries(ip) || ip.IsLinkLocalUnicast():
		case ip.IsLoopback():
			rest = append(rest, ip)
		default:
			usable = append(usable, ip)
		}
	}
	if usable == nil {
		usable = rest
	}
	if usable == nil {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	slices.SortStableFunc(usable, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return usable
}

// towards returns the local address that packets to a peer come from.
func (d *Door) towards(ip netip.Addr) netip.Addr {
	if !d.listen.IsUnspecified() {
		return d.listen
	}
	// Connecting a UDP socket sends nothing; the system chooses the route.
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, Port)))
	if err != nil {
		return d.addresses()[0]
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
