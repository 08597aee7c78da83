// Package local says by which IP addresses a machine is reached.
//
// It sends nothing, and does not know what firewalls let through.
package local

import (
	"net"
	"net/netip"
	"slices"
)

// Addresses returns where a socket is reached that is bound to ip: there, or,
// where that is invalid or unspecified, at the addresses of the machine's
// interfaces that carries accepts, without loopback and link-local ones unless
// there are no others. IPv4 comes first. There is at least one.
func Addresses(ip netip.Addr, carries func(netip.Addr) bool) []netip.Addr {
	if ip.IsValid() && !ip.IsUnspecified() {
		return []netip.Addr{ip}
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
		case !ok || !carries(ip) || ip.IsLinkLocalUnicast():
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
