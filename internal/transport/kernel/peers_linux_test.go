//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// foreign is a peer that is a program of another kind: a socket that blocks.
type foreign struct {
	*sctp.SCTPConn
	fd int
}

// dialForeign dials an endpoint.
func dialForeign(t testing.TB, from netip.Addr, to transport.Address) *foreign {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{sctp.NewSCTPConn(fd, nil), fd}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetInitMsg(16, 16, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := sctp.SCTPBind(fd, sctpAddr([]netip.Addr{from}, 0), sctp.SCTP_BINDX_ADD_ADDR); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(fd, to.IPs, to.Port); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *foreign) send(t testing.TB, text string) {
	t.Helper()
	if _, err := f.SCTPWrite([]byte(text), &sctp.SndRcvInfo{PPID: 11}); err != nil {
		t.Fatal(err)
	}
}

// listener opens a listening endpoint of a door of its own.
func listener(t testing.TB, cfg Config) (*Door, transport.Endpoint, *transporttest.Recorder) {
	t.Helper()
	d := open(t, cfg)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	r := transporttest.NewRecorder()
	ep, err := d.Open(transport.EndpointConfig{Listen: true, Handler: r})
	if err != nil {
		t.Fatal(err)
	}
	return d, ep, r
}

// link dials and waits for both ends.
func link(t testing.TB, from transport.Endpoint, mine *transporttest.Recorder, to transport.Endpoint, theirs *transporttest.Recorder) (here, there transport.Association) {
	t.Helper()
	if _, err := from.Dial(to.Local()); err != nil {
		t.Fatal(err)
	}
	return mine.Want(t, transport.Up).Association, theirs.Want(t, transport.Up).Association
}

func TestEndsAreToldApart(t *testing.T) {
	needKernel(t)
	for _, tt := range []struct {
		name    string
		end     func(t *testing.T, f *foreign, at netip.Addr)
		kind    transport.EventKind
		aborted bool
		why     string
	}{
		{
			name: "close is orderly", kind: transport.Closed,
			end: func(t *testing.T, f *foreign, _ netip.Addr) { _ = f.Close() },
		},
		{
			name: "abort without a reason", kind: transport.Lost, aborted: true, why: "without a reason",
			end: func(t *testing.T, f *foreign, _ netip.Addr) {
				if err := abortOnClose(f.fd); err != nil {
					t.Fatal(err)
				}
				_ = unix.Close(f.fd)
			},
		},
		{
			name: "half a close is the whole one", kind: transport.Closed,
			end: func(t *testing.T, f *foreign, _ netip.Addr) {
				if err := unix.Shutdown(f.fd, unix.SHUT_WR); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "silence", kind: transport.Lost, why: "does not answer any more",
			end: func(t *testing.T, f *foreign, at netip.Addr) { plug(t, at, false) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, ep, heard := listener(t, quick(host(t)))
			at := host(t)
			f := dialForeign(t, at, ep.Local())
			heard.Want(t, transport.Up)
			f.send(t, "hello")
			heard.WantMessage(t)
			tt.end(t, f, at)
			h := heard.Want(t, tt.kind)
			if tt.kind == transport.Closed {
				return
			}
			if errors.Is(h.Err, transport.ErrAborted) != tt.aborted || !strings.Contains(h.Err.Error(), tt.why) {
				t.Errorf("heard %v", h)
			}
		})
	}
}

func TestPeersThatNeverReadStarveNobody(t *testing.T) {
	needKernel(t)
	for _, tt := range []struct {
		name    string
		stuck   int
		buffer  int
		message int
	}{
		{"one that gets much", 1, 8 << 20, 60000},
		{"many that share a small buffer", 60, 1 << 16, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := quick(host(t))
			cfg.SocketBuffer = tt.buffer
			d, ep, heard := listener(t, cfg)
			at := host(t)
			var stuck []transport.Association
			for range tt.stuck {
				f := dialForeign(t, at, ep.Local())
				if err := unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
					t.Fatal(err)
				}
				stuck = append(stuck, heard.Want(t, transport.Up).Association)
			}
			_, healthy, mine := listener(t, quick(host(t)))
			here, there := link(t, healthy, mine, ep, heard)
			m := transport.Message{PPID: 11, Payload: make([]byte, tt.message)}
			for _, a := range stuck {
				refused := false
				for range 20000 {
					if err := a.Send(m); errors.Is(err, transport.ErrBackpressure) {
						refused = true
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if !refused {
					t.Fatal("a peer that never reads is never too slow")
				}
			}
			for i := range 50 {
				text := fmt.Sprint("message ", i)
				send(t, there, text)
				if got := mine.WantMessage(t); string(got.Payload) != text {
					t.Fatalf("heard %q", got.Payload)
				}
				send(t, here, text)
				if got := heard.WantMessage(t); string(got.Payload) != text {
					t.Fatalf("heard %q", got.Payload)
				}
			}
			for _, a := range stuck {
				a.Abort("too slow")
				heard.Want(t, transport.Lost)
			}
			if n := d.Stats().Associations; n != 1 {
				t.Errorf("%d associations are left", n)
			}
		})
	}
}

// send sends, and waits where there is no room.
func send(t testing.TB, a transport.Association, text string) {
	t.Helper()
	for {
		err := a.Send(transport.Message{PPID: 11, Payload: []byte(text)})
		if err == nil {
			return
		}
		if !errors.Is(err, transport.ErrBackpressure) {
			t.Fatal(err)
		}
		room := make(chan struct{})
		a.Writable(func() { close(room) })
		select {
		case <-room:
		case <-time.After(20 * time.Second):
			t.Fatal("there is never room")
		}
	}
}

// gate is a handler of which the messages of some associations wait.
type gate struct {
	*transporttest.Recorder
	slow func(transport.Message) bool
	open chan struct{}
}

func (g gate) Message(a transport.Association, m transport.Message) {
	if g.slow(m) {
		<-g.open
	}
	g.Recorder.Message(a, m)
}

func TestFloodForASlowHandlerIsHeldUpAndStaysInOrder(t *testing.T) {
	needKernel(t)
	d := open(t, quick(host(t)))
	defer d.Close()
	g := gate{transporttest.NewRecorder(), func(m transport.Message) bool { return m.PPID == 77 }, make(chan struct{})}
	ep, err := d.Open(transport.EndpointConfig{Listen: true, Handler: g})
	if err != nil {
		t.Fatal(err)
	}
	_, flooder, mine := listener(t, quick(host(t)))
	flood, _ := link(t, flooder, mine, ep, g.Recorder)
	_, healthy, theirs := listener(t, quick(host(t)))
	fine, back := link(t, healthy, theirs, ep, g.Recorder)
	sent := 0
	for ; sent < 1<<20; sent++ {
		err := flood.Send(transport.Message{PPID: 77, Payload: fmt.Appendf(make([]byte, 1000), "%d", sent)})
		if errors.Is(err, transport.ErrBackpressure) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if sent%500 == 0 {
			send(t, fine, "fine")
			if m := g.WantMessage(t); string(m.Payload) != "fine" {
				t.Fatalf("heard %q", m.Payload)
			}
			send(t, back, "well")
			theirs.WantMessage(t)
		}
	}
	close(g.open)
	for i := range sent {
		if got, want := string(g.WantMessage(t).Payload[1000:]), fmt.Sprint(i); got != want {
			t.Fatalf("heard message %s; want %s of %d", got, want, sent)
		}
	}
	flood.Shutdown()
	g.Want(t, transport.Closed)
	mine.Want(t, transport.Closed)
	send(t, fine, "still fine")
	g.WantMessage(t)
}

func TestBurstOfDialsIsNotRefused(t *testing.T) {
	needKernel(t)
	const n = 600
	_, ep, heard := listener(t, quick(host(t)))
	d := open(t, quick(host(t)))
	defer d.Close()
	mine := transporttest.NewRecorder()
	for range n {
		from, err := d.Open(transport.EndpointConfig{Handler: mine})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := from.Dial(ep.Local()); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		mine.Want(t, transport.Up)
		heard.Want(t, transport.Up)
	}
}

func TestSignalsInterruptNothing(t *testing.T) {
	needKernel(t)
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
				_ = unix.Kill(unix.Getpid(), unix.SIGURG) // as the runtime's preemption
			}
		}
	}()
	defer func() { close(quit); <-gone }()
	_, ep, heard := listener(t, quick(host(t)))
	_, from, mine := listener(t, quick(host(t)))
	for range 20 {
		here, there := link(t, from, mine, ep, heard)
		for range 50 {
			send(t, here, "ping")
			heard.WantMessage(t)
			send(t, there, "pong")
			mine.WantMessage(t)
		}
		here.Shutdown()
		mine.Want(t, transport.Closed)
		heard.Want(t, transport.Closed)
	}
}

