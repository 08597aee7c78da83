package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// KeepAlive is an ASAP_ENDPOINT_KEEP_ALIVE message (RFC 5352, Section 2.2.7).
type KeepAlive struct {
	Home   bool // the sender claims the element as its own
	Sender rserpool.RegistrarID
	Handle rserpool.Handle
	// Element is whom the message is for, zero for all that the receiver has
	// in the pool.
	//
	// Deviation: RFC 5352 has no such parameter, deployed registrars send it;
	// see docs/deviations.md.
	Element rserpool.ElementID
}

// Type returns TypeKeepAlive.
func (m *KeepAlive) Type() Type { return TypeKeepAlive }

func (m *KeepAlive) flags() uint8 { return wire.Flag(m.Home, flagHome) }

func (m *KeepAlive) appendBody(b []byte) []byte {
	b = wire.AppendUint32(b, uint32(m.Sender))
	b = wire.AppendHandle(b, m.Handle)
	if m.Element != 0 {
		b = wire.AppendElementID(b, m.Element)
	}
	return b
}

func (m *KeepAlive) parseBody(c *wire.Cursor, flags uint8) {
	m.Home = flags&flagHome != 0
	m.Sender = rserpool.RegistrarID(c.Uint32())
	m.Handle = c.Handle()
	m.Element = 0
	if c.Next() == wire.ElementIdentifier {
		m.Element = c.ElementID()
	}
}

// String returns the message in one line.
func (m *KeepAlive) String() string {
	s := fmt.Sprintf("KeepAlive %s", m.Handle)
	if m.Element != 0 {
		s += "/" + m.Element.String()
	}
	s += " from=" + m.Sender.String()
	if m.Home {
		s += " home"
	}
	return s
}
