package udp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/rspool/rspool/internal/transport"
)

func TestForgedPacketsChangeNothing(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	heard.Want(t, transport.Up)
	stranger := newRaw(t, d) // another UDP port, the same SCTP ports
	for _, forger := range []*raw{r, stranger} {
		for _, tt := range []struct {
			name  string
			tag   uint32
			chunk []byte
		}{
			{"ABORT", r.peer.tag ^ 1, chunk1(chunkAbort, 0)},
			{"ABORT with T and the tag of nobody", 77, chunk1(chunkAbort, flagT)},
			{"ABORT with T and our own tag off by one", r.local.tag ^ 1, chunk1(chunkAbort, flagT)},
			{"SHUTDOWN", r.peer.tag ^ 1, chunk1(chunkShutdown, 0, make([]byte, 4))},
			{"SHUTDOWN COMPLETE", r.peer.tag ^ 1, chunk1(chunkShutdownComplete, 0)},
			{"SHUTDOWN COMPLETE with T", 77, chunk1(chunkShutdownComplete, flagT)},
			{"DATA", r.peer.tag ^ 1, data(100, 0, "forged")},
			{"DATA without a tag", 0, data(100, 0, "forged")},
			{"ERROR", r.peer.tag ^ 1, chunk1(chunkError, 0, appendParameter(nil, causeStaleCookie, make([]byte, 4)))},
			{"INIT ACK", r.peer.tag ^ 1, chunk1(chunkInitAck, 0, r.local.append(nil))},
			{"COOKIE ACK", r.peer.tag ^ 1, chunk1(chunkCookieAck, 0)},
			{"SACK", r.peer.tag ^ 1, chunk1(chunkSack, 0, make([]byte, 12))},
		} {
			t.Run(tt.name, func(t *testing.T) { forger.send(tt.tag, tt.chunk) })
		}
	}
	// From elsewhere, a reflected tag proves nothing even if it is right.
	stranger.send(r.local.tag, chunk1(chunkAbort, flagT))
	r.send(r.peer.tag, data(100, 0, "true"))
	if m := heard.WantMessage(t); string(m.Payload) != "true" {
		t.Errorf("heard %q", m.Payload)
	}
	heard.Silent(t)
	if s := d.Stats(); s.Associations != 1 {
		t.Errorf("%+v", s)
	}
	// The peer's own, reflected, is an answer to one of our packets.
	r.send(r.local.tag, chunk1(chunkAbort, flagT))
	heard.Want(t, transport.Lost)
}

func TestMalformedPacketsAreCountedAndDropped(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	heard.Want(t, transport.Up)
	good := func(chunks ...[]byte) []byte {
		p := appendHeader(nil, header{5000, 3863, r.peer.tag})
		for _, c := range chunks {
			p = append(p, c...)
		}
		seal(p)
		return p
	}
	sealed := func(p []byte) []byte { seal(p); return p }
	message := data(100, 0, "truth")
	packets := map[string][]byte{
		"empty":            {},
		"header alone":     good(),
		"bad checksum":     func() []byte { p := good(message); p[9] ^= 1; return p }(),
		"zero checksum":    func() []byte { p := good(message); clear(p[8:12]); return p }(),
		"zero ports":       sealed(append(make([]byte, 12), message...)),
		"chunk too short":  sealed(append(appendHeader(nil, header{5000, 3863, r.peer.tag}), 0, 0, 0, 3)),
		"chunk too long":   sealed(append(appendHeader(nil, header{5000, 3863, r.peer.tag}), 0, 0, 0, 200)),
		"second truncated": sealed(append(append(appendHeader(nil, header{5000, 3863, r.peer.tag}), message...), 0, 0, 255, 255)),
		"INIT and DATA":    sealed(append(append(appendHeader(nil, header{5000, 3863, 0}), chunk1(chunkInit, 0, r.local.append(nil))...), message...)),
		"INIT with a tag":  good(chunk1(chunkInit, 0, r.local.append(nil))),
	}
	whole := good(message)
	for n := range len(whole) {
		packets[fmt.Sprintf("first %d bytes", n)] = whole[:n]
	}
	for _, p := range packets {
		r.write(p)
	}
	r.quiet()
	heard.Silent(t)
	if s := d.Stats(); s.Malformed != uint64(len(packets)) {
		t.Errorf("%d counted as malformed; want %d", s.Malformed, len(packets))
	}
	// Chunks that are whole, but nonsense inside, do no harm either.
	for kind := range 256 {
		for _, n := range []int{0, 1, 3, 4, 11, 12, 13, 20} {
			if byte(kind) == chunkAbort || byte(kind) == chunkData && n == 12 || byte(kind) == chunkInit {
				continue
			}
			v := make([]byte, n)
			for i := range v {
				v[i] = byte(rand.Uint32())
			}
			switch byte(kind) {
			case chunkData, chunkShutdown, chunkShutdownComplete, chunkShutdownAck: // meant, where well-formed
				if n >= 12 || n == 4 || n == 0 {
					continue
				}
			}
			r.send(r.peer.tag, chunk1(byte(kind), byte(rand.Uint32()), v))
		}
	}
	r.send(r.peer.tag, message)
	if m := heard.WantMessage(t); string(m.Payload) != "truth" {
		t.Errorf("heard %q", m.Payload)
	}
}

