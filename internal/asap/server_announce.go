package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// ServerAnnounce is an ASAP_SERVER_ANNOUNCE message (RFC 5352, Section 2.2.10):
// a registrar says where it is.
type ServerAnnounce struct {
	Sender rserpool.RegistrarID
	// Transports say where to reach the registrar. Without any, it is at the
	// datagram's source.
	Transports []rserpool.Transport
	// UDPPort is behind which UDP port the registrar's SCTP is found, zero
	// where it is not stated. After Parse, the SCTP transports have it too;
	// Append takes it from the first that has one, if it is zero here.
	UDPPort uint16
}

// Type returns TypeServerAnnounce.
func (m *ServerAnnounce) Type() Type { return TypeServerAnnounce }

func (m *ServerAnnounce) flags() uint8 { return 0 }

func (m *ServerAnnounce) appendBody(b []byte) []byte {
	b = wire.AppendUint32(b, uint32(m.Sender))
	udpPort := m.UDPPort
	for i := range m.Transports {
		b = wire.AppendTransport(b, &m.Transports[i])
		if udpPort == 0 && m.Transports[i].Protocol == rserpool.SCTP {
			udpPort = m.Transports[i].UDPPort
		}
	}
	return wire.AppendUDPPort(b, udpPort)
}

func (m *ServerAnnounce) parseBody(c *wire.Cursor, _ uint8) {
	m.Sender = rserpool.RegistrarID(c.Uint32())
	m.Transports = nil
	for c.Next().IsTransport() {
		m.Transports = append(m.Transports, c.Transport())
	}
	m.UDPPort = c.UDPPort()
	for i := range m.Transports {
		if t := &m.Transports[i]; t.Protocol == rserpool.SCTP {
			t.UDPPort = m.UDPPort
		}
	}
}

// String returns the message in one line.
func (m *ServerAnnounce) String() string {
	s := "ServerAnnounce from=" + m.Sender.String()
	for _, t := range m.Transports {
		s += " " + t.String()
	}
	if m.UDPPort != 0 && len(m.Transports) == 0 {
		s += fmt.Sprintf(" udp=%d", m.UDPPort)
	}
	return s
}
