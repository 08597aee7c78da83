package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Deregistration is an ASAP_DEREGISTRATION message (RFC 5352, Section 2.2.2): an
// element leaves its pool.
type Deregistration struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID
}

// Type returns TypeDeregistration.
func (m *Deregistration) Type() Type { return TypeDeregistration }

func (m *Deregistration) flags() uint8 { return 0 }

func (m *Deregistration) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	return wire.AppendElementID(b, m.Element)
}

func (m *Deregistration) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	m.Element = c.ElementID()
}

// String returns the message in one line.
func (m *Deregistration) String() string {
	return fmt.Sprintf("Deregistration %s/%s", m.Handle, m.Element)
}
