package udp

import (
	"errors"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errorQueue is room for reading the socket's error queue.
type errorQueue struct {
	data [2048]byte
	oob  [512]byte
}

// tune asks for large buffers and for ICMP errors, and returns how large the
// receive buffer became. Where the system refuses, the door works without.
func (d *Door) tune() int {
	var granted int
	_ = d.raw.Control(func(fd uintptr) {
		s := int(fd)
		for _, o := range []struct{ force, plain int }{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(s, unix.SOL_SOCKET, o.force, d.cfg.SocketBuffer) != nil {
				_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, o.plain, d.cfg.SocketBuffer)
			}
		}
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		if d.six {
			_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		}
		granted, _ = unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return granted
}

// drain reads what ICMP said about packets that were sent.
func (q *errorQueue) drain(d *Door) {
	for {
		n, oob, from, err := 0, 0, unix.Sockaddr(nil), error(nil)
		if cerr := d.raw.Control(func(fd uintptr) {
			n, oob, _, from, err = unix.Recvmsg(int(fd), q.data[:], q.oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		}); cerr != nil || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if err == nil && portUnreachable(q.oob[:oob]) {
			d.refused(q.data[:n], addrPort(from))
		}
	}
}

// portUnreachable reports whether the control messages of an error say that an
// ICMP message came from the far end: nobody listens at the port.
func portUnreachable(oob []byte) bool {
	for len(oob) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return false
		}
		oob = rest
		v4 := h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR
		v6 := h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR
		if (!v4 && !v6) || len(data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&data[0]))
		if (e.Origin == unix.SO_EE_ORIGIN_ICMP || e.Origin == unix.SO_EE_ORIGIN_ICMP6) && syscall.Errno(e.Errno) == unix.ECONNREFUSED {
			return true
		}
	}
	return false
}

func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), uint16(s.Port))
	}
	return netip.AddrPort{}
}
