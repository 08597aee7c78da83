package asap

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// HandleResolution is an ASAP_HANDLE_RESOLUTION message (RFC 5352, Section
// 2.2.5): who serves this pool?
type HandleResolution struct {
	Subscribe bool // send further responses when the pool changes
	Handle    rserpool.Handle
	// Items is the number of elements wanted: zero for what the registrar
	// chooses, wire.AllItems for as many as it would give
	// (draft-dreibholz-rserpool-asap-hropt).
	Items uint32
	// Attributes are what the user says of its request; private to this module, nil
	// for most.
	Attributes map[string]string
}

// Type returns TypeHandleResolution.
func (m *HandleResolution) Type() Type { return TypeHandleResolution }

func (m *HandleResolution) flags() uint8 { return wire.Flag(m.Subscribe, flagSubscribe) }

func (m *HandleResolution) appendBody(b []byte) []byte {
	b = wire.AppendHandle(b, m.Handle)
	if m.Items != 0 {
		b = wire.AppendItems(b, m.Items)
	}
	return wire.AppendAttributes(b, m.Attributes)
}

func (m *HandleResolution) parseBody(c *wire.Cursor, flags uint8) {
	m.Subscribe = flags&flagSubscribe != 0
	m.Handle = c.Handle()
	m.Items = 0
	if c.Next() == wire.HandleResolution {
		m.Items = c.Items()
	}
	m.Attributes = c.Attributes()
}

// String returns the message in one line.
func (m *HandleResolution) String() string {
	s := fmt.Sprintf("HandleResolution %s", m.Handle)
	if m.Subscribe {
		s += " subscribe"
	}
	switch m.Items {
	case 0:
	case wire.AllItems:
		s += " items=all"
	default:
		s += fmt.Sprintf(" items=%d", m.Items)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		s += fmt.Sprintf(" %s=%q", strings.Trim(strconv.Quote(name), `"`), m.Attributes[name])
	}
	return s
}
