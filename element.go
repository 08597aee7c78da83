package rserpool

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Protocol is the transport protocol of a transport parameter; the values are
// the parameter types of RFC 5354, Section 3.
type Protocol uint16

// The protocols an element may be reached by.
const (
	DCCP    Protocol = 0x0003
	SCTP    Protocol = 0x0004
	TCP     Protocol = 0x0005
	UDP     Protocol = 0x0006
	UDPLite Protocol = 0x0007
	Opaque  Protocol = 0x0010
)

// String returns the protocol in lower case, as in "udp-lite".
func (p Protocol) String() string {
	switch p {
	case DCCP:
		return "dccp"
	case SCTP:
		return "sctp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case UDPLite:
		return "udp-lite"
	case Opaque:
		return "opaque"
	}
	return fmt.Sprintf("protocol-0x%04x", uint16(p))
}

// TransportUse tells whether a transport carries the control channel too.
type TransportUse uint16

// The transport uses of RFC 5354, Section 3.4.
const (
	DataOnly       TransportUse = 0
	DataAndControl TransportUse = 1
)

// DefaultUDPPort is the UDP port of encapsulated SCTP unless a peer states
// another one (RFC 6951, Section 5.1).
const DefaultUDPPort = 9899

// Transport says where and how somebody is reached (RFC 5354, Sections 3.3 to
// 3.7 and 3.16). Do not change Addresses after it was handed on.
type Transport struct {
	Protocol    Protocol
	Use         TransportUse
	Port        uint16
	UDPPort     uint16 // encapsulation port where stated, else 0: native, or DefaultUDPPort
	ServiceCode uint32 // DCCP alone
	Addresses   []netip.Addr
	Opaque      string // Opaque alone
}

// String returns the transport as in "sctp 192.0.2.1,192.0.2.2:5001".
func (t Transport) String() string {
	if t.Protocol == Opaque {
		return fmt.Sprintf("opaque %x", t.Opaque)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s ", t.Protocol)
	for i, a := range t.Addresses {
		if i > 0 {
			b.WriteByte(',')
		}
		if a.Is6() {
			fmt.Fprintf(&b, "[%s]", a)
		} else {
			b.WriteString(a.String())
		}
	}
	fmt.Fprintf(&b, ":%d", t.Port)
	if t.UDPPort != 0 {
		fmt.Fprintf(&b, "@%d", t.UDPPort)
	}
	return b.String()
}

// Element is a Pool Element parameter (RFC 5354, Section 3.10).
type Element struct {
	ID            ElementID
	Home          RegistrarID // zero in a registration
	Life          uint32      // registration life in the unit of the Dialect
	UserTransport Transport
	Policy        Policy
	ASAPTransport *Transport // where registrars reach the element; nil where absent
	Tags          Tags       // private to this module; nil for most
}

// Tags are what an element says of itself beyond the RFCs, for policies to go by:
// values by name, each a string, a float64 or a bool. Do not change them after they
// were handed on.
type Tags map[string]any

// String returns the element as in
// "0x00000017 life=30000 policy=least-used load=0.5 sctp 192.0.2.1:5001".
func (e Element) String() string {
	var b strings.Builder
	b.WriteString(e.ID.String())
	if e.Home != 0 {
		fmt.Fprintf(&b, " home=%s", e.Home)
	}
	fmt.Fprintf(&b, " life=%d policy=%s %s", e.Life, e.Policy, e.UserTransport)
	if e.ASAPTransport != nil {
		fmt.Fprintf(&b, " asap=%s", e.ASAPTransport)
	}
	if len(e.Tags) > 0 {
		fmt.Fprintf(&b, " tags=%s", e.Tags)
	}
	return b.String()
}

// Bounds of tags, so that elements stay small.
const (
	MaxTags      = 32   // of one element
	MaxTagName   = 64   // bytes
	MaxTagString = 256  // bytes of a value
	MaxTagBytes  = 1024 // of all names and values together, with four for each
)

// Check reports why the tags may not be used.
func (t Tags) Check() error {
	if len(t) > MaxTags {
		return fmt.Errorf("%d tags: there may be %d", len(t), MaxTags)
	}
	total := 0
	for name, value := range t {
		total += 4 + len(name) + 8
		if len(name) == 0 || len(name) > MaxTagName {
			return fmt.Errorf("tag %.80q: want a name of 1 to %d bytes", name, MaxTagName)
		}
		switch v := value.(type) {
		case string:
			if total += len(v) - 8; len(v) > MaxTagString {
				return fmt.Errorf("tag %q: %d bytes exceed the %d that a value may have", name, len(v), MaxTagString)
			}
		case float64:
			if v-v != 0 {
				return fmt.Errorf("tag %q: %v is not finite", name, v)
			}
		case bool:
		default:
			return fmt.Errorf("tag %q: a %T can not be a value: want a string, a float64 or a bool", name, value)
		}
	}
	if total > MaxTagBytes {
		return fmt.Errorf("tags of %d bytes: all names and values may have %d", total, MaxTagBytes)
	}
	return nil
}

// String returns the tags in order of their names, as in {region="eu" spot=true}.
func (t Tags) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(t)) {
		if i > 0 {
			b.WriteByte(' ')
		}
		// A name is shown without quotes, but what cannot be printed is escaped.
		b.WriteString(strings.Trim(strconv.Quote(name), `"`))
		if s, ok := t[name].(string); ok {
			fmt.Fprintf(&b, "=%q", s)
		} else {
			fmt.Fprintf(&b, "=%v", t[name])
		}
	}
	return b.String() + "}"
}

// Server is a Server Information parameter (RFC 5354, Section 3.11).
type Server struct {
	ID        RegistrarID
	Transport Transport
}

// String returns the server as in "0x0a000001 sctp 192.0.2.1:9901".
func (s Server) String() string { return s.ID.String() + " " + s.Transport.String() }
