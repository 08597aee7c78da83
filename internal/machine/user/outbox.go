package user

import "github.com/rspool/rspool/internal/transport"

// outbox holds the messages that wait for an association, control messages before
// all others. It is bounded by the number and the bytes of its data.
type outbox struct {
	control     []transport.Message
	data        []transport.Message // data[head:] waits
	head, bytes int
	maxMessages int
	maxBytes    int
	sent        uint64 // data messages taken since the session's start
}

// room reports whether a message of n bytes may be added. An empty outbox takes
// any message.
func (o *outbox) room(n int) bool {
	waiting := len(o.data) - o.head
	return waiting == 0 || waiting < o.maxMessages && o.bytes+n <= o.maxBytes
}

func (o *outbox) add(m transport.Message) {
	if o.head > 0 && len(o.data) == cap(o.data) {
		n := copy(o.data, o.data[o.head:])
		clear(o.data[n:])
		o.data, o.head = o.data[:n], 0
	}
	o.data = append(o.data, m)
	o.bytes += len(m.Payload)
}

// first returns the next message to send, nil if there is none.
func (o *outbox) first() *transport.Message {
	switch {
	case len(o.control) > 0:
		return &o.control[0]
	case o.head < len(o.data):
		return &o.data[o.head]
	}
	return nil
}

// take removes what first has returned.
func (o *outbox) take() {
	if len(o.control) > 0 {
		o.control[0] = transport.Message{}
		o.control = o.control[1:]
		return
	}
	o.bytes -= len(o.data[o.head].Payload)
	o.data[o.head] = transport.Message{}
	o.head++
	o.sent++
	if o.head == len(o.data) {
		o.data, o.head = o.data[:0], 0
	}
}
