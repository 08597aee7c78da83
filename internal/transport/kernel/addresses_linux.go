//go:build !386

package kernel

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"
)

// sctpAddr returns addresses as the library takes them.
func sctpAddr(ips []netip.Addr, port uint16) *sctp.SCTPAddr {
	a := &sctp.SCTPAddr{Port: int(port)}
	for _, ip := range ips {
		a.IPAddrs = append(a.IPAddrs, net.IPAddr{IP: ip.AsSlice(), Zone: ip.Zone()})
	}
	return a
}

// getAddresses asks for the addresses of one end of an association, or of the
// endpoint if association is zero. The bytes begin with the first one.
func getAddresses(fd int, option int, association int32) (ips []netip.Addr, port uint16, b []byte, err error) {
	value := make([]byte, 4096)
	native.PutUint32(value, uint32(association))
	// The length that comes back is that of all or of the addresses alone.
	if _, err := getOption(fd, option, value); err != nil {
		return nil, 0, nil, err
	}
	b = value[8:]
	ips, port, err = parseAddresses(b, int(native.Uint32(value[4:])))
	return ips, port, b, err
}

// parseAddresses reads n socket addresses of either family, which lie side by
// side.
func parseAddresses(b []byte, n int) (ips []netip.Addr, port uint16, err error) {
	for range n { // of b: what n claims more fails
		if len(b) < unix.SizeofSockaddrInet4 {
			return nil, 0, errAddress
		}
		port = binary.BigEndian.Uint16(b[2:])
		switch native.Uint16(b) {
		case unix.AF_INET:
			ips = append(ips, netip.AddrFrom4([4]byte(b[4:])))
			b = b[unix.SizeofSockaddrInet4:]
		case unix.AF_INET6:
			if len(b) < unix.SizeofSockaddrInet6 {
				return nil, 0, errAddress
			}
			ip := netip.AddrFrom16([16]byte(b[8:])).Unmap()
			if scope := native.Uint32(b[24:]); scope != 0 && ip.IsLinkLocalUnicast() {
				if i, err := net.InterfaceByIndex(int(scope)); err == nil {
					ip = ip.WithZone(i.Name)
				}
			}
			ips = append(ips, ip)
			b = b[unix.SizeofSockaddrInet6:]
		default:
			return nil, 0, errAddress
		}
	}
	return ips, port, nil
}

// presentable returns the addresses that others can use: without loopback and
// link-local ones unless there are no others, IPv4 first.
func presentable(ips []netip.Addr) []netip.Addr {
	usable := slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return ip.IsLoopback() || ip.IsLinkLocalUnicast() })
	if len(usable) == 0 {
		usable = slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return ip.IsLinkLocalUnicast() })
	}
	slices.SortStableFunc(usable, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return slices.Compact(usable)
}
