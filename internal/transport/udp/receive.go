package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// buffers are those of packets on their way to a core.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

const bufferSize = 2048

// packetBuffer returns room for n bytes; free gives it back.
func packetBuffer(n int) []byte {
	if n > bufferSize {
		return make([]byte, n)
	}
	return buffers.Get().(*[bufferSize]byte)[:n]
}

func free(b []byte) {
	if cap(b) == bufferSize {
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// receive is the one goroutine that reads the socket.
func (d *Door) receive() {
	defer d.tasks.Done()
	defer close(d.quit)
	buf := make([]byte, 1<<16)
	for failures := 0; ; {
		n, from, err := d.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			failures = 0
			d.stats.in.Add(1)
			d.input(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case errors.Is(err, net.ErrClosed):
			return
		default:
			d.failure()
			if failures++; failures > 100 {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// input is one packet. It may be written to, and is kept by nobody.
func (d *Door) input(p []byte, from netip.AddrPort) {
	h, ok := parsePacket(p)
	if !ok || from.Addr().IsMulticast() || from.Port() == 0 {
		d.stats.malformed.Add(1)
		return
	}
	first, rest, _ := nextChunk(p[headerLen:])
	alone := len(rest) == 0
	switch first.kind {
	case chunkInit, chunkInitAck, chunkShutdownComplete:
		if !alone || (first.kind == chunkInit) != (h.tag == 0) {
			d.stats.malformed.Add(1)
			return
		}
	}
	if first.kind == chunkInit {
		d.onInit(first, h, from)
		return
	}
	a := d.find(first, h, from)
	switch {
	case first.kind == chunkCookieEcho:
		if a = d.onCookieEcho(first, h, from); a == nil {
			return
		}
	case a == nil:
		d.outOfTheBlue(p, h, from)
		return
	}
	a.input(p, h, from)
}

// find returns the association that a packet's tag, ports and, where the tag is
// reflected, address prove it to be of.
func (d *Door) find(first chunk, h header, from netip.AddrPort) *association {
	d.mu.RLock()
	a := d.byTag[h.tag]
	reflected := d.byPeer[peerKey{from, h.source, h.destination}]
	d.mu.RUnlock()
	if a != nil && a.port == h.source && a.p.port == h.destination {
		return a
	}
	if reflected != nil && first.flags&flagT != 0 && (first.kind == chunkAbort || first.kind == chunkShutdownComplete) {
		if tags := reflected.tags(); tags[1] == h.tag && h.tag != 0 {
			return reflected
		}
	}
	return nil
}

// outOfTheBlue answers a packet that belongs to nothing (RFC 9260, Section 8.4).
func (d *Door) outOfTheBlue(p []byte, h header, from netip.AddrPort) {
	d.stats.ootb.Add(1)
	for b := p[headerLen:]; len(b) > 0; {
		var c chunk
		if c, b, _ = nextChunk(b); c.kind == chunkAbort {
			return
		}
	}
	back := header{h.destination, h.source, h.tag}
	switch p[headerLen] {
	case chunkInitAck, chunkCookieAck, chunkError, chunkShutdownComplete, chunkHeartbeatAck:
	case chunkShutdownAck:
		_ = d.control(back, from, chunkShutdownComplete, flagT)
	default:
		_ = d.control(back, from, chunkAbort, flagT)
	}
}

// input handles a packet of the association: control chunks here, the rest in
// the core.
func (a *association) input(p []byte, h header, from netip.AddrPort) {
	if to := *a.to.Load(); to != from && to.Addr() == from.Addr() && h.tag == a.tags()[0] {
		a.mu.Lock()
		a.move(from) // RFC 6951, Section 5.4
		a.mu.Unlock()
	}
	a.lastIn.Store(int64(a.d.now()))
	a.waits.Store(0)
	out := packetBuffer(len(p))
	copy(out, p[:headerLen])
	n := headerLen
	for b := p[headerLen:]; len(b) > 0; {
		var c chunk
		c, b, _ = nextChunk(b)
		keep, more := a.chunk(c, from)
		if keep {
			n += copy(out[n:], c.raw)
		}
		if !more {
			break
		}
	}
	if n == headerLen {
		free(out)
		return
	}
	if c := a.core.Load(); c == nil || !a.forward(c, out[:n]) {
		a.d.stats.dropped.Add(1)
		free(out)
	}
}

// chunk handles one chunk and says whether it is for the core, and whether the
// packet's others are to be looked at.
func (a *association) chunk(c chunk, from netip.AddrPort) (keep, more bool) {
	switch c.kind {
	case chunkData:
		return a.data(c)
	case chunkSack:
		return len(c.value) >= 12 && len(c.value) == 12+4*int(be.Uint16(c.value[8:]))+4*int(be.Uint16(c.value[10:])), true
	case chunkShutdown:
		return len(c.value) == 4, true
	case chunkShutdownAck, chunkShutdownComplete:
		return len(c.value) == 0, true
	case chunkInitAck:
		a.onInitAck(c, from)
	case chunkHeartbeat:
		a.reply(chunkHeartbeatAck, c.value)
	case chunkHeartbeatAck:
		a.heartbeatAck(c.value)
	case chunkAbort:
		a.onAbort(c)
		return false, false
	case chunkError:
		if kind, _, _, ok := nextParameter(c.value); ok && kind == causeStaleCookie {
			a.onStaleCookie()
		}
	case chunkCookieAck:
		a.onCookieAck()
	case chunkInit, chunkCookieEcho:
	default: // RFC 9260, Section 3.2: the upper bits say what to do
		if c.kind&0x40 != 0 {
			a.reply(chunkError, appendParameter(nil, causeUnknownChunk, c.raw[:min(len(c.raw), 4+len(c.value), 1024)]))
		}
		return false, c.kind&0x80 != 0
	}
	return false, true
}

// data checks a DATA chunk. One for a stream that does not exist is taken, so
// that it is acknowledged, and thrown away (RFC 9260, Section 6.5).
func (a *association) data(c chunk) (keep, more bool) {
	if len(c.value) < 12 {
		return false, false
	}
	if len(c.value) == 12 {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.state == established || a.state == closing {
			_ = a.control(a.peer.tag, chunkAbort, appendParameter(nil, causeNoUserData, c.value[:4]))
			a.finish(transport.Lost, errors.New("aborted by this side: the peer sent a message without data"))
		}
		return false, false
	}
	if id := be.Uint16(c.value[4:]); int(id) >= a.d.cfg.Streams {
		a.reply(chunkError, appendParameter(nil, causeInvalidStream, []byte{byte(id >> 8), byte(id), 0, 0}))
		be.PutUint16(c.value[4:], uint16(a.d.cfg.Streams))
		c.raw[1] |= dataUnordered
	}
	return true, true
}

// dataUnordered is the U bit of a DATA chunk.
const dataUnordered = 4

// forward hands a packet to the core, in pieces that pion can read.
func (a *association) forward(c *core, p []byte) bool {
	if len(p) <= pionPacket {
		return c.input(p)
	}
	ok := true
	var part []byte
	for b := p[headerLen:]; len(b) > 0; {
		var k chunk
		k, b, _ = nextChunk(b)
		if headerLen+len(k.raw) > pionPacket {
			a.mu.Lock()
			a.abortAs("DATA chunk is too large: limit packets to 8192 bytes", fmt.Errorf("aborted by this side: a chunk of %d bytes; let the peer limit packets to %d bytes", len(k.raw), pionPacket))
			a.mu.Unlock()
			return false
		}
		if len(part)+len(k.raw) > pionPacket {
			ok = c.input(part) && ok
			part = nil
		}
		if part == nil {
			part = append(make([]byte, 0, pionPacket), p[:headerLen]...)
		}
		part = append(part, k.raw...)
	}
	return c.input(part) && ok
}

// reply sends a control chunk to the peer.
func (a *association) reply(kind byte, value []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state >= established && a.state != ended {
		_ = a.control(a.peer.tag, kind, value)
	}
}

// onAbort ends the association; messages that came before are still delivered.
func (a *association) onAbort(c chunk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state < established && c.value == nil || a.state < established && len(c.value) == 0 {
		a.finish(transport.Lost, fmt.Errorf("dial %s: %w", a.Remote(), errRefused))
		return
	}
	a.finish(transport.Lost, fmt.Errorf("%w: %s", transport.ErrAborted, describe(c.value)))
}
