// Package asap reads and writes the messages of the Aggregate Server Access
// Protocol (RFC 5352): one Go type per message, whose fields are meaning rather
// than layout. A Decoder reads, Append writes.
//
// It does not decide what to do with a message: that is what the machines are for.
package asap

import (
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Message is one of the messages of this package, as a pointer.
type Message interface {
	// Type returns the message's number.
	Type() Type
	// String returns the message in one line, for transcripts and logs.
	String() string

	flags() uint8
	appendBody(b []byte) []byte
	parseBody(c *wire.Cursor, flags uint8)
}

// protocol is what a Decoder knows of the messages of this package.
type protocol struct{}

// New implements wire.Protocol.
func (protocol) New(messageType uint8) Message {
	switch Type(messageType) {
	case TypeRegistration:
		return new(Registration)
	case TypeDeregistration:
		return new(Deregistration)
	case TypeRegistrationResponse:
		return new(RegistrationResponse)
	case TypeDeregistrationResponse:
		return new(DeregistrationResponse)
	case TypeHandleResolution:
		return new(HandleResolution)
	case TypeHandleResolutionResponse:
		return new(HandleResolutionResponse)
	case TypeKeepAlive:
		return new(KeepAlive)
	case TypeKeepAliveAck:
		return new(KeepAliveAck)
	case TypeUnreachable:
		return new(Unreachable)
	case TypeServerAnnounce:
		return new(ServerAnnounce)
	case TypeCookie:
		return new(Cookie)
	case TypeCookieEcho:
		return new(CookieEcho)
	case TypeBusinessCard:
		return new(BusinessCard)
	case TypeError:
		return new(Error)
	}
	return nil
}

// ParseBody implements wire.Protocol.
func (protocol) ParseBody(m Message, c *wire.Cursor, flags uint8) { m.parseBody(c, flags) }

// Append writes the message behind dst. A message longer than
// wire.MaxMessageLen is not written and dst is returned as it was.
func Append(dst []byte, m Message) []byte {
	b, start := wire.BeginMessage(dst, uint8(m.Type()), m.flags())
	return wire.FinishMessage(m.appendBody(b), start)
}

// Parse reads a message, which may be kept; otherwise it is as Decoder.Parse.
func Parse(b []byte) (Message, []rserpool.Cause, error) { return wire.Parse[Message, protocol](b) }

// A Decoder reads messages without allocating for those that are frequent. The
// zero value is ready; it must not be used by several goroutines at once.
type Decoder = wire.Decoder[Message, protocol]

// formatElements returns the elements in brackets, as the tail of a line.
func formatElements(elements []rserpool.Element) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString(" [" + e.String() + "]")
	}
	return b.String()
}
