package asap

import (
	"fmt"

	"github.com/rspool/rspool/internal/wire"
)

// Cookie is an ASAP_COOKIE message (RFC 5352, Section 2.2.11): an element gives its user the
// state of their session to keep.
type Cookie struct {
	Cookie []byte
}

// Type returns TypeCookie.
func (m *Cookie) Type() Type { return TypeCookie }

func (m *Cookie) flags() uint8 { return 0 }

func (m *Cookie) appendBody(b []byte) []byte { return wire.AppendCookie(b, m.Cookie) }

func (m *Cookie) parseBody(c *wire.Cursor, _ uint8) { m.Cookie = c.Cookie() }

// String returns the message in one line, without the cookie itself.
func (m *Cookie) String() string { return fmt.Sprintf("Cookie %d bytes", len(m.Cookie)) }
