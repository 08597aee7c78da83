package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// HandleUpdate is an ENRP_HANDLE_UPDATE message (RFC 5353, Section 2.4): an
// element came, changed or went.
type HandleUpdate struct {
	Route
	// TakeoverSuggested asks the receiver to become the element's home
	// (draft-dreibholz-rserpool-enrp-takeover, Section 2.1).
	TakeoverSuggested bool
	Action            Action
	Handle            rserpool.Handle
	Element           rserpool.Element
}

// Action is what a HandleUpdate says of its element.
type Action uint16

// The actions; others are reserved.
const (
	AddElement    Action = 0x0000 // ADD_PE: it is new or has changed
	DeleteElement Action = 0x0001 // DEL_PE
)

// String returns "add", "delete" or the number.
func (a Action) String() string {
	switch a {
	case AddElement:
		return "add"
	case DeleteElement:
		return "delete"
	}
	return fmt.Sprintf("action-0x%04x", uint16(a))
}

// Type returns TypeHandleUpdate.
func (m *HandleUpdate) Type() Type { return TypeHandleUpdate }

func (m *HandleUpdate) flags() uint8 { return wire.Flag(m.TakeoverSuggested, flagTakeoverSuggested) }

func (m *HandleUpdate) appendBody(b []byte) []byte {
	b = m.Route.append(b)
	b = wire.AppendUint16(b, uint16(m.Action))
	b = wire.AppendUint16(b, 0)
	b = wire.AppendHandle(b, m.Handle)
	return wire.AppendElement(b, &m.Element)
}

func (m *HandleUpdate) parseBody(c *wire.Cursor, flags uint8) {
	m.TakeoverSuggested = flags&flagTakeoverSuggested != 0
	m.Route = parseRoute(c)
	m.Action = Action(c.Uint16())
	c.Uint16() // reserved
	m.Handle = c.Handle()
	m.Element = c.Element()
}

// String returns the message in one line.
func (m *HandleUpdate) String() string {
	s := fmt.Sprintf("HandleUpdate %s %s %s/%s", m.Route, m.Action, m.Handle, m.Element)
	if m.TakeoverSuggested {
		s += " takeover-suggested"
	}
	return s
}
