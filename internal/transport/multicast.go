package transport

import "net/netip"

// Multicast is a way to datagram groups, for announcements. Its methods may be
// called at once.
type Multicast interface {
	// Join opens a group. It fails where the interface or the group's address
	// does not exist.
	Join(cfg GroupConfig) (Group, error)
}

// Group is a group that was joined.
type Group interface {
	// Send sends one datagram to the group and never blocks. What is sent comes
	// back to every receiver of the group, the sender's own among them.
	Send(payload []byte) error
	// Close leaves the group; when it has returned, nothing more is received.
	Close() error
}

// GroupConfig says how a group is joined.
type GroupConfig struct {
	// Group is the multicast address and UDP port. Required.
	Group netip.AddrPort
	// SourcePort is the UDP port that datagrams are sent from; receivers may
	// take it for the port of a service. Several processes of a machine may use
	// the same one. If zero, a free port.
	SourcePort uint16
	// Source is the address that datagrams are sent from; receivers may take it
	// for that of a service. If invalid or of the other family, the system's
	// choice.
	Source netip.Addr
	// Interface is the name of the network interface. If empty, the one that has
	// Source, else the system's choice; and without a Source, who sends from the
	// loopback address is heard as well.
	Interface string
	// TTL is the time to live, the hop limit for IPv6. If zero, 1.
	TTL int
	// Receive hears every datagram, one after another; the payload is its own
	// for the time of the call only. If nil, the group is for sending alone.
	Receive func(from netip.AddrPort, payload []byte)
}