func TestUnknownChunksFollowTheirUpperBits(t *testing.T) {
	for _, tt := range []struct {
		kind            byte
		report, deliver bool
	}{
		{0x3e, false, false}, {0x7e, true, false}, {0xbe, false, true}, {0xfe, true, true},
	} {
		t.Run(fmt.Sprintf("%#x", tt.kind), func(t *testing.T) {
			d, heard := target(t, Config{HeartbeatInterval: -1})
			r := newRaw(t, d)
			r.establish()
			heard.Want(t, transport.Up)
			r.send(r.peer.tag, chunk1(tt.kind, 0, []byte("what")), data(100, 0, "after"))
			if tt.report {
				kind, value, _, _ := nextParameter(r.want(chunkError).value)
				if kind != causeUnknownChunk || !bytes.Equal(value, chunk1(tt.kind, 0, []byte("what"))) {
					t.Errorf("reported %d %x", kind, value)
				}
			}
			if tt.deliver {
				heard.WantMessage(t)
				return
			}
			r.quiet()
			heard.Silent(t)
		})
	}
}

func TestUnknownParametersFollowTheirUpperBits(t *testing.T) {
	d, _ := target(t, Config{})
	r := newRaw(t, d)
	parameter := func(kind uint16) []byte { return appendParameter(nil, kind, []byte{1, 2, 3}) }
	r.send(0, chunk1(chunkInit, 0, r.local.append(nil), parameter(0xfe01), parameter(0xbe02), parameter(0x7e03), parameter(0xfe04)))
	c := r.want(chunkInitAck)
	var reported []uint16
	for b := c.value[initiationLen:]; ; {
		kind, value, rest, ok := nextParameter(b)
		if !ok {
			break
		}
		if kind == parameterUnrecognized {
			reported = append(reported, be.Uint16(value))
		}
		b = rest
	}
	if fmt.Sprintf("%x", reported) != "[fe01 7e03]" {
		t.Errorf("reported %x; want fe01, 7e03 and nothing after it", reported)
	}
}

func TestInvalidInitIsAborted(t *testing.T) {
	d, _ := target(t, Config{})
	for _, tt := range []struct {
		name   string
		change func(*raw)
		answer bool
	}{
		{"no tag", func(r *raw) { r.local.tag = 0 }, false},
		{"no streams out", func(r *raw) { r.local.out = 0 }, true},
		{"no streams in", func(r *raw) { r.local.in = 0 }, true},
		{"window too small", func(r *raw) { r.local.window = 1499 }, true},
		{"nobody listens", func(r *raw) { r.h.destination = 9901 }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRaw(t, d)
			tt.change(r)
			r.send(0, chunk1(chunkInit, 0, r.local.append(nil)))
			if tt.answer {
				r.want(chunkAbort)
			}
			r.quiet()
		})
	}
}

func TestOutOfTheBlue(t *testing.T) {
	d, _ := target(t, Config{})
	for _, tt := range []struct {
		name   string
		chunks [][]byte
		answer int // a chunk type, or -1
	}{
		{"DATA", [][]byte{data(1, 0, "x")}, chunkAbort},
		{"SACK", [][]byte{chunk1(chunkSack, 0, make([]byte, 12))}, chunkAbort},
		{"HEARTBEAT", [][]byte{chunk1(chunkHeartbeat, 0, appendParameter(nil, 1, []byte("info")))}, chunkAbort},
		{"SHUTDOWN", [][]byte{chunk1(chunkShutdown, 0, make([]byte, 4))}, chunkAbort},
		{"SHUTDOWN ACK", [][]byte{chunk1(chunkShutdownAck, 0)}, chunkShutdownComplete},
		{"ABORT", [][]byte{chunk1(chunkAbort, 0)}, -1},
		{"DATA and ABORT", [][]byte{data(1, 0, "x"), chunk1(chunkAbort, 0)}, -1},
		{"SHUTDOWN COMPLETE", [][]byte{chunk1(chunkShutdownComplete, 0)}, -1},
		{"COOKIE ACK", [][]byte{chunk1(chunkCookieAck, 0)}, -1},
		{"INIT ACK", [][]byte{chunk1(chunkInitAck, 0, initiation{tag: 1, out: 1, in: 1, window: 1500}.append(nil))}, -1},
		{"ERROR", [][]byte{chunk1(chunkError, 0)}, -1},
		{"COOKIE ECHO", [][]byte{chunk1(chunkCookieEcho, 0, make([]byte, cookieLen))}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRaw(t, d)
			r.send(4711, tt.chunks...)
			if tt.answer >= 0 {
				if tag, c := r.next(); int(c.kind) != tt.answer || tag != 4711 || c.flags != flagT {
					t.Errorf("answered with chunk %d, flags %d, tag %d; want %d with T and the tag reflected", c.kind, c.flags, tag, tt.answer)
				}
			}
			r.quiet()
		})
	}
}

