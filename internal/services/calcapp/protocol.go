// Package calcapp is the CalcApp service: elements of a given capacity work on jobs of a
// given size, which share it, and leave their progress with the user in cookies, so that
// another element goes on where one died. It holds both sides, and the figures by which
// pools and policies are compared: queuing, startup and processing times and the handling
// speed of jobs.
//
// It calculates nothing: a job takes the time that its size and the element's capacity say,
// so that unequal machines can be had on one.
package calcapp

import (
	"encoding/binary"
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
)

// PPID is the payload protocol identifier of the service's messages.
const PPID = 34

// DefaultHandle is the pool where users look for the service unless told otherwise.
const DefaultHandle rserpool.Handle = "CalcAppPool"

// Type is what a message is.
type Type uint8

// The types. Abort is defined and never sent by deployed peers.
const (
	Request Type = iota + 1
	Accept
	Reject
	Abort
	Complete
	KeepAlive
	KeepAliveAck
)

// String returns the type's name.
func (t Type) String() string {
	if names := [...]string{"request", "accept", "reject", "abort", "complete", "keep-alive", "keep-alive answer"}; t >= Request && t <= KeepAliveAck {
		return names[t-1]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// The sizes of messages and cookies, in bytes. All integers are big-endian and nothing is
// padded.
const (
	messageLen = 24
	cookieLen  = 20
)

// Message is a message of the service: all have one layout.
type Message struct {
	Type      Type
	Job       uint32 // the user's number
	Size      uint64 // in calculations; of Request and Complete
	Completed uint64 // in calculations; of Complete
}

// Append appends the message to b.
func (m Message) Append(b []byte) []byte {
	b = append(b, byte(m.Type), 0)
	b = binary.BigEndian.AppendUint16(b, messageLen)
	b = binary.BigEndian.AppendUint32(b, m.Job)
	b = binary.BigEndian.AppendUint64(b, m.Size)
	return binary.BigEndian.AppendUint64(b, m.Completed)
}

// Parse reads a message. Flags carry nothing and are ignored.
func Parse(b []byte) (Message, error) {
	if len(b) != messageLen {
		return Message{}, fmt.Errorf("%w: message of %d bytes: want %d", services.ErrProtocol, len(b), messageLen)
	}
	if n := binary.BigEndian.Uint16(b[2:]); n != messageLen {
		return Message{}, fmt.Errorf("%w: length field %d: want %d", services.ErrProtocol, n, messageLen)
	}
	m := Message{
		Type:      Type(b[0]),
		Job:       binary.BigEndian.Uint32(b[4:]),
		Size:      binary.BigEndian.Uint64(b[8:]),
		Completed: binary.BigEndian.Uint64(b[16:]),
	}
	if m.Type < Request || m.Type > KeepAliveAck {
		return Message{}, fmt.Errorf("%w: message of %s: want %d to %d", services.ErrProtocol, m.Type, Request, KeepAliveAck)
	}
	return m, nil
}

// Cookie is the progress of a job, that an element leaves with its user.
type Cookie struct {
	Job             uint32
	Size, Completed uint64 // in calculations
}

// Append appends the cookie to b.
func (c Cookie) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, c.Job)
	b = binary.BigEndian.AppendUint64(b, c.Size)
	return binary.BigEndian.AppendUint64(b, c.Completed)
}

// ParseCookie reads a cookie that this or another element wrote.
func ParseCookie(b []byte) (Cookie, error) {
	if len(b) != cookieLen {
		return Cookie{}, fmt.Errorf("%w: cookie of %d bytes: want %d", services.ErrProtocol, len(b), cookieLen)
	}
	c := Cookie{
		Job:       binary.BigEndian.Uint32(b),
		Size:      binary.BigEndian.Uint64(b[4:]),
		Completed: binary.BigEndian.Uint64(b[12:]),
	}
	if c.Completed > c.Size {
		return Cookie{}, fmt.Errorf("%w: cookie: %d of %d calculations are done", services.ErrProtocol, c.Completed, c.Size)
	}
	return c, nil
}
