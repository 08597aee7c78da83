package asap

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// HandleResolutionResponse is an ASAP_HANDLE_RESOLUTION_RESPONSE message (RFC
// 5352, Section 2.2.6): elements in the order in which the policy gave them.
type HandleResolutionResponse struct {
	Accepted bool // the subscription is; further responses follow
	Handle   rserpool.Handle
	// Policy is the pool's. Where the response has none, its type is zero,
	// and round robin applies; deployed users demand one.
	Policy   rserpool.Policy
	Elements []rserpool.Element
	Error    *rserpool.OperationError // present if and only if the response is negative
}

// Type returns TypeHandleResolutionResponse.
func (m *HandleResolutionResponse) Type() Type { return TypeHandleResolutionResponse }

func (m *HandleResolutionResponse) flags() uint8 { return wire.Flag(m.Accepted, flagAccepted) }

func (m *HandleResolutionResponse) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	if m.Policy.Type != 0 {
		b = wire.AppendPolicy(b, &m.Policy)
	}
	for i := range m.Elements {
		b = wire.AppendElement(b, &m.Elements[i])
	}
	return appendError(b, m.Error)
}

func (m *HandleResolutionResponse) parseBody(c *wire.Cursor, flags uint8) {
	m.Accepted = flags&flagAccepted != 0
	m.Handle = c.Handle()
	m.Policy = rserpool.Policy{}
	if c.Next() == wire.SelectionPolicy {
		m.Policy = c.Policy()
	}
	m.Elements = c.Elements()
	m.Error = parseError(c)
}

// String returns the message in one line, with the elements in brackets.
func (m *HandleResolutionResponse) String() string {
	s := fmt.Sprintf("HandleResolutionResponse %s", m.Handle)
	if m.Accepted {
		s += " accepted"
	}
	if m.Policy.Type != 0 {
		s += " policy=" + m.Policy.String()
	}
	return s + formatElements(m.Elements) + formatError(m.Error)
}
