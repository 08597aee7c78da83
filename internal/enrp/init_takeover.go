package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// InitTakeover is an ENRP_INIT_TAKEOVER message (RFC 5353, Section 2.7): the sender
// means to take over the target's elements.
type InitTakeover struct {
	Route
	Target rserpool.RegistrarID
}

// Type returns TypeInitTakeover.
func (m *InitTakeover) Type() Type { return TypeInitTakeover }

func (m *InitTakeover) flags() uint8 { return 0 }

func (m *InitTakeover) appendBody(b []byte) []byte {
	return wire.AppendUint32(m.Route.append(b), uint32(m.Target))
}

func (m *InitTakeover) parseBody(c *wire.Cursor, _ uint8) {
	m.Route = parseRoute(c)
	m.Target = rserpool.RegistrarID(c.Uint32())
}

// String returns the message in one line.
func (m *InitTakeover) String() string {
	return fmt.Sprintf("InitTakeover %s target=%s", m.Route, m.Target)
}
