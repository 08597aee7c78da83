// Package pingpong is the Ping Pong service: a user sends numbered messages, an element
// numbers its answers, and the number is kept in a cookie, so that another element goes on
// counting where one died. It holds both sides.
//
// It measures sessions and their failover, not a network: see internal/services for the
// services without a state.
package pingpong

import (
	"encoding/binary"
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
)

// PPID is the payload protocol identifier of the service's messages.
const PPID = 33

// DefaultHandle is the pool where users look for the service unless told otherwise.
const DefaultHandle rserpool.Handle = "PingPongPool"

// Message types and sizes, in bytes. All integers are big-endian and nothing is padded.
const (
	typePing = 1
	typePong = 2

	headerLen   = 4
	pingLen     = headerLen + 8  // before the data
	pongLen     = headerLen + 16 // before the data
	maxLen      = 1<<16 - 1      // of a length field
	cookieMagic = "<PP-TD1>"     // of a cookie
	cookieLen   = len(cookieMagic) + 8
)

// MaxData is the length of the longest data that a pong has room for.
const MaxData = maxLen - pongLen

// Ping is a question.
type Ping struct {
	Number uint64 // the user's, from 1
	Data   []byte // comes back
}

// Append appends the message to b. It panics where the data is longer than MaxData.
func (p Ping) Append(b []byte) []byte {
	b = appendHeader(b, typePing, pingLen, p.Data)
	b = binary.BigEndian.AppendUint64(b, p.Number)
	return append(b, p.Data...)
}

// ParsePing reads a ping, whose data stays in b.
func ParsePing(b []byte) (Ping, error) {
	if err := parseHeader(b, typePing, pingLen); err != nil {
		return Ping{}, err
	}
	if n := len(b) - pingLen; n > MaxData {
		return Ping{}, fmt.Errorf("%w: ping with %d bytes of data: want at most %d, which a pong has room for", services.ErrProtocol, n, MaxData)
	}
	return Ping{Number: binary.BigEndian.Uint64(b[headerLen:]), Data: b[pingLen:]}, nil
}

// Pong is the answer to a ping.
type Pong struct {
	Number uint64 // of the ping
	Reply  uint64 // the elements', from 1
	Data   []byte // of the ping
}

// Append appends the message to b. It panics where the data is longer than MaxData.
func (p Pong) Append(b []byte) []byte {
	b = appendHeader(b, typePong, pongLen, p.Data)
	b = binary.BigEndian.AppendUint64(b, p.Number)
	b = binary.BigEndian.AppendUint64(b, p.Reply)
	return append(b, p.Data...)
}

// ParsePong reads a pong, whose data stays in b.
func ParsePong(b []byte) (Pong, error) {
	if err := parseHeader(b, typePong, pongLen); err != nil {
		return Pong{}, err
	}
	return Pong{
		Number: binary.BigEndian.Uint64(b[headerLen:]),
		Reply:  binary.BigEndian.Uint64(b[headerLen+8:]),
		Data:   b[pongLen:],
	}, nil
}

// AppendCookie appends the state of a session to b: the number of its next reply.
func AppendCookie(b []byte, next uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, cookieMagic...), next)
}

// ParseCookie reads what AppendCookie of this or another element wrote.
func ParseCookie(b []byte) (next uint64, err error) {
	if len(b) != cookieLen || string(b[:len(cookieMagic)]) != cookieMagic {
		return 0, fmt.Errorf("%w: cookie of %d bytes: want %d bytes that begin with %s", services.ErrProtocol, len(b), cookieLen, cookieMagic)
	}
	return binary.BigEndian.Uint64(b[len(cookieMagic):]), nil
}

func appendHeader(b []byte, typ uint8, fixed int, data []byte) []byte {
	if len(data) > MaxData {
		panic("pingpong: more data than a message may carry")
	}
	return binary.BigEndian.AppendUint16(append(b, typ, 0), uint16(fixed+len(data)))
}

// parseHeader checks the type and the lengths of a message. Flags carry nothing and are
// ignored.
func parseHeader(b []byte, typ uint8, fixed int) error {
	if len(b) < fixed {
		return fmt.Errorf("%w: message of %d bytes: want at least %d", services.ErrProtocol, len(b), fixed)
	}
	if b[0] != typ {
		return fmt.Errorf("%w: message of type %d: want %d", services.ErrProtocol, b[0], typ)
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n != len(b) {
		return fmt.Errorf("%w: length field %d in a message of %d bytes", services.ErrProtocol, n, len(b))
	}
	return nil
}
