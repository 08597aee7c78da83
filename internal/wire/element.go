package wire

import rserpool "github.com/rspool/rspool"

// Element reads a Pool Element parameter (RFC 5354, Section 3.10).
func (c *Cursor) Element() rserpool.Element {
	f := c.enter(PoolElement)
	var e rserpool.Element
	e.ID = rserpool.ElementID(c.Uint32())
	e.Home = rserpool.RegistrarID(c.Uint32())
	e.Life = c.Uint32()
	e.UserTransport = c.Transport()
	e.Policy = c.Policy()
	if c.Next() == SCTPTransport {
		t := c.Transport()
		e.ASAPTransport = &t
	}
	user, asap := c.udpPorts()
	e.UserTransport.UDPPort = user
	if e.ASAPTransport != nil {
		e.ASAPTransport.UDPPort = asap
	}
	e.Tags = c.Tags()
	c.leave(f)
	return e
}

// AppendElement writes a Pool Element parameter.
func AppendElement(b []byte, e *rserpool.Element) []byte {
	b, start := begin(b, PoolElement)
	b = AppendUint32(b, uint32(e.ID))
	b = AppendUint32(b, uint32(e.Home))
	b = AppendUint32(b, e.Life)
	b = AppendTransport(b, &e.UserTransport)
	b = AppendPolicy(b, &e.Policy)
	var asap uint16
	if e.ASAPTransport != nil {
		b = AppendTransport(b, e.ASAPTransport)
		asap = e.ASAPTransport.UDPPort
	}
	b = appendUDPPorts(b, e.UserTransport.UDPPort, asap)
	b = AppendTags(b, e.Tags)
	return finish(b, start)
}

// Elements reads Pool Element parameters as long as they follow one another.
func (c *Cursor) Elements() []rserpool.Element {
	if c.Next() != PoolElement {
		return nil
	}
	const shortest = 28 // with an empty opaque transport and round robin
	list := make([]rserpool.Element, 0, min((c.end-c.off)/c.paramLen(), (c.end-c.off)/shortest))
	for c.Next() == PoolElement {
		list = append(list, c.Element())
	}
	return list
}

// Server reads a Server Information parameter (RFC 5354, Section 3.11).
func (c *Cursor) Server() rserpool.Server {
	f := c.enter(ServerInformation)
	var s rserpool.Server
	s.ID = rserpool.RegistrarID(c.Uint32())
	s.Transport = c.Transport()
	s.Transport.UDPPort, _ = c.udpPorts()
	c.leave(f)
	return s
}

// AppendServer writes a Server Information parameter.
func AppendServer(b []byte, s *rserpool.Server) []byte {
	b, start := begin(b, ServerInformation)
	b = AppendUint32(b, uint32(s.ID))
	b = AppendTransport(b, &s.Transport)
	b = appendUDPPorts(b, s.Transport.UDPPort, 0)
	return finish(b, start)
}

// UDPPort reads a UDP Encapsulation parameter, if one follows, that states the
// UDP port of one endpoint.
func (c *Cursor) UDPPort() uint16 {
	port, _ := c.udpPorts()
	return port
}

// AppendUDPPort writes a UDP Encapsulation parameter if the port is not zero.
func AppendUDPPort(b []byte, port uint16) []byte { return appendUDPPorts(b, port, 0) }

// udpPorts reads the UDP Encapsulation parameter, if one follows: the UDP ports
// of the first transport and of the ASAP transport, zero where none is stated.
func (c *Cursor) udpPorts() (first, asap uint16) {
	if c.Next() != UDPEncapsulation {
		return 0, 0
	}
	f := c.enterFixed(UDPEncapsulation, 4)
	first, asap = c.Uint16(), c.Uint16()
	c.leave(f)
	return first, asap
}

func appendUDPPorts(b []byte, first, asap uint16) []byte {
	if first == 0 && asap == 0 {
		return b
	}
	b, start := begin(b, UDPEncapsulation)
	return finish(AppendUint16(AppendUint16(b, first), asap), start)
}
