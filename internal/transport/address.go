package transport

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// String returns the address as ParseAddress reads it.
func (a Address) String() string {
	var b strings.Builder
	if a.Via != SCTP {
		b.WriteString(a.Via.String() + "://")
	}
	for i, ip := range a.IPs {
		if i > 0 {
			b.WriteByte(',')
		}
		if ip.Is6() {
			fmt.Fprintf(&b, "[%s]", ip)
		} else {
			b.WriteString(ip.String())
		}
	}
	fmt.Fprintf(&b, ":%d", a.Port)
	if a.UDPPort != 0 {
		fmt.Fprintf(&b, "@%d", a.UDPPort)
	}
	return b.String()
}

// ParseAddress reads IP[,IP...]:PORT[@UDPPORT]: the SCTP port, and after the @
// the UDP port that encapsulates it where that is not 9899. IPv6 addresses stand
// in brackets. In front may be what carries the associations, if not SCTP.
//
//	192.0.2.1:3863
//	127.0.0.1:3863@40001
//	192.0.2.1,[2001:db8::1]:3863
//	tcp://192.0.2.1:3863
//	tls://192.0.2.1:3864
func ParseAddress(s string) (Address, error) {
	var a Address
	bad := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("address %q: %s; want IP:PORT or IP:PORT@UDPPORT, as in 127.0.0.1:3863@9899", s, why)
	}
	via, rest, err := CutVia(s)
	if err != nil {
		return bad(err.Error())
	}
	a.Via = via
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		if a.Via != SCTP {
			return bad("only SCTP has a UDP port, after @")
		}
		p, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if err != nil || p == 0 {
			return bad("the UDP port after @ is not a number from 1 to 65535")
		}
		a.UDPPort, rest = uint16(p), rest[:i]
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 || strings.HasSuffix(rest[:i], ":") {
		return bad("the port is missing")
	}
	p, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil {
		return bad("the port is not a number from 0 to 65535")
	}
	a.Port = uint16(p)
	for _, h := range strings.Split(rest[:i], ",") {
		open, closed := strings.HasPrefix(h, "["), strings.HasSuffix(h, "]")
		if open != closed || !open && strings.Contains(h, ":") {
			return bad(fmt.Sprintf("%q needs brackets around an IPv6 address", h))
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(h, "["), "]")
		ip, err := netip.ParseAddr(inner)
		if err != nil {
			return bad(fmt.Sprintf("%q is not an IP address", h))
		}
		a.IPs = append(a.IPs, ip.Unmap())
	}
	return a, nil
}

// CutVia splits what carries the associations from the rest of an address.
func CutVia(s string) (Via, string, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return SCTP, s, nil
	}
	for v := SCTP; v <= Stream; v++ {
		if scheme == v.String() {
			return v, rest, nil
		}
	}
	return SCTP, s, fmt.Errorf("%q is none of sctp, tcp and tls", scheme)
}
