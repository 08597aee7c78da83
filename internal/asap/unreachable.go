package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Unreachable is an ASAP_ENDPOINT_UNREACHABLE message (RFC 5352, Section 2.2.9):
// its sender could not reach the element.
type Unreachable struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID
}

// Type returns TypeUnreachable.
func (m *Unreachable) Type() Type { return TypeUnreachable }

func (m *Unreachable) flags() uint8 { return 0 }

func (m *Unreachable) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	return wire.AppendElementID(b, m.Element)
}

func (m *Unreachable) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	m.Element = c.ElementID()
}

// String returns the message in one line.
func (m *Unreachable) String() string {
	return fmt.Sprintf("Unreachable %s/%s", m.Handle, m.Element)
}
