package asap

import (
	"fmt"

	"github.com/rspool/rspool/internal/wire"
)

// CookieEcho is an ASAP_COOKIE_ECHO message (RFC 5352, Section 2.2.12): a user gives the newest
// cookie of a failed session to another element.
type CookieEcho struct {
	Cookie []byte
}

// Type returns TypeCookieEcho.
func (m *CookieEcho) Type() Type { return TypeCookieEcho }

func (m *CookieEcho) flags() uint8 { return 0 }

func (m *CookieEcho) appendBody(b []byte) []byte { return wire.AppendCookie(b, m.Cookie) }

func (m *CookieEcho) parseBody(c *wire.Cursor, _ uint8) { m.Cookie = c.Cookie() }

// String returns the message in one line, without the cookie itself.
func (m *CookieEcho) String() string { return fmt.Sprintf("CookieEcho %d bytes", len(m.Cookie)) }
