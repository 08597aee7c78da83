package tcp

import (
	"io"
	"net"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// output is what an association has to send. It belongs to its mu.
type output struct {
	buffer  []byte // chunks to be written
	spare   []byte // to be the next buffer
	writing bool   // a goroutine writes
	finish  bool   // the connection's half is closed once all is written

	tsn     uint32
	ssn     map[uint16]uint16 // by stream
	flight  []int             // sizes of the messages not acknowledged
	head    int               // the first of them
	pending int               // their sum
	refused bool              // Send was refused and nobody told yet
	wake    []func()
}

const (
	// maxAnswers bounds the bytes that answers to the peer's chunks add to what
	// waits to be written; beyond them it is not read.
	maxAnswers = 64 << 10
	// maxSpare bounds the buffer that an idle association keeps.
	maxSpare = 4 << 10
	// maxStreams bounds the streams whose messages are counted; numbers of others
	// stay zero.
	maxStreams = 1024
	// writeSize is what is written at once.
	writeSize = 64 << 10
)

// drop forgets what was to be written.
func (o *output) drop() { o.buffer, o.finish = o.buffer[:0], false }

// Send implements transport.Association.
func (a *association) Send(m transport.Message) error {
	if len(m.Payload) > MaxMessage {
		return transport.ErrTooLarge
	}
	if len(m.Payload) == 0 {
		return transport.ErrEmpty
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	o := &a.out
	switch {
	case a.state == closing || a.state == ended:
		return transport.ErrClosed
	case a.state == opening, o.pending > 0 && o.pending+len(m.Payload) > a.d.cfg.SendBuffer:
		o.refused = true
		a.d.stats.backpressure.Add(1)
		return transport.ErrBackpressure
	}
	o.pending += len(m.Payload)
	if o.head > 64 && o.head > len(o.flight)/2 {
		o.flight = o.flight[:copy(o.flight, o.flight[o.head:])]
		o.head = 0
	}
	o.flight = append(o.flight, len(m.Payload))
	if a.d.via == transport.Stream {
		o.buffer = append(o.buffer, m.Payload...)
	} else {
		o.buffer = appendData(o.buffer, o.tsn, o.ssn[m.Stream], m)
		if o.tsn++; !m.Unordered && (len(o.ssn) < maxStreams || o.ssn[m.Stream] > 0) {
			o.ssn[m.Stream]++
		}
	}
	a.d.stats.out.Add(1)
	a.write()
	a.linger()
	return nil
}

// acknowledged gives room for more messages: n of them have arrived. Caller holds
// mu. It reports whether there were as many.
func (a *association) acknowledged(n int) bool {
	o := &a.out
	if n > len(o.flight)-o.head {
		return false
	}
	for range n {
		o.pending -= o.flight[o.head]
		o.head++
	}
	if o.head == len(o.flight) {
		o.flight, o.head = o.flight[:0], 0
	}
	if o.refused && o.pending <= a.d.cfg.SendBuffer/2 {
		o.refused = false
		a.tellWritable()
	}
	a.parted()
	return true
}

// tellWritable calls those who wait for Send to accept again. Caller holds mu.
func (a *association) tellWritable() {
	for _, f := range a.out.wake {
		a.p.tasks.Add(1)
		go func() {
			defer a.p.tasks.Done()
			f()
		}()
	}
	a.out.wake = nil
}

// Writable implements transport.Association.
func (a *association) Writable(f func()) {
	a.mu.Lock()
	if a.state == ended || a.state != opening && !a.out.refused {
		a.mu.Unlock()
		f()
		return
	}
	a.out.wake = append(a.out.wake, f)
	a.mu.Unlock()
}

// control adds a control chunk. Caller holds mu.
func (a *association) control(kind byte, value ...byte) {
	a.out.buffer = appendChunk(a.out.buffer, kind, 0, value...)
	a.write()
}

// answer adds a control chunk that answers one of the peer. It waits while the
// peer does not read its answers. Caller holds mu.
func (a *association) answer(kind byte, value ...byte) {
	for len(a.out.buffer) > a.d.cfg.SendBuffer+maxAnswers && a.state != ended {
		a.room.Wait()
	}
	if a.state != ended {
		a.control(kind, value...)
	}
}

// write sees to it that the buffer is written. Caller holds mu.
func (a *association) write() {
	if a.out.writing || a.conn == nil {
		return
	}
	a.out.writing = true
	go a.writeAll(a.conn)
}

// writeAll is the goroutine that writes, while there is something to be written.
func (a *association) writeAll(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := &a.out
	for len(o.buffer) > 0 {
		b := o.buffer
		o.buffer = o.spare[:0]
		o.spare = nil
		messages := len(o.flight) - o.head
		err := a.writeOut(conn, b)
		if cap(b) <= maxSpare {
			o.spare = b
		}
		if err != nil {
			o.drop()
			if a.state != ended {
				a.end(transport.Lost, reason(err))
			}
			break
		}
		if a.d.via == transport.Stream {
			a.acknowledged(messages) // nobody else will
		}
		a.room.Broadcast()
	}
	if o.finish {
		a.mu.Unlock()
		closeWrite(conn)
		a.mu.Lock()
	}
	o.writing = false
	a.room.Broadcast()
}

// writeOut writes a piece after the other, each within its time. Caller holds mu,
// which is free meanwhile.
func (a *association) writeOut(conn net.Conn, b []byte) error {
	for len(b) > 0 {
		if a.state != ended { // whose deadline stays
			_ = conn.SetWriteDeadline(time.Now().Add(a.d.cfg.WriteTimeout))
		}
		a.mu.Unlock()
		n, err := conn.Write(b[:min(len(b), writeSize)])
		a.mu.Lock()
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// closeWrite tells the peer that nothing more comes.
func closeWrite(conn io.Closer) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // if it fails, the end is noticed by reading
	}
}
