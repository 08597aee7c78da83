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

// newMessage returns an empty message, or nil where the type is not recognised.
func newMessage(t Type) Message {
	switch t {
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

// Append writes the message behind dst. A message longer than
// wire.MaxMessageLen is not written and dst is returned as it was.
func Append(dst []byte, m Message) []byte {
	b, start := wire.BeginMessage(dst, uint8(m.Type()), m.flags())
	return wire.FinishMessage(m.appendBody(b), start)
}

// Parse reads a message, which may be kept; otherwise it is as Decoder.Parse.
func Parse(b []byte) (Message, []rserpool.Cause, error) {
	var c wire.Cursor
	t, flags := c.Open(b)
	return parse(&c, newMessage(Type(t)), b, flags)
}

// A Decoder reads messages without allocating for those that are frequent: it
// remembers pool handles, and uses the message of each type again. The zero value
// is ready; it must not be used by several goroutines at once.
type Decoder struct {
	cursor   wire.Cursor
	handles  wire.HandleCache
	messages [typeEnd]Message
}

// Parse reads a message. The message itself is valid until the next Parse; what
// it refers to (addresses, elements, causes) may be kept.
//
// The causes name parameters that were skipped although the sender is to hear of
// them: an Error with them goes back to it, and the message is treated as any
// other. The error is a *wire.Error, whose Report is what to answer.
func (d *Decoder) Parse(b []byte) (Message, []rserpool.Cause, error) {
	d.cursor.Handles = &d.handles
	t, flags := d.cursor.Open(b)
	return parse(&d.cursor, d.message(Type(t)), b, flags)
}

// message returns the message of type t that is used again.
func (d *Decoder) message(t Type) Message {
	if t >= typeEnd {
		return nil
	}
	if d.messages[t] == nil {
		d.messages[t] = newMessage(t)
	}
	return d.messages[t]
}

// parse reads into m, which is nil where the type is not recognised.
func parse(c *wire.Cursor, m Message, b []byte, flags uint8) (Message, []rserpool.Cause, error) {
	if err := c.Err(); err != nil {
		return nil, nil, err
	}
	if m == nil {
		return nil, nil, wire.UnknownMessage(b)
	}
	m.parseBody(c, flags)
	if err := c.Close(); err != nil {
		return nil, nil, err
	}
	return m, c.Reports(), nil
}

// formatElements returns the elements in brackets, as the tail of a line.
func formatElements(elements []rserpool.Element) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString(" [" + e.String() + "]")
	}
	return b.String()
}
