package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// DeregistrationResponse is an ASAP_DEREGISTRATION_RESPONSE message (RFC 5352,
// Section 2.2.4). It also comes unasked when a registration expires.
type DeregistrationResponse struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID
	Error   *rserpool.OperationError // why it was rejected, nil if it was not
}

// Type returns TypeDeregistrationResponse.
func (m *DeregistrationResponse) Type() Type { return TypeDeregistrationResponse }

func (m *DeregistrationResponse) flags() uint8 { return 0 }

func (m *DeregistrationResponse) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	b = wire.AppendElementID(b, m.Element)
	return appendError(b, m.Error)
}

func (m *DeregistrationResponse) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	m.Element = c.ElementID()
	m.Error = parseError(c)
}

// String returns the message in one line.
func (m *DeregistrationResponse) String() string {
	return fmt.Sprintf("DeregistrationResponse %s/%s", m.Handle, m.Element) + formatError(m.Error)
}
