// Package transport says what an association is: a message-oriented, reliable
// connection between two endpoints, as SCTP has it. Its subpackages are the
// doors through which associations go.
//
// It opens no socket itself and knows nothing of ASAP or ENRP.
package transport

import (
	"errors"
	"net/netip"
	"time"
)

// Message is one SCTP user message.
type Message struct {
	PPID      uint32
	Stream    uint16
	Unordered bool
	Payload   []byte
}

// EventKind tells what happened to an association.
type EventKind uint8

// The kinds of events. After Lost or Closed nothing more is heard of the
// association.
const (
	Up        EventKind = iota // established, dialled or accepted
	Restarted                  // the peer came back with no memory of it
	Lost                       // the peer is dead, unreachable or has aborted
	Closed                     // shut down in order, by either side
)

// String returns the kind in lower case.
func (k EventKind) String() string { return [...]string{"up", "restarted", "lost", "closed"}[k] }

// Handler hears what happens at an endpoint. Calls for one association come one
// after another and in order, Up first; calls for different associations may
// come at once. A handler must not block: a slow one holds up its association,
// which fills the peer's window and so slows the sender.
//
// A door never calls a handler from inside a call of its own methods, so that a
// caller may hold a lock that its handler takes too; only Close waits for
// handlers and needs the lock to be free.
type Handler interface {
	// Event reports a change. err says why for Lost and is nil for the others.
	Event(a Association, kind EventKind, err error)
	// Message delivers a message. The payload is the handler's for the time
	// of the call only.
	Message(a Association, m Message)
}

// The errors that callers branch on.
var (
	// ErrBackpressure: the association's send buffer is full; nothing was sent.
	ErrBackpressure = errors.New("association's send buffer is full")
	// ErrClosed: the association, endpoint or door is closed.
	ErrClosed = errors.New("association is closed")
	// ErrTooLarge: the message exceeds what the peer or the door accepts.
	ErrTooLarge = errors.New("message is too large")
	// ErrEmpty: SCTP has no messages without data.
	ErrEmpty = errors.New("message is empty")
	// ErrAborted is wrapped by the reason for Lost where the peer has aborted: it
	// is alive, but does not want the association.
	ErrAborted = errors.New("aborted by the peer")
	// ErrInUse: the endpoint has an association with that address already. Two
	// endpoints can have at most one; dial from another endpoint for a second.
	ErrInUse = errors.New("association exists already; dial from another endpoint")
)

// MaxMessage is the size of the largest message of a door, in bytes. Doors over
// TCP carry a little less, and say so; see ErrTooLarge.
const MaxMessage = 65535

// Association is one end of an association. Its methods may be called at once.
type Association interface {
	// ID is unique among the associations of the process's doors.
	ID() uint64
	// Send queues a message and never blocks. The payload is copied or sent
	// before it returns. Fails with ErrBackpressure, ErrClosed, ErrTooLarge
	// or ErrEmpty; before Up with ErrBackpressure.
	Send(m Message) error
	// Shutdown sends what is queued and closes in order, in the background; the
	// handler hears Closed, or Lost if the peer does not answer in time.
	Shutdown()
	// Abort closes at once; the peer is told the reason, the own handler hears Lost.
	Abort(reason string)
	// Local and Remote are the two ends as the association uses them.
	Local() Address
	Remote() Address
	// RTT is the smoothed round-trip time, zero before the first measurement.
	RTT() time.Duration
	// Writable calls f once as soon as Send would accept a message again, at
	// once if it already does; it calls f as well when the association ends.
	Writable(f func())
}

// EndpointConfig describes an endpoint.
type EndpointConfig struct {
	// Port is the SCTP port. If zero, a free one is chosen. Over TCP it is the
	// port that is listened at; an endpoint that only dials has none.
	Port uint16
	// Listen accepts associations from others.
	Listen bool
	// Handler hears of all associations of the endpoint. Required.
	Handler Handler
}

// Endpoint is an SCTP port: associations are dialled from it and, if it
// listens, accepted at it.
type Endpoint interface {
	// Dial begins an association and returns at once; the handler hears Up or
	// Lost, perhaps before Dial has returned, and Lost at the latest after the
	// door's dial timeout. Where nobody is there to answer, a door that can tell
	// says so much earlier: a peer that starts up is worth another try. It fails
	// at once only where to is malformed, the endpoint is closed, or it has an
	// association with that address already (ErrInUse).
	Dial(to Address) (Association, error)
	// Local is where peers reach the endpoint.
	Local() Address
	// Close aborts every association and frees the port. The handler hears
	// Lost for each; when Close has returned, it hears nothing more. It must
	// not be called by the handler.
	Close() error
}

// Door is a way into a network: the embedded userland stack on one UDP socket,
// the kernel's SCTP, TCP, or a simulated network.
type Door interface {
	// Open makes an endpoint.
	Open(cfg EndpointConfig) (Endpoint, error)
	// Stats returns the counters so far.
	Stats() Stats
	// Close closes every endpoint and leaves no goroutine behind.
	Close() error
}

// Stats counts what went through a door.
type Stats struct {
	Associations   int    // now, those being dialled among them
	PacketsIn      uint64 // received
	PacketsOut     uint64 // sent
	Malformed      uint64 // packets that could not be parsed or had a bad checksum
	OutOfTheBlue   uint64 // packets for no association, forged tags among them
	BadCookies     uint64 // forged, stale or replayed cookies
	Inits          uint64 // association attempts of peers
	Lost           uint64 // associations that ended with Lost
	Backpressure   uint64 // messages refused with ErrBackpressure
	ReceiveDropped uint64 // packets dropped because a queue was full
	Refused        uint64 // attempts of peers refused: limits, strange certificates, no answer in time
	ReceiveBuffer  int    // bytes of socket buffer that the system granted
}

// Via is what carries associations to an address.
type Via uint8

// The ways to an address. SCTP is the zero value.
const (
	SCTP   Via = iota // native, or behind a UDP port
	TCP               // framed over TCP
	TLS               // framed over TLS over TCP
	Stream            // a byte stream over TCP, without messages
)

// String returns the way as the scheme of an address.
func (v Via) String() string { return [...]string{"sctp", "tcp", "tls", "stream"}[v] }

// Address is where an endpoint is reached: one port at one or more IP
// addresses, behind a UDP port where SCTP is encapsulated (RFC 6951).
type Address struct {
	Via     Via
	IPs     []netip.Addr
	Port    uint16
	UDPPort uint16 // zero: none stated, so native SCTP or port 9899
	// Name is what the peer's certificate must be issued for, with TLS. If empty,
	// one of the IP addresses.
	Name string
}

// Identity is who a peer is, as its verified certificate says.
type Identity struct {
	// Subject is the certificate's subject, as in "CN=echo1,O=Example".
	Subject string
	// Names are what it is issued for: DNS names, URIs, e-mail and IP addresses,
	// and the common name of the subject.
	Names []string
}

// Identified is an association whose peer has proved who it is.
type Identified interface {
	Association
	// Peer returns the peer's identity, nil where it has none. It does not change
	// once the association is up.
	Peer() *Identity
}

// PeerOf returns who is at the other end of an association, nil where that is not
// known.
func PeerOf(a Association) *Identity {
	if i, ok := a.(Identified); ok {
		return i.Peer()
	}
	return nil
}
