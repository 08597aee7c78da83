package tcp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/rspool/rspool/internal/transport"
)

// input is what was received and waits for the handler. It belongs to the
// association's mu.
type input struct {
	up         bool // Up is to be told
	told       bool // the end was told, or is not to be
	queue      []transport.Message
	head       int
	bytes      int // in queue
	delivering bool
	stalled    bool // the peer is not read, since the handler is slow
	free       []byte

	tsn   uint32 // of the next message
	acked uint32 // messages acknowledged
}

// drop forgets what waits.
func (in *input) drop() {
	clear(in.queue)
	in.queue, in.head, in.bytes = in.queue[:0], 0, 0
}

// read takes chunks until there are no more, or the peer breaks the rules.
func (a *association) read(r *bufio.Reader) error {
	if a.d.via == transport.Stream {
		return a.readStream(r)
	}
	for {
		h, err := readHeader(r, a.peer)
		if err != nil {
			return err
		}
		var spare []byte
		if h.kind == chunkData {
			spare = a.buffer()
		}
		value, err := readValue(r, h, spare)
		if err != nil {
			return err
		}
		a.d.stats.in.Add(1)
		if err := a.received(h, value); err != nil {
			return err
		}
	}
}

// buffer returns room for a message, if some is free.
func (a *association) buffer() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.in.free
	a.in.free = nil
	return b
}

// received handles a chunk, whose value is the association's from now on.
func (a *association) received(h header, value []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.probe.answered(a.d.now())
	switch h.kind {
	case chunkData:
		return a.receivedData(h, value)
	case chunkAck:
		return a.receivedAck(value)
	case chunkHeartbeat:
		a.answer(chunkHeartbeatAck, value...)
	case chunkHeartbeatAck:
		a.heartbeatAck(value)
	case chunkAbort:
		if a.state != ended {
			a.end(transport.Lost, fmt.Errorf("%w: %s", transport.ErrAborted, plain(value[:min(len(value), maxReason)])))
		}
	case chunkShutdown:
		if a.leaving {
			return malformed("a second SHUTDOWN")
		}
		a.leave()
	case chunkShutdownAck:
		if !a.shut {
			return malformed("a SHUTDOWN ACK that nobody asked for")
		}
		if a.state != ended {
			a.end(transport.Closed, nil)
		}
	default:
		return malformed("a second INIT")
	}
	return nil
}

func (a *association) receivedData(h header, value []byte) error {
	d := parseData(h, a.peer, value)
	in := &a.in
	switch {
	case a.leaving:
		return malformed("DATA after SHUTDOWN")
	case a.peer&withoutTSN == 0 && d.tsn != in.tsn:
		return malformed("TSN %d, %d was next", d.tsn, in.tsn)
	}
	in.tsn++
	for in.bytes > 0 && in.bytes+len(d.message.Payload) > a.d.cfg.ReceiveWindow && a.state != ended {
		in.stalled = true
		a.room.Wait()
	}
	in.stalled = false
	a.probe.answered(a.d.now())
	if a.state != ended {
		in.put(d.message)
		a.deliver()
	}
	return nil
}

// put adds a message to the queue.
func (in *input) put(m transport.Message) {
	if in.head > 64 && in.head > len(in.queue)/2 {
		n := copy(in.queue, in.queue[in.head:])
		clear(in.queue[n:])
		in.queue, in.head = in.queue[:n], 0
	}
	in.queue = append(in.queue, m)
	in.bytes += len(m.Payload)
}

func (a *association) receivedAck(value []byte) error {
	o := &a.out
	n := 1
	if len(value) == 4 {
		oldest := o.tsn - uint32(len(o.flight)-o.head)
		n = int(int32(be.Uint32(value)-oldest)) + 1
	}
	if n < 0 || !a.acknowledged(n) {
		return malformed("ACK for what was not sent")
	}
	return nil
}

// deliver sees to it that the handler hears what there is. Caller holds mu.
func (a *association) deliver() {
	if !a.in.delivering {
		a.in.delivering = true
		go a.deliverAll()
	}
}

// deliverAll is the goroutine that calls the handler, while there is something to
// be heard.
func (a *association) deliverAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	in, handler := &a.in, a.p.cfg.Handler
	event := func(kind transport.EventKind, err error) {
		a.mu.Unlock()
		defer a.mu.Lock()
		handler.Event(a, kind, err)
	}
	for {
		switch {
		case in.up:
			in.up = false
			event(transport.Up, nil)
			if a.state != ended {
				a.out.refused = false
				a.tellWritable()
			}
		case in.head < len(in.queue):
			m := in.queue[in.head]
			in.queue[in.head] = transport.Message{}
			in.head++
			a.mu.Unlock()
			handler.Message(a, m)
			a.mu.Lock()
			a.delivered(m)
		case a.state == ended && !in.told:
			in.told = true
			event(a.kind, a.err)
			a.tellWritable()
		default:
			in.delivering = false
			a.room.Broadcast()
			return
		}
	}
}

// delivered acknowledges a message that the handler has heard. Caller holds mu.
func (a *association) delivered(m transport.Message) {
	in := &a.in
	if in.head == len(in.queue) {
		in.queue, in.head = in.queue[:0], 0
	}
	in.bytes = max(0, in.bytes-len(m.Payload))
	if cap(m.Payload) <= maxSpare {
		in.free = m.Payload[:0]
	}
	a.room.Broadcast()
	if in.acked++; a.d.via != transport.Stream {
		var tsn []byte
		if a.peer&withoutTSN == 0 {
			tsn = be.AppendUint32(nil, in.acked-1)
		}
		a.answer(chunkAck, tsn...)
	}
	a.parted()
}

// readStream takes bytes as they come.
func (a *association) readStream(r *bufio.Reader) error {
	for {
		b := make([]byte, 4096)
		n, err := r.Read(b)
		if err != nil {
			return err
		}
		a.d.stats.in.Add(1)
		a.mu.Lock()
		for a.in.bytes > a.d.cfg.ReceiveWindow && a.state != ended {
			a.room.Wait()
		}
		if a.state != ended {
			a.in.put(transport.Message{Payload: b[:n]})
			a.deliver()
		}
		a.mu.Unlock()
	}
}

// reason says why a connection has ended, in words of its own.
func reason(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the peer is gone: its connection was closed without a shutdown")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("the peer is gone: it has reset the connection")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("the peer does not read")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// plain returns a peer's words without what would upset a terminal.
func plain(b []byte) string {
	s := []rune(string(b))
	for i, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' {
			s[i] = '?'
		}
	}
	return string(s)
}
