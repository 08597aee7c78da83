// Package enrp reads and writes the messages of the Endpoint Handlespace
// Redundancy Protocol (RFC 5353): one Go type per message, whose fields are
// meaning rather than layout. A Decoder reads, Append writes.
//
// It does not decide what to do with a message: that is what the machines are for.
package enrp

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// Message is one of the messages of this package, as a pointer.
type Message interface {
	// Type returns the message's number.
	Type() Type
	// Ends returns who sent the message and whom it is for.
	Ends() (sender, receiver rserpool.RegistrarID)
	// String returns the message in one line, for transcripts and logs.
	String() string

	flags() uint8
	appendBody(b []byte) []byte
	parseBody(c *wire.Cursor, flags uint8)
}

// Route begins every message: who sends it, and to whom. A receiver of zero is
// everybody (RFC 5353, Section 2.1).
type Route struct {
	Sender   rserpool.RegistrarID
	Receiver rserpool.RegistrarID
}

// Ends returns the sender and the receiver.
func (r Route) Ends() (sender, receiver rserpool.RegistrarID) { return r.Sender, r.Receiver }

// String returns the route as in "0x0a000001>0x0b000002", with * for everybody.
func (r Route) String() string {
	if r.Receiver == 0 {
		return r.Sender.String() + ">*"
	}
	return fmt.Sprintf("%s>%s", r.Sender, r.Receiver)
}

func (r Route) append(b []byte) []byte {
	return wire.AppendUint32(wire.AppendUint32(b, uint32(r.Sender)), uint32(r.Receiver))
}

func parseRoute(c *wire.Cursor) Route {
	return Route{Sender: rserpool.RegistrarID(c.Uint32()), Receiver: rserpool.RegistrarID(c.Uint32())}
}

// protocol is what a Decoder knows of the messages of this package.
type protocol struct{}

// New implements wire.Protocol.
func (protocol) New(messageType uint8) Message {
	switch Type(messageType) {
	case TypePresence:
		return new(Presence)
	case TypeHandleTableRequest:
		return new(HandleTableRequest)
	case TypeHandleTableResponse:
		return new(HandleTableResponse)
	case TypeHandleUpdate:
		return new(HandleUpdate)
	case TypeListRequest:
		return new(ListRequest)
	case TypeListResponse:
		return new(ListResponse)
	case TypeInitTakeover:
		return new(InitTakeover)
	case TypeInitTakeoverAck:
		return new(InitTakeoverAck)
	case TypeTakeoverServer:
		return new(TakeoverServer)
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
