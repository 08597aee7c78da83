package enrp

import (
	"fmt"

	"github.com/rspool/rspool/internal/wire"
)

// ListRequest is an ENRP_LIST_REQUEST message (RFC 5353, Section 2.5): who else
// is a registrar?
type ListRequest struct {
	Route
}

// Type returns TypeListRequest.
func (m *ListRequest) Type() Type { return TypeListRequest }

func (m *ListRequest) flags() uint8 { return 0 }

func (m *ListRequest) appendBody(b []byte) []byte { return m.Route.append(b) }

func (m *ListRequest) parseBody(c *wire.Cursor, _ uint8) { m.Route = parseRoute(c) }

// String returns the message in one line.
func (m *ListRequest) String() string { return fmt.Sprintf("ListRequest %s", m.Route) }
