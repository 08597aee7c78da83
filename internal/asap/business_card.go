package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// BusinessCard is an ASAP_BUSINESS_CARD message (RFC 5352, Section 2.2.13): an
// element names its pool and whom to fail over to, the best first.
type BusinessCard struct {
	Handle   rserpool.Handle
	Elements []rserpool.Element
}

// Type returns TypeBusinessCard.
func (m *BusinessCard) Type() Type { return TypeBusinessCard }

func (m *BusinessCard) flags() uint8 { return 0 }

func (m *BusinessCard) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	for i := range m.Elements {
		b = wire.AppendElement(b, &m.Elements[i])
	}
	return b
}

func (m *BusinessCard) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	if c.Next() == wire.SelectionPolicy {
		c.Policy() // one deployed writer puts the pool's policy here; the RFC does not
	}
	m.Elements = c.Elements()
}

// String returns the message in one line, with the elements in brackets.
func (m *BusinessCard) String() string {
	return fmt.Sprintf("BusinessCard %s", m.Handle) + formatElements(m.Elements)
}
