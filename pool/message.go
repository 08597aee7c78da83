package pool

import "github.com/rspool/rspool/internal/transport"

// MaxMessage is the size of the largest message that a session carries, in
// bytes. Messages that leave room in a packet of 1,500 bytes, so up to about
// 1,300 bytes, reach every peer; larger ones stall towards some kernels' SCTP
// when it is encapsulated in UDP.
const MaxMessage = transport.MaxMessage

// ControlPPID is the payload protocol identifier of ASAP, which the control
// channel has for itself: it is refused in Send (RFC 5352, Section 5).
const ControlPPID = 11

// Message is one message of a session, as SCTP carries it.
type Message struct {
	// Data is the payload. Recv hands it to the caller for good; Send is done
	// with it when it returns.
	Data []byte
	// PPID is the payload protocol identifier, which the service defines.
	PPID uint32
	// Stream is the SCTP stream. Order is kept within a stream alone.
	Stream uint16
	// Unordered lets the message overtake others of its stream.
	Unordered bool
	// Cookie is the state at which an element goes on: Recv returns it, in a
	// message of its own that has nothing else set, when a user that was served
	// by another element before echoes the cookie saved there. It precedes all
	// data (RFC 5352, Section 3.8). Send takes none; see Session.SaveCookie.
	// Whoever accepts cookies should sign them: users can send what they like.
	Cookie []byte
}
