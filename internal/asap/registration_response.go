package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// RegistrationResponse is an ASAP_REGISTRATION_RESPONSE message (RFC 5352,
// Section 2.2.3).
type RegistrationResponse struct {
	Reject  bool
	Handle  rserpool.Handle
	Element rserpool.ElementID
	// Error is why, or without Reject what the registrar has changed. It may be
	// nil.
	Error *rserpool.OperationError
}

// Type returns TypeRegistrationResponse.
func (m *RegistrationResponse) Type() Type { return TypeRegistrationResponse }

func (m *RegistrationResponse) flags() uint8 { return wire.Flag(m.Reject, flagReject) }

func (m *RegistrationResponse) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	b = wire.AppendElementID(b, m.Element)
	return appendError(b, m.Error)
}

func (m *RegistrationResponse) parseBody(c *wire.Cursor, flags uint8) {
	m.Reject = flags&flagReject != 0
	m.Handle = c.Handle()
	m.Element = c.ElementID()
	m.Error = parseError(c)
}

// String returns the message in one line.
func (m *RegistrationResponse) String() string {
	s := fmt.Sprintf("RegistrationResponse %s/%s", m.Handle, m.Element)
	if m.Reject {
		s += " reject"
	}
	return s + formatError(m.Error)
}