func TestLargeMessagesOfManyStayWhole(t *testing.T) {
	needKernel(t)
	_, ep, heard := listener(t, Config{Listen: []netip.Addr{host(t)}})
	d := open(t, Config{Listen: []netip.Addr{host(t)}})
	defer d.Close()
	const peers, each = 12, 10
	mine := transporttest.NewRecorder()
	for range peers {
		from, err := d.Open(transport.EndpointConfig{Handler: mine})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := from.Dial(ep.Local()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range peers {
		a := mine.Want(t, transport.Up).Association
		go func() {
			for range each {
				send(t, a, strings.Repeat(string(rune('a'+i)), transport.MaxMessage))
			}
		}()
	}
	for n := 0; n < peers*each; {
		h := heard.Next(t)
		if h.Message == nil {
			if h.Kind != transport.Up {
				t.Fatalf("heard %v", h)
			}
			continue
		}
		n++
		p := string(h.Message.Payload)
		if len(p) != transport.MaxMessage || p != strings.Repeat(p[:1], len(p)) {
			t.Fatalf("message of %d bytes is mixed", len(p))
		}
	}
}

func TestMessageAboveTheLimitEndsTheAssociation(t *testing.T) {
	needKernel(t)
	_, ep, heard := listener(t, quick(host(t)))
	f := dialForeign(t, host(t), ep.Local())
	heard.Want(t, transport.Up)
	f.send(t, strings.Repeat("x", transport.MaxMessage+1))
	if h := heard.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), "above 65535 bytes") {
		t.Errorf("heard %v", h)
	}
}
