package enrp

import (
	"fmt"

	"github.com/rspool/rspool/internal/wire"
)

// HandleTableRequest is an ENRP_HANDLE_TABLE_REQUEST message (RFC 5353, Section
// 2.2): it asks for the handlespace, part by part.
type HandleTableRequest struct {
	Route
	OwnChildren bool // only the elements that the receiver owns
}

// Type returns TypeHandleTableRequest.
func (m *HandleTableRequest) Type() Type { return TypeHandleTableRequest }

func (m *HandleTableRequest) flags() uint8 { return wire.Flag(m.OwnChildren, flagOwnChildren) }

func (m *HandleTableRequest) appendBody(b []byte) []byte { return m.Route.append(b) }

func (m *HandleTableRequest) parseBody(c *wire.Cursor, flags uint8) {
	m.OwnChildren = flags&flagOwnChildren != 0
	m.Route = parseRoute(c)
}

// String returns the message in one line.
func (m *HandleTableRequest) String() string {
	s := fmt.Sprintf("HandleTableRequest %s", m.Route)
	if m.OwnChildren {
		s += " own"
	}
	return s
}
