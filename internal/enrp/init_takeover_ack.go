package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// InitTakeoverAck is an ENRP_INIT_TAKEOVER_ACK message (RFC 5353, Section 2.8): the
// sender agrees that the receiver takes over the target's elements.
type InitTakeoverAck struct {
	Route
	Target rserpool.RegistrarID
}

// Type returns TypeInitTakeoverAck.
func (m *InitTakeoverAck) Type() Type { return TypeInitTakeoverAck }

func (m *InitTakeoverAck) flags() uint8 { return 0 }

func (m *InitTakeoverAck) appendBody(b []byte) []byte {
	return wire.AppendUint32(m.Route.append(b), uint32(m.Target))
}

func (m *InitTakeoverAck) parseBody(c *wire.Cursor, _ uint8) {
	m.Route = parseRoute(c)
	m.Target = rserpool.RegistrarID(c.Uint32())
}

// String returns the message in one line.
func (m *InitTakeoverAck) String() string {
	return fmt.Sprintf("InitTakeoverAck %s target=%s", m.Route, m.Target)
}
