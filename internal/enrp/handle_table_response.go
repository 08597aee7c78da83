package enrp

import (
	"fmt"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// HandleTableResponse is an ENRP_HANDLE_TABLE_RESPONSE message (RFC 5353,
// Section 2.3): a part of the handlespace.
type HandleTableResponse struct {
	Route
	Reject bool
	More   bool // another request gets the next part
	Pools  []Pool
}

// Pool is some or all of a pool's elements.
type Pool struct {
	Handle   rserpool.Handle
	Elements []rserpool.Element
}

// Type returns TypeHandleTableResponse.
func (m *HandleTableResponse) Type() Type { return TypeHandleTableResponse }

func (m *HandleTableResponse) flags() uint8 {
	return wire.Flag(m.Reject, flagReject) | wire.Flag(m.More, flagMore)
}

func (m *HandleTableResponse) appendBody(b []byte) []byte {
	b = m.Route.append(b)
	for _, p := range m.Pools {
		b = wire.AppendHandle(b, p.Handle)
		for i := range p.Elements {
			b = wire.AppendElement(b, &p.Elements[i])
		}
	}
	return b
}

func (m *HandleTableResponse) parseBody(c *wire.Cursor, flags uint8) {
	m.Reject = flags&flagReject != 0
	m.More = flags&flagMore != 0
	m.Route = parseRoute(c)
	m.Pools = nil
	for c.Next() == wire.PoolHandle {
		m.Pools = append(m.Pools, Pool{Handle: c.Handle(), Elements: c.Elements()})
	}
}

// String returns the message in one line, with the pools in brackets.
func (m *HandleTableResponse) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HandleTableResponse %s", m.Route)
	if m.Reject {
		b.WriteString(" reject")
	}
	if m.More {
		b.WriteString(" more")
	}
	for _, p := range m.Pools {
		for _, e := range p.Elements {
			fmt.Fprintf(&b, " [%s/%s]", p.Handle, e)
		}
	}
	return b.String()
}
