package wire

import (
	"net/netip"

	rserpool "github.com/rspool/rspool"
)

// Transport reads a transport parameter (RFC 5354, Sections 3.3 to 3.7 and 3.16).
func (c *Cursor) Transport() rserpool.Transport {
	kind := c.Next()
	if !kind.IsTransport() {
		kind = SCTPTransport // which enter finds missing
	}
	f := c.enter(kind)
	t := rserpool.Transport{Protocol: rserpool.Protocol(kind)}
	if kind == OpaqueTransport {
		t.Opaque = string(c.rest())
		c.leave(f)
		return t
	}
	t.Port = c.Uint16()
	switch word := c.Uint16(); kind {
	case SCTPTransport, TCPTransport:
		// Deviation: RFC 5354, Section 3.5 reserves the word of TCP; deployed
		// peers state the transport use there, as for SCTP.
		t.Use = rserpool.TransportUse(word)
	case DCCPTransport:
		t.ServiceCode = c.Uint32()
	}
	t.Addresses = c.addresses()
	c.leave(f)
	return t
}

// AppendTransport writes a transport parameter. Its UDP port is not part of it,
// but of what contains it.
func AppendTransport(b []byte, t *rserpool.Transport) []byte {
	b, start := begin(b, ParameterType(t.Protocol))
	if t.Protocol == rserpool.Opaque {
		return finish(append(b, t.Opaque...), start)
	}
	b = AppendUint16(b, t.Port)
	switch t.Protocol {
	case rserpool.SCTP, rserpool.TCP:
		b = AppendUint16(b, uint16(t.Use))
	case rserpool.DCCP:
		b = AppendUint32(AppendUint16(b, 0), t.ServiceCode)
	default:
		b = AppendUint16(b, 0)
	}
	for _, a := range t.Addresses {
		b = appendAddress(b, a)
	}
	return finish(b, start)
}

// addresses reads one or more Address parameters. Only SCTP may have several by
// the RFC; as they mean the same with the other protocols, they are accepted there.
func (c *Cursor) addresses() []netip.Addr {
	const shortest = 8
	list := make([]netip.Addr, 0, (c.end-c.off)/shortest)
	list = append(list, c.address())
	for t := c.Next(); t == IPv4Address || t == IPv6Address; t = c.Next() {
		list = append(list, c.address())
	}
	return list
}

// address reads an IPv4 or IPv6 Address parameter (RFC 5354, Sections 3.1 and
// 3.2). An IPv4 address written as IPv6 becomes what it is.
func (c *Cursor) address() netip.Addr {
	kind, n := IPv4Address, 4
	if c.Next() == IPv6Address {
		kind, n = IPv6Address, 16
	}
	f := c.enterFixed(kind, n)
	a, _ := netip.AddrFromSlice(c.rest())
	c.leave(f)
	return a.Unmap()
}

// appendAddress writes an address; the zero netip.Addr writes nothing.
func appendAddress(b []byte, a netip.Addr) []byte {
	switch a = a.Unmap(); {
	case a.Is4():
		b, start := begin(b, IPv4Address)
		v := a.As4()
		return finish(append(b, v[:]...), start)
	case a.Is6():
		b, start := begin(b, IPv6Address)
		v := a.As16()
		return finish(append(b, v[:]...), start)
	}
	return b
}
