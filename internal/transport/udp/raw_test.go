package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// raw is a peer by hand: it sends and reads single packets.
type raw struct {
	t     testing.TB
	conn  *net.UDPConn
	h     header // of its packets
	local initiation
	peer  initiation
}

// newRaw makes a raw peer of the door's port 3863.
func newRaw(t testing.TB, d *Door) *raw {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, d.port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &raw{
		t: t, conn: conn, h: header{source: 5000, destination: 3863},
		local: initiation{tag: 0xcafe, window: 1 << 17, tsn: 100, out: 16, in: 16},
	}
}

// send sends a packet of whole chunks with the tag.
func (r *raw) send(tag uint32, chunks ...[]byte) {
	r.t.Helper()
	h := r.h
	h.tag = tag
	p := appendHeader(nil, h)
	for _, c := range chunks {
		p = append(p, c...)
	}
	seal(p)
	r.write(p)
}

func (r *raw) write(p []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(p); err != nil {
		r.t.Fatal(err)
	}
}

// chunk1 builds a chunk.
func chunk1(kind, flags byte, value ...[]byte) []byte { return appendChunk(nil, kind, flags, value...) }

// next returns the tag and the first chunk of the next packet, heartbeats aside.
func (r *raw) next() (tag uint32, c chunk) {
	r.t.Helper()
	buf := make([]byte, 1<<16)
	if err := r.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			r.t.Fatal(err)
		}
		h, ok := parsePacket(buf[:n])
		if !ok {
			r.t.Fatalf("the door sent %x, which is malformed", buf[:n])
		}
		if c, _, _ := nextChunk(buf[headerLen:n]); c.kind != chunkHeartbeat {
			return h.tag, c
		}
	}
}

// want returns the next packet's first chunk, which must be of the kind and bear
// our tag.
func (r *raw) want(kind byte) chunk {
	r.t.Helper()
	tag, c := r.next()
	if c.kind != kind || tag != r.local.tag {
		r.t.Fatalf("the door sent chunk %d with tag %#x; want %d with %#x", c.kind, tag, kind, r.local.tag)
	}
	return c
}

// quiet fails if the door has answered what was sent. It asks for an answer
// itself, so that it need not wait for nothing.
func (r *raw) quiet() {
	r.t.Helper()
	source := r.h.source
	r.h.source = 6
	r.send(0x12345678, chunk1(chunkCookieEcho+100, 0))
	r.h.source = source
	if tag, c := r.next(); tag != 0x12345678 {
		r.t.Fatalf("the door answered with chunk %d", c.kind)
	}
}

// init sends an INIT and returns the cookie.
func (r *raw) init(parameters ...[]byte) []byte {
	r.t.Helper()
	v := [][]byte{r.local.append(nil)}
	r.send(0, chunk1(chunkInit, 0, append(v, parameters...)...))
	c := r.want(chunkInitAck)
	peer, rest, ok := parseInitiation(c.value)
	if !ok {
		r.t.Fatalf("INIT ACK %x is invalid", c.value)
	}
	r.peer = peer
	kind, cookie, _, _ := nextParameter(rest)
	if kind != parameterCookie {
		r.t.Fatalf("parameter %d comes first in INIT ACK", kind)
	}
	return append([]byte(nil), cookie...)
}

// establish does the whole handshake.
func (r *raw) establish() (cookie []byte) {
	r.t.Helper()
	cookie = r.init()
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	r.want(chunkCookieAck)
	return cookie
}

// data is a DATA chunk that holds a whole message.
func data(tsn uint32, stream uint16, payload string) []byte {
	v := be.AppendUint32(nil, tsn)
	v = be.AppendUint16(v, stream)
	v = be.AppendUint16(v, 0)
	v = be.AppendUint32(v, 11)
	return chunk1(chunkData, 3, v, []byte(payload))
}

// target is a door that listens at port 3863.
func target(t testing.TB, cfg Config) (*Door, *transporttest.Recorder) {
	t.Helper()
	cfg.Listen = loopback
	d, r := open(t, cfg), transporttest.NewRecorder()
	t.Cleanup(func() { _ = d.Close() })
	listener(t, d, r)
	return d, r
}

// lossy carries packets between two doors and treats them badly.
type lossy struct {
	conn  *net.UDPConn
	treat func(n int, p []byte, pass func([]byte))
}

// newLossy returns a proxy for the door: what reaches it from anybody else goes
// to the door, and what the door sends goes back to the last who wrote.
func newLossy(t testing.TB, d *Door, treat func(n int, p []byte, pass func([]byte))) transport.Address {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(loopback, d.port)
	ended := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	go func() {
		defer close(ended)
		var other netip.AddrPort
		buf := make([]byte, 1<<16)
		for n := 0; ; n++ {
			k, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			next := to
			if from == to {
				next = other
			} else {
				other = from
			}
			treat(n, buf[:k], func(p []byte) { _, _ = conn.WriteToUDPAddrPort(p, next) })
		}
	}()
	return transport.Address{IPs: []netip.Addr{loopback}, Port: 3863, UDPPort: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()}
}
