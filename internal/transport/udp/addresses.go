package udp

import (
	"net"
	"net/netip"

	"github.com/rspool/rspool/internal/transport/local"
)

// addresses returns where the door is reached.
func (d *Door) addresses() []netip.Addr { return local.Addresses(d.listen, d.carries) }

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
