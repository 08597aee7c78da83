package tcp

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// speaker is a peer that sends what it likes.
type speaker struct {
	net.Conn
	t testing.TB
}

// patient is a configuration that gives no peer up for its silence.
func patient() Config {
	cfg := quick(loopback)
	cfg.HeartbeatInterval = -1
	return cfg
}

func connect(t testing.TB, to transport.Address) speaker {
	t.Helper()
	conn, err := net.Dial("tcp", netip.AddrPortFrom(to.IPs[0], to.Port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return speaker{conn, t}
}

// says sends chunks; the peer may have hung up.
func (s speaker) says(chunks ...[]byte) { _, _ = s.Write(bytes.Join(chunks, nil)) }

// hears reads a chunk, of which heartbeats are left out.
func (s speaker) hears() (header, []byte) {
	s.t.Helper()
	for {
		h, err := readHeader(s, 0)
		if err != nil {
			s.t.Fatal(err)
		}
		v, err := readValue(s, h, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if h.kind != chunkHeartbeat {
			return h, v
		}
	}
}

func (s speaker) wants(kind byte) []byte {
	s.t.Helper()
	h, v := s.hears()
	if h.kind != kind {
		s.t.Fatalf("heard a chunk of type %d (%q); want %d", h.kind, v, kind)
	}
	return v
}

// hungUp waits for the end of the connection.
func (s speaker) hungUp() {
	s.t.Helper()
	if _, err := io.Copy(io.Discard, s); err != nil && strings.Contains(err.Error(), "timeout") {
		s.t.Error("the connection stays open")
	}
}

func init0(flags byte) []byte { return appendChunk(nil, chunkInit, flags) }

func message(tsn uint32, text string) []byte {
	return appendData(nil, tsn, 0, transport.Message{PPID: 11, Payload: []byte(text)})
}

func TestWhatIsNoInitIsRefused(t *testing.T) {
	cfg := quick(loopback)
	cfg.DialTimeout = 500 * time.Millisecond
	for _, tt := range []struct {
		name      string
		says      []byte
		malformed uint64
	}{
		{"nothing", nil, 0},
		{"half a header", []byte{1}, 0},
		{"a browser", []byte("GET / HTTP/1.1\r\n\r\n"), 1},
		{"DATA first", message(0, "x"), 1},
		{"an INIT with a giant length", []byte{1, 0, 0xff, 0xff}, 1},
		{"an INIT with a length of zero", []byte{1, 0, 0, 0}, 1},
		{"zeros", make([]byte, 100), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t, cfg, true)
			s := connect(t, p.endpoint.Local())
			s.says(tt.says)
			s.hungUp()
			waitFor(t, func() bool { return p.door.Stats().Refused == 1 })
			if st := p.door.Stats(); st.Malformed != tt.malformed || st.Associations != 0 {
				t.Errorf("%+v", st)
			}
			p.Silent(t)
		})
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}

func TestWhoBreaksTheRulesIsAborted(t *testing.T) {
	for _, tt := range []struct {
		name string
		says []byte
		want string
	}{
		{"a second INIT", init0(0), "second INIT"},
		{"a reserved type", []byte{77, 0, 0, 4}, "reserved type 77"},
		{"DATA without data", []byte{0, 0, 0, 16}, "length of 16"},
		{"DATA shorter than its header", []byte{0, 0, 0, 3}, "length of 3"},
		{"a TSN twice", append(message(0, "a"), message(0, "b")...), "TSN 0, 1 was next"},
		{"an ACK for nothing", appendChunk(nil, chunkAck, 0, 0, 0, 0, 0), "what was not sent"},
		{"an ACK from the future", appendChunk(nil, chunkAck, 0, 0x7f, 0, 0, 0), "what was not sent"},
		{"a giant heartbeat", []byte{4, 0, 0xff, 0xff}, "length of 65535"},
		{"SHUTDOWN ACK out of the blue", appendChunk(nil, chunkShutdownAck, 0), "nobody asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t, patient(), true)
			s := connect(t, p.endpoint.Local())
			s.says(init0(knowsEnd))
			s.wants(chunkInit)
			p.Want(t, transport.Up)
			s.says(tt.says)
			for {
				h, _ := s.hears()
				if h.kind == chunkAbort {
					break
				}
			}
			s.hungUp()
			for {
				if h := p.Next(t); h.Message == nil {
					if h.Kind != transport.Lost || !strings.Contains(h.Err.Error(), tt.want) {
						t.Errorf("heard %v; want lost: %s", h, tt.want)
					}
					break
				}
			}
			if n := p.door.Stats().Malformed; n != 1 {
				t.Errorf("%d malformed; want 1", n)
			}
		})
	}
}

func TestPeerOfTheDraftAlone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags byte
		data  []byte
		want  transport.Message
		ack   []byte
	}{
		{"all words", 0, message(0, "hi"), transport.Message{PPID: 11, Payload: []byte("hi")}, []byte{0, 0, 0, 0}},
		{"without TSN", withoutTSN, []byte{0, 4, 0, 14, 0, 7, 0, 0, 0, 0, 0, 12, 'h', 'i', 0, 0}, transport.Message{PPID: 12, Stream: 7, Unordered: true, Payload: []byte("hi")}, []byte{}},
		{"without anything", withoutTSN | withoutStream | withoutPPID, []byte{0, 0, 0, 6, 'h', 'i', 0, 0}, transport.Message{Payload: []byte("hi")}, []byte{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t, patient(), true)
			s := connect(t, p.endpoint.Local())
			s.says(init0(tt.flags))
			if h, _ := s.hears(); h.kind != chunkInit || h.flags&^knowsEnd != 0 {
				t.Fatalf("heard %v; want an INIT that leaves nothing out", h)
			}
			a := p.Want(t, transport.Up).Association
			s.says(tt.data)
			if got := p.WantMessage(t); got.PPID != tt.want.PPID || got.Stream != tt.want.Stream ||
				got.Unordered != tt.want.Unordered || !bytes.Equal(got.Payload, tt.want.Payload) {
				t.Errorf("heard %v; want %v", got, tt.want)
			}
			if got := s.wants(chunkAck); !bytes.Equal(got, tt.ack) {
				t.Errorf("acknowledged with %x; want %x", got, tt.ack)
			}
			s.says(appendChunk(nil, chunkHeartbeat, 0, 0, 1, 0, 8, 1, 2, 3, 4))
			if got := s.wants(chunkHeartbeatAck); !bytes.Equal(got, []byte{0, 1, 0, 8, 1, 2, 3, 4}) {
				t.Errorf("the heartbeat is answered by %x", got)
			}
			if err := a.Send(transport.Message{PPID: 11, Stream: 3, Payload: []byte("answer")}); err != nil {
				t.Fatal(err)
			}
			if got, want := s.wants(chunkData), []byte("\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x0banswer"); !bytes.Equal(got, want) {
				t.Errorf("the answer is %q; want %q", got, want)
			}
			s.says(appendChunk(nil, chunkAck, 0, 0, 0, 0, 0))
			// It knows no SHUTDOWN: the end of a half is all there is.
			if tt.flags == 0 {
				a.Shutdown()
				s.hungUp()
				_ = s.Close()
			} else if err := s.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			} else {
				s.hungUp()
			}
			p.Want(t, transport.Closed)
		})
	}
}

