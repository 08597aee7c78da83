package udp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
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

func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(r, other *raw, cookie []byte) // sends a COOKIE ECHO
	}{
		{"tampered", func(r, _ *raw, c []byte) {
			c[20] ^= 1
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
		}},
		{"tampered signature", func(r, _ *raw, c []byte) {
			c[len(c)-1] ^= 1
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
		}},
		{"truncated", func(r, _ *raw, c []byte) { r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c[:len(c)-4])) }},
		{"empty", func(r, _ *raw, _ []byte) { r.send(r.peer.tag, chunk1(chunkCookieEcho, 0)) }},
		{"with another tag", func(r, _ *raw, c []byte) { r.send(r.peer.tag^1, chunk1(chunkCookieEcho, 0, c)) }},
		{"from another UDP port", func(r, other *raw, c []byte) { other.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c)) }},
		{"from another SCTP port", func(r, _ *raw, c []byte) {
			r.h.source++
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
			r.h.source--
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, heard := target(t, Config{})
			r := newRaw(t, d)
			cookie := r.init()
			tt.bad(r, newRaw(t, d), bytes.Clone(cookie))
			r.quiet()
			heard.Silent(t)
			if s := d.Stats(); s.BadCookies != 1 || s.Associations != 0 {
				t.Errorf("%+v", s)
			}
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie)) // it is still good
			r.want(chunkCookieAck)
			heard.Want(t, transport.Up)
		})
	}
}

func TestCookieReplay(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	cookie := r.establish()
	heard.Want(t, transport.Up)
	// While the association lives, a duplicate is acknowledged and nothing else.
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	r.want(chunkCookieAck)
	r.send(r.peer.tag, chunk1(chunkAbort, 0))
	heard.Want(t, transport.Lost)
	// Afterwards, it makes no second one.
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	r.quiet()
	heard.Silent(t)
	if s := d.Stats(); s.BadCookies != 1 || s.Associations != 0 {
		t.Errorf("%+v", s)
	}
}

func TestStaleCookieIsReported(t *testing.T) {
	d, heard := target(t, Config{CookieLife: time.Nanosecond})
	r := newRaw(t, d)
	cookie := r.init()
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	if kind, staleness, _, ok := nextParameter(r.want(chunkError).value); !ok || kind != causeStaleCookie || len(staleness) != 4 {
		t.Errorf("cause %d %x", kind, staleness)
	}
	heard.Silent(t)
	if n := d.Stats().BadCookies; n != 1 {
		t.Errorf("%d bad cookies counted", n)
	}
}

func TestDiallerBeginsAnewWhenItsCookieIsStale(t *testing.T) {
	d, heard := target(t, Config{CookieLife: 50 * time.Millisecond})
	held := false
	to := newLossy(t, d, func(_ int, p []byte, pass func([]byte)) {
		if !held && p[headerLen] == chunkCookieEcho {
			held = true
			time.Sleep(100 * time.Millisecond) // the network takes its time
		}
		pass(p)
	})
	user := open(t, quick(loopback))
	defer user.Close()
	mine := transporttest.NewRecorder()
	ep, err := user.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ep.Dial(to); err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Up)
	heard.Want(t, transport.Up)
	if n := d.Stats().Inits; n < 2 {
		t.Errorf("%d INITs; want a second one", n)
	}
}

func TestRestartNeedsTheRightTieTags(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	first := heard.Want(t, transport.Up).Association
	// Two INITs of a restarted peer; the second association makes the cookie of
	// the first useless.
	r.local.tag++
	early := r.init()
	earlyTag := r.peer.tag
	r.local.tag++
	r.establish()
	if h := heard.Want(t, transport.Restarted); h.Association != first {
		t.Error("another association was restarted")
	}
	r.send(earlyTag, chunk1(chunkCookieEcho, 0, early))
	r.quiet()
	r.send(r.peer.tag, data(100, 0, "lives"))
	heard.WantMessage(t)
	heard.Silent(t)
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

// 50,000 INITs leave nothing behind, and service goes on meanwhile.
func TestInitFlood(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := open(t, quick(loopback))
	defer d.Close()
	heard := transporttest.NewRecorder()
	ep := listener(t, d, heard)
	conn, err := net.Dial("udp", d.conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	goroutines := runtime.NumGoroutine()
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		defer conn.Close()
		for i := range 50000 {
			p := appendHeader(nil, header{uint16(1024 + i%60000), 3863, 0})
			p = appendChunk(p, chunkInit, 0, initiation{tag: uint32(i + 1), window: 1 << 16, tsn: 1, out: 9, in: 9}.append(nil))
			seal(p)
			_, _ = conn.Write(p)
		}
	}()
	user := open(t, quick(loopback))
	defer user.Close()
	served := 0
	for done := false; !done; served++ {
		select {
		case <-flooded:
			done = true
		default:
		}
		mine := transporttest.NewRecorder()
		uep, err := user.Open(transport.EndpointConfig{Handler: mine})
		if err != nil {
			t.Fatal(err)
		}
		a, err := uep.Dial(ep.Local())
		if err != nil {
			t.Fatal(err)
		}
		mine.Want(t, transport.Up)
		heard.Want(t, transport.Up)
		if err := a.Send(transport.Message{PPID: 11, Payload: []byte("served")}); err != nil {
			t.Fatal(err)
		}
		heard.WantMessage(t)
		a.Abort("done")
		heard.Want(t, transport.Lost)
		if err := uep.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Stats()
	t.Logf("%d INITs answered, %d associations served meanwhile", s.Inits, served)
	if s.Associations != 0 || s.Inits < 1000 {
		t.Errorf("%+v", s)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 20 {
		t.Errorf("%d goroutines more", n)
	}
}

func TestLimitOfAssociations(t *testing.T) {
	d, heard := target(t, Config{MaxAssociations: 1})
	r := newRaw(t, d)
	r.establish()
	heard.Want(t, transport.Up)
	other := newRaw(t, d)
	other.send(0, chunk1(chunkInit, 0, other.local.append(nil)))
	if kind, _, _, _ := nextParameter(other.want(chunkAbort).value); kind != causeOutOfResource {
		t.Errorf("cause %d", kind)
	}
	mine := transporttest.NewRecorder()
	ep, err := d.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ep.Dial(ep.Local()); err == nil || !strings.Contains(err.Error(), "1 associations") {
		t.Errorf("dial: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"port", Config{UDPPort: 70000}},
		{"MTU", Config{MTU: 100}},
		{"streams", Config{Streams: 1 << 16}},
		{"window", Config{ReceiveWindow: 1000}},
		{"RTO", Config{RTOMin: time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d, err := Open(tt.cfg); err == nil {
				t.Error(errors.Join(errors.New("opened"), d.Close()))
			}
		})
	}
}