func TestNonsenseInDataIsAnswered(t *testing.T) {
	t.Run("a stream that does not exist", func(t *testing.T) {
		d, heard := target(t, Config{HeartbeatInterval: -1})
		r := newRaw(t, d)
		r.establish()
		heard.Want(t, transport.Up)
		r.send(r.peer.tag, data(100, 999, "lost"), data(101, 1, "found"))
		kind, value, _, _ := nextParameter(r.want(chunkError).value)
		if kind != causeInvalidStream || be.Uint16(value) != 999 {
			t.Errorf("cause %d, %x", kind, value)
		}
		if m := heard.WantMessage(t); string(m.Payload) != "found" {
			t.Errorf("heard %q", m.Payload)
		}
		if sack := r.want(chunkSack); be.Uint32(sack.value) != 101 {
			t.Errorf("acknowledged up to %d", be.Uint32(sack.value))
		}
	})
	t.Run("no data", func(t *testing.T) {
		d, heard := target(t, Config{HeartbeatInterval: -1})
		r := newRaw(t, d)
		r.establish()
		heard.Want(t, transport.Up)
		r.send(r.peer.tag, data(100, 0, ""))
		if kind, _, _, _ := nextParameter(r.want(chunkAbort).value); kind != causeNoUserData {
			t.Errorf("cause %d", kind)
		}
		heard.Want(t, transport.Lost)
	})
	t.Run("a chunk too large to take", func(t *testing.T) {
		d, heard := target(t, Config{HeartbeatInterval: -1})
		r := newRaw(t, d)
		r.establish()
		heard.Want(t, transport.Up)
		r.send(r.peer.tag, data(100, 0, strings.Repeat("x", 8000)))
		heard.WantMessage(t)
		r.want(chunkSack)
		r.send(r.peer.tag, data(101, 1, strings.Repeat("x", 5000)), data(102, 2, strings.Repeat("x", 5000)))
		heard.WantMessage(t)
		heard.WantMessage(t)
		r.send(r.peer.tag, data(103, 0, strings.Repeat("x", 9000)))
		if h := heard.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), "8192") {
			t.Error(h.Err)
		}
	})
}

func TestPeerMayMoveToAnotherUDPPort(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	a := heard.Want(t, transport.Up).Association
	moved := newRaw(t, d)
	moved.peer = r.peer
	moved.send(r.peer.tag^1, data(100, 0, "forged"))
	moved.quiet0()
	if a.Remote().UDPPort == moved.port() {
		t.Fatal("followed a packet with a forged tag")
	}
	moved.send(r.peer.tag, data(100, 0, "moved"))
	heard.WantMessage(t)
	if a.Remote().UDPPort != moved.port() {
		t.Error("not followed")
	}
	if err := a.Send(transport.Message{PPID: 11, Payload: []byte("there")}); err != nil {
		t.Fatal(err)
	}
	for {
		if _, c := moved.next(); c.kind == chunkData {
			break
		}
	}
}

func (r *raw) port() uint16 { return r.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// quiet0 is quiet after a packet that is answered with a reflected ABORT.
func (r *raw) quiet0() {
	r.t.Helper()
	if _, c := r.next(); c.kind != chunkAbort {
		r.t.Fatalf("answered with chunk %d", c.kind)
	}
}

func TestHeartbeatsAreAnsweredAndForgedAnswersIgnored(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	a := heard.Want(t, transport.Up).Association
	info := appendParameter(nil, 1, []byte("give it back"))
	r.send(r.peer.tag, chunk1(chunkHeartbeat, 0, info))
	if c := r.want(chunkHeartbeatAck); !bytes.Equal(c.value, info) {
		t.Errorf("answered %x", c.value)
	}
	r.send(r.peer.tag, chunk1(chunkHeartbeatAck, 0, appendParameter(nil, 1, make([]byte, 16))))
	r.quiet()
	if rtt := a.RTT(); rtt != 0 {
		t.Errorf("RTT %v of nothing", rtt)
	}
}