func TestPeerThatVanishesIsLost(t *testing.T) {
	const missed = "heartbeats in a row missed"
	for _, tt := range []struct {
		name string
		do   func(s speaker)
		want string // where it is missed heartbeats, these are sent
	}{
		{"half-open", func(speaker) {}, missed},
		{"half-closed without a shutdown", func(s speaker) { _ = s.Conn.(*net.TCPConn).CloseWrite() }, "without a shutdown"},
		{"in the middle of a chunk", func(s speaker) { s.says(message(0, "hello")[:10]); _ = s.Conn.(*net.TCPConn).CloseWrite() }, "without a shutdown"},
		{"reset", func(s speaker) { _ = s.Conn.(*net.TCPConn).SetLinger(0); _ = s.Close() }, "reset"},
		{"a chunk that never ends", func(s speaker) { s.says([]byte{0, 0, 0xff, 0xff, 0, 0}) }, missed},
		{"aborted", func(s speaker) { s.says(appendChunk(nil, chunkAbort, 0, []byte("no \x1b[31mmore")...)) }, "aborted by the peer: no ?[31mmore"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := patient()
			if tt.want == missed {
				cfg.HeartbeatInterval, cfg.MaxRetrans = 50*time.Millisecond, 2
			}
			p := newParty(t, cfg, true)
			s := connect(t, p.endpoint.Local())
			s.says(init0(knowsEnd))
			p.Want(t, transport.Up)
			tt.do(s)
			if h := p.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), tt.want) {
				t.Errorf("heard %v; want %q", h, tt.want)
			}
		})
	}
}

