package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Presence is an ENRP_PRESENCE message (RFC 5353, Section 2.1): a registrar is
// alive, and says what it owns.
type Presence struct {
	Route
	ReplyRequired bool
	// Checksum is the PE checksum of the elements that the sender owns.
	Checksum uint16
	// Server is where the sender is reached; nil if it does not say.
	Server *rserpool.Server
}

// Type returns TypePresence.
func (m *Presence) Type() Type { return TypePresence }

func (m *Presence) flags() uint8 { return wire.Flag(m.ReplyRequired, flagReplyRequired) }

func (m *Presence) appendBody(b []byte) []byte {
	b = m.Route.append(b)
	b = wire.AppendChecksum(b, m.Checksum)
	if m.Server != nil {
		b = wire.AppendServer(b, m.Server)
	}
	return b
}

func (m *Presence) parseBody(c *wire.Cursor, flags uint8) {
	m.ReplyRequired = flags&flagReplyRequired != 0
	m.Route = parseRoute(c)
	m.Checksum = c.Checksum()
	m.Server = nil
	if c.Next() == wire.ServerInformation {
		s := c.Server()
		m.Server = &s
	}
}

// String returns the message in one line.
func (m *Presence) String() string {
	s := fmt.Sprintf("Presence %s checksum=0x%04x", m.Route, m.Checksum)
	if m.ReplyRequired {
		s += " reply-required"
	}
	if m.Server != nil {
		s += fmt.Sprintf(" [%s]", m.Server)
	}
	return s
}
