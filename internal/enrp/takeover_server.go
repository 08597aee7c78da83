package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// TakeoverServer is an ENRP_TAKEOVER_SERVER message (RFC 5353, Section 2.9): the
// sender has taken over the target's elements.
type TakeoverServer struct {
	Route
	Target rserpool.RegistrarID
}

// Type returns TypeTakeoverServer.
func (m *TakeoverServer) Type() Type { return TypeTakeoverServer }

func (m *TakeoverServer) flags() uint8 { return 0 }

func (m *TakeoverServer) appendBody(b []byte) []byte {
	return wire.AppendUint32(m.Route.append(b), uint32(m.Target))
}

func (m *TakeoverServer) parseBody(c *wire.Cursor, _ uint8) {
	m.Route = parseRoute(c)
	m.Target = rserpool.RegistrarID(c.Uint32())
}

// String returns the message in one line.
func (m *TakeoverServer) String() string {
	return fmt.Sprintf("TakeoverServer %s target=%s", m.Route, m.Target)
}