func TestPeerThatNeverReadsIsBounded(t *testing.T) {
	cfg := quick(loopback)
	cfg.HeartbeatInterval, cfg.WriteTimeout = -1, 300*time.Millisecond
	p := newParty(t, cfg, true)
	s := connect(t, p.endpoint.Local())
	s.says(init0(knowsEnd))
	a := p.Want(t, transport.Up).Association
	// It asks and asks, and reads nothing; we talk to it as well.
	go func() {
		beat := appendChunk(nil, chunkHeartbeat, 0, append([]byte{0, 1, 1, 0}, make([]byte, 252)...)...)
		for {
			if _, err := s.Write(beat); err != nil {
				return
			}
		}
	}()
	for err := error(nil); err == nil; {
		err = a.Send(transport.Message{PPID: 11, Payload: make([]byte, 30000)})
	}
	as := a.(*association)
	for {
		as.mu.Lock()
		size, over := len(as.out.buffer), as.state == ended
		as.mu.Unlock()
		if most := as.d.cfg.SendBuffer + maxAnswers + MaxMessage + 4096; size > most {
			t.Fatalf("%d bytes wait to be written; want %d at most", size, most)
		}
		if over {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if h := p.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), "does not read") {
		t.Errorf("heard %v", h)
	}
}

func TestSlowHandlerHoldsTheFloodUpAndKeepsTheAssociation(t *testing.T) {
	cfg := quick(loopback)
	cfg.HeartbeatInterval, cfg.ReceiveWindow = time.Hour, 1<<16
	p := newParty(t, cfg, true)
	gate := make(chan struct{})
	p.Block = func() { <-gate }
	s := connect(t, p.endpoint.Local())
	s.says(init0(knowsEnd))
	p.Want(t, transport.Up)
	go func() { // answers nothing while it floods
		for tsn := range uint32(500) {
			s.says(message(tsn, strings.Repeat("x", 10000)))
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, s) }()
	var a *association
	waitFor(t, func() bool {
		p.door.mu.Lock()
		defer p.door.mu.Unlock()
		for e := range p.door.endpoints {
			for x := range e.all {
				a = x
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.in.stalled
	})
	a.mu.Lock()
	if a.in.bytes > cfg.ReceiveWindow {
		t.Errorf("%d bytes wait; want %d at most", a.in.bytes, cfg.ReceiveWindow)
	}
	a.probe.sent, a.probe.misses = 1, cfg.MaxRetrans // heartbeats were missed meanwhile
	a.mu.Unlock()
	a.tick()
	a.mu.Lock()
	if a.probe.misses != 0 || a.state != up {
		t.Errorf("its silence counts while it is not read: %d misses, state %d", a.probe.misses, a.state)
	}
	a.mu.Unlock()
	close(gate)
	for range 500 {
		p.WantMessage(t)
	}
}

func TestFloodOfConnectionsLeavesRoomForOthers(t *testing.T) {
	cfg := quick(loopback)
	cfg.DialTimeout, cfg.MaxOpening = 20*time.Second, 8
	server := newParty(t, cfg, true)
	for range 50 {
		connect(t, server.endpoint.Local())
	}
	waitFor(t, func() bool { return server.door.Stats().Refused == 42 })
	if n := server.door.Stats().Associations; n != 8 {
		t.Errorf("%d are open; want 8", n)
	}
	client := newParty(t, cfg, false)
	client.dial(t, server.endpoint.Local())
	client.Want(t, transport.Up)
	server.Want(t, transport.Up)
}

func TestAssociationsAreLimited(t *testing.T) {
	cfg := patient()
	cfg.MaxAssociations = 1
	server := newParty(t, cfg, true)
	s := connect(t, server.endpoint.Local())
	s.says(init0(knowsEnd))
	server.Want(t, transport.Up)
	late := connect(t, server.endpoint.Local())
	late.hungUp()
	waitFor(t, func() bool { return server.door.Stats().Refused == 1 })
}

func FuzzPeer(f *testing.F) {
	d, err := Open(quick(loopback))
	if err != nil {
		f.Fatal(err)
	}
	defer d.Close()
	heard := transporttest.NewRecorder()
	ep, err := d.Open(transport.EndpointConfig{Listen: true, Handler: heard})
	if err != nil {
		f.Fatal(err)
	}
	to := ep.Local()
	f.Add(byte(0), message(0, "hello"))
	f.Add(byte(knowsEnd), appendChunk(nil, chunkShutdown, 0))
	f.Add(byte(withoutTSN), appendChunk(nil, chunkAbort, 0, 'x'))
	f.Add(byte(0), appendChunk(nil, chunkHeartbeat, 0, 0, 1, 0, 8, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, flags byte, rest []byte) {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(to.IPs[0], to.Port).String())
		if err != nil {
			t.Skip(err)
		}
		defer conn.Close()
		_, _ = conn.Write(append(init0(flags), rest...))
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("the connection stays open")
		}
	})
}
