package enrp

import (
	"fmt"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// ListResponse is an ENRP_LIST_RESPONSE message (RFC 5353, Section 2.6): the
// sender's peers.
type ListResponse struct {
	Route
	Reject  bool
	Servers []rserpool.Server
}

// Type returns TypeListResponse.
func (m *ListResponse) Type() Type { return TypeListResponse }

func (m *ListResponse) flags() uint8 { return wire.Flag(m.Reject, flagReject) }

func (m *ListResponse) appendBody(b []byte) []byte {
	b = m.Route.append(b)
	for i := range m.Servers {
		b = wire.AppendServer(b, &m.Servers[i])
	}
	return b
}

func (m *ListResponse) parseBody(c *wire.Cursor, flags uint8) {
	m.Reject = flags&flagReject != 0
	m.Route = parseRoute(c)
	m.Servers = nil
	for c.Next() == wire.ServerInformation {
		m.Servers = append(m.Servers, c.Server())
	}
}

// String returns the message in one line, with the servers in brackets.
func (m *ListResponse) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ListResponse %s", m.Route)
	if m.Reject {
		b.WriteString(" reject")
	}
	for _, s := range m.Servers {
		fmt.Fprintf(&b, " [%s]", s)
	}
	return b.String()
}
