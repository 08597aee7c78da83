// Package machine holds what the protocol roles have in common: the inputs that
// drivers hand to them and the effects that they ask for in return. The roles
// themselves are its subpackages registrar, element and user.
//
// A role is a function of its inputs and of time. It has no socket, no clock, no
// lock and no goroutine; whoever drives it calls it from one place at a time.
package machine

import (
	"net/netip"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Machine is one protocol role without sockets, clocks or goroutines.
type Machine interface {
	// Step handles one input that happened at now and returns what the driver
	// must do, in order. It never blocks. The effects, and the payloads in
	// them, are the driver's until the next Step.
	Step(now time.Time, in Input) []Effect
	// Deadline reports when Step needs a Tick at the latest. The zero time
	// means never.
	Deadline() time.Time
}

// AssociationID names an association; it is the transport's ID.
type AssociationID uint64

// Ticket connects an effect with the input that answers it, or a call of the
// public interface with its answer. A role numbers its own.
type Ticket uint64

// Input is something that happened. Besides those below, each role has its own.
// Inputs are handed in as pointers, so that a driver may use one again.
type Input any

// Received is a message that arrived on an association.
type Received struct {
	Association AssociationID
	PPID        uint32
	Payload     []byte // the machine's until Step returns
}

// Endpoint is one of a role's endpoints, named for its protocol.
type Endpoint uint8

// The endpoints. Elements and users have the first only.
const (
	ASAPEndpoint Endpoint = iota
	ENRPEndpoint
)

// AssociationUp says that an association was established.
type AssociationUp struct {
	Association AssociationID
	Endpoint    Endpoint
	Ticket      Ticket // of the Associate that asked for it, zero if the peer did
	Local       transport.Address
	Remote      transport.Address
	Peer        *transport.Identity // who the peer has proved to be, nil where it has not
}

// AssociationFailed says that an Associate came to nothing.
type AssociationFailed struct {
	Ticket Ticket
	Reason string
}

// AssociationLost says that an association is gone, in order or not.
type AssociationLost struct {
	Association AssociationID
	Orderly     bool // shut down rather than lost
	Aborted     bool // by the peer, which is therefore alive
	Restarted   bool // the peer lost its memory; the association itself goes on
	Reason      string
}

// SendFailed says that a Send was refused: the association's buffer is full, or
// it is gone already.
type SendFailed struct {
	Association AssociationID
	Full        bool
}

// Writable says that an association whose Send was refused as full takes
// messages again.
type Writable struct{ Association AssociationID }

// Heard is a datagram that arrived on a multicast group.
type Heard struct {
	Group   Group
	From    netip.AddrPort
	Payload []byte // the machine's until Step returns
}

// Tick says that time has passed; see Machine.Deadline.
type Tick struct{}

// Effect is something that the driver must do. Besides those below, each role
// has its own. A role that hands effects out as pointers, to use them again,
// says so.
type Effect any

// Send asks for a message to be sent.
type Send struct {
	Association AssociationID
	PPID        uint32
	Payload     []byte
}

// Associate asks for an association; AssociationUp or AssociationFailed answers.
type Associate struct {
	Ticket   Ticket
	Endpoint Endpoint
	To       transport.Address
}

// Shutdown asks for an association to be closed in order.
type Shutdown struct{ Association AssociationID }

// Abort asks for an association to be closed at once.
type Abort struct {
	Association AssociationID
	Reason      string
}

// Group is a multicast group, named for its protocol.
type Group uint8

// The multicast groups.
const (
	ASAPGroup Group = iota // server announcements (RFC 5352, Section 3.6)
	ENRPGroup              // presences of deployed registrars
)

// Announce asks for a datagram to be multicast.
type Announce struct {
	Group   Group
	Payload []byte
}
