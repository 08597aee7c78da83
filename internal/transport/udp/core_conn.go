package udp

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/pion/logging"

	"github.com/rspool/rspool/internal/transport"
)

// coreConn is the core as pion sees it.
type coreConn core

// Read hands the messages of the last packet to the host and waits for the
// next packet.
func (cc *coreConn) Read(b []byte) (int, error) {
	c := (*core)(cc)
	if !c.started {
		c.started = true
		c.sending.Lock()   // until newCore is done
		c.sending.Unlock() //nolint:staticcheck // nothing to do meanwhile
		c.host.begin(c)
	}
	c.drain(b)
	if c.unblock() {
		c.host.writable()
	}
	c.mu.Lock()
	for c.head == len(c.queue) && !c.closed {
		c.arrived.Wait()
	}
	if c.head == len(c.queue) {
		c.mu.Unlock()
		c.host.over(c)
		return 0, io.EOF
	}
	p := c.queue[c.head]
	c.queue[c.head] = nil
	c.head++
	c.mu.Unlock()
	n := copy(b, p)
	free(p)
	c.note(b[:n])
	return n, nil
}

// note opens the streams of a packet's DATA chunks and remembers to look
// whether a message is complete.
func (c *core) note(p []byte) {
	for b := p[headerLen:]; len(b) > 0; {
		k, rest, ok := nextChunk(b)
		if !ok {
			return
		}
		b = rest
		if k.kind == chunkShutdownComplete {
			c.orderly.Store(true)
		}
		if k.kind != chunkData {
			continue
		}
		id := be.Uint16(k.value[4:])
		if len(c.dirty) > 0 && c.dirty[len(c.dirty)-1] == id {
			continue
		}
		c.dirty = append(c.dirty, id)
		c.sending.Lock()
		_, _ = c.stream(id) // fails only at the end
		c.sending.Unlock()
	}
}

// drain delivers what is complete. b is room for one message.
func (c *core) drain(b []byte) {
	for _, id := range c.dirty {
		c.sending.Lock()
		s := c.streams[id]
		c.sending.Unlock()
		for s != nil {
			n, ppid, err := s.ReadSCTP(b)
			if errors.Is(err, io.ErrShortBuffer) {
				b = make([]byte, n)
				n, ppid, err = s.ReadSCTP(b)
			}
			if err != nil {
				break
			}
			if int(id) < len(c.streams)-1 {
				c.host.deliver(c, transport.Message{PPID: uint32(ppid), Stream: id, Payload: b[:n]})
			}
		}
	}
	c.dirty = c.dirty[:0]
}

// Write sends one of pion's packets. Its heartbeats are left out: the association has
// its own, and pion writes them without their mandatory parameter.
func (cc *coreConn) Write(b []byte) (int, error) {
	if b[headerLen] == chunkHeartbeat {
		return len(b), nil
	}
	if b[headerLen] == chunkShutdownComplete {
		cc.orderly.Store(true)
	}
	cc.host.output(b)
	return len(b), nil
}

// Close is pion's wish to end.
func (cc *coreConn) Close() error {
	(*core)(cc).close(false)
	return nil
}

func (cc *coreConn) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (cc *coreConn) RemoteAddr() net.Addr             { return &net.UDPAddr{} }
func (cc *coreConn) SetDeadline(time.Time) error      { return nil }
func (cc *coreConn) SetReadDeadline(time.Time) error  { return nil }
func (cc *coreConn) SetWriteDeadline(time.Time) error { return nil }

// expired is a context that is over, so that pion begins a shutdown without
// waiting for its end.
type expired struct{}

func (expired) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }
func (expired) Done() <-chan struct{}       { return over }
func (expired) Err() error                  { return errShutdownBegun }
func (expired) Value(any) any               { return nil }

var (
	errShutdownBegun = errors.New("shutdown begun")
	over             = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
)

// silence is pion's log: what matters is counted elsewhere.
type silence struct{}

func (silence) NewLogger(string) logging.LeveledLogger { return silence{} }
func (silence) Trace(string)                           {}
func (silence) Tracef(string, ...any)                  {}
func (silence) Debug(string)                           {}
func (silence) Debugf(string, ...any)                  {}
func (silence) Info(string)                            {}
func (silence) Infof(string, ...any)                   {}
func (silence) Warn(string)                            {}
func (silence) Warnf(string, ...any)                   {}
func (silence) Error(string)                           {}
func (silence) Errorf(string, ...any)                  {}
