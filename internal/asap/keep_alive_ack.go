package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// KeepAliveAck is an ASAP_ENDPOINT_KEEP_ALIVE_ACK message (RFC 5352, Section
// 2.2.8).
type KeepAliveAck struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID
}

// Type returns TypeKeepAliveAck.
func (m *KeepAliveAck) Type() Type { return TypeKeepAliveAck }

func (m *KeepAliveAck) flags() uint8 { return 0 }

func (m *KeepAliveAck) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	return wire.AppendElementID(b, m.Element)
}

func (m *KeepAliveAck) parseBody(c *wire.Cursor, _ uint8) {
	m.Handle = c.Handle()
	m.Element = c.ElementID()
}

// String returns the message in one line.
func (m *KeepAliveAck) String() string {
	return fmt.Sprintf("KeepAliveAck %s/%s", m.Handle, m.Element)
}
