package asap

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Error is an ASAP_ERROR message (RFC 5352, Section 2.2.14). It is never
// answered with another.
type Error struct {
	Causes []rserpool.Cause
}

// Type returns TypeError.
func (m *Error) Type() Type { return TypeError }

func (m *Error) flags() uint8 { return 0 }

func (m *Error) appendBody(b []byte) []byte {
	return wire.AppendOperationError(b, &rserpool.OperationError{Causes: m.Causes})
}

func (m *Error) parseBody(c *wire.Cursor, _ uint8) { m.Causes = c.OperationError().Causes }

// String returns the message in one line.
func (m *Error) String() string {
	return "Error: " + (&rserpool.OperationError{Causes: m.Causes}).Error()
}

// parseError reads an Operation Error parameter if there is one.
func parseError(c *wire.Cursor) *rserpool.OperationError {
	if c.Next() != wire.OperationError {
		return nil
	}
	return c.OperationError()
}

// appendError writes an Operation Error parameter if there is one.
func appendError(b []byte, e *rserpool.OperationError) []byte {
	if e == nil {
		return b
	}
	return wire.AppendOperationError(b, e)
}

// formatError returns the tail of a line.
func formatError(e *rserpool.OperationError) string {
	if e == nil {
		return ""
	}
	return ": " + e.Error()
}
