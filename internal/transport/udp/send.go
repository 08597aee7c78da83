package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// send sends a packet. An error says that the system refused it; for most that
// is a loss like any other, and the peer's silence tells.
func (d *Door) send(p []byte, to netip.AddrPort) error {
	d.stats.out.Add(1)
	_, err := d.conn.WriteToUDPAddrPort(p, to)
	if err != nil {
		// It may be about an earlier packet.
		d.failure()
		_, err = d.conn.WriteToUDPAddrPort(p, to)
	}
	return err
}

// failure is told that the socket reported an error. The senders hold locks that
// the handling of errors needs, so that is a goroutine's of its own.
func (d *Door) failure() {
	select {
	case d.failed <- struct{}{}:
	default:
	}
}

// readErrors handles the errors that the system keeps for the socket.
func (d *Door) readErrors() {
	defer d.tasks.Done()
	q := &errorQueue{}
	for {
		select {
		case <-d.failed:
			q.drain(d)
		case <-d.quit:
			return
		}
	}
}

// sendSealed seals a packet and sends it.
func (d *Door) sendSealed(p []byte, to netip.AddrPort) error {
	seal(p)
	return d.send(p, to)
}

// control sends a packet of one chunk.
func (d *Door) control(h header, to netip.AddrPort, kind, flags byte, value ...[]byte) error {
	return d.sendSealed(appendChunk(appendHeader(make([]byte, 0, 64), h), kind, flags, value...), to)
}

// refused is told of a packet of ours that met a closed UDP port. It trusts the
// quotation only as far as it proves to be of one of the associations.
func (d *Door) refused(quoted []byte, to netip.AddrPort) {
	if len(quoted) < headerLen {
		return
	}
	h := header{be.Uint16(quoted), be.Uint16(quoted[2:]), be.Uint32(quoted[4:])}
	d.mu.RLock()
	a := d.byPeer[peerKey{to, h.destination, h.source}]
	d.mu.RUnlock()
	if a == nil {
		return
	}
	tags := a.tags()
	switch {
	case h.tag != 0 && h.tag == tags[1]:
		a.unreachable(len(quoted) > headerLen && quoted[headerLen] == chunkHeartbeat)
	case h.tag == 0 && len(quoted) >= minPacket+4 && quoted[headerLen] == chunkInit && be.Uint32(quoted[minPacket:]) == tags[0]:
		a.unreachable(false)
	}
}

// carries reports whether the door's socket can send to an address.
func (d *Door) carries(ip netip.Addr) bool { return ip.Is4() && d.four || ip.Is6() && d.six }

// listen opens the socket: for both families if no address is given, or for IPv4
// alone where there is no other.
func listen(ip netip.Addr, port int) (*net.UDPConn, error) {
	conn, err := bind(ip, port)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: another process has UDP port %d; choose another, or let the system choose", err, port)
	}
	return conn, err
}

func bind(ip netip.Addr, port int) (*net.UDPConn, error) {
	if ip = ip.Unmap(); ip.IsValid() && ip != netip.IPv6Unspecified() {
		network := "udp4"
		if ip.Is6() {
			network = "udp6"
		}
		return net.ListenUDP(network, &net.UDPAddr{IP: ip.AsSlice(), Port: port, Zone: ip.Zone()})
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	}
	return conn, err
}
