package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Error is an ENRP_ERROR message (RFC 5353, Section 2.10). It is never answered
// with another.
type Error struct {
	Route
	Causes []rserpool.Cause
}

// Type returns TypeError.
func (m *Error) Type() Type { return TypeError }

func (m *Error) flags() uint8 { return 0 }

func (m *Error) appendBody(b []byte) []byte {
	return wire.AppendOperationError(m.Route.append(b), &rserpool.OperationError{Causes: m.Causes})
}

func (m *Error) parseBody(c *wire.Cursor, _ uint8) {
	m.Route = parseRoute(c)
	m.Causes = c.OperationError().Causes
}

// String returns the message in one line.
func (m *Error) String() string {
	return fmt.Sprintf("Error %s: %s", m.Route, &rserpool.OperationError{Causes: m.Causes})
}
