package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Registration is an ASAP_REGISTRATION message (RFC 5352, Section 2.2.1): an
// element enters a pool, or renews its entry.
type Registration struct {
	Handle  rserpool.Handle
	Element rserpool.Element
}

// Type returns TypeRegistration.
func (m *Registration) Type() Type { return TypeRegistration }

func (m *Registration) flags() uint8 { return 0 }

func (m *Registration) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	return wire.AppendElement(b, &m.Element)
}

func (m *Registration) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	m.Element = c.Element()
}

// String returns the message in one line.
func (m *Registration) String() string {
	return fmt.Sprintf("Registration %s/%s", m.Handle, m.Element)
}
