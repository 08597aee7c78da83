package registrar

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/udp"
)

// waiting is a peer whose messages are waited for, on real time.
type waiting struct {
	events   chan transport.EventKind
	messages chan asap.Message
}

func (w *waiting) Event(_ transport.Association, kind transport.EventKind, _ error) { w.events <- kind }

func (w *waiting) Message(_ transport.Association, m transport.Message) {
	msg, _, err := asap.Parse(m.Payload)
	if err == nil {
		w.messages <- msg
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard for 20 s")
		panic("not reached")
	}
}

func TestRegistrarOverUDP(t *testing.T) {
	r, err := New(Config{
		ID: 0x0a, Listen: "127.0.0.1", UDPPort: -1, ASAPPort: -1, Log: quiet,
		KeepAliveInterval: 20 * time.Millisecond,
		Announce:          AnnounceConfig{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()

	door, err := udp.Open(udp.Config{Listen: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	w := &waiting{events: make(chan transport.EventKind, 10), messages: make(chan asap.Message, 100)}
	endpoint, err := door.Open(transport.EndpointConfig{Handler: w})
	if err != nil {
		t.Fatal(err)
	}
	a, err := endpoint.Dial(r.Address())
	if err != nil {
		t.Fatal(err)
	}
	if kind := receive(t, w.events); kind != transport.Up {
		t.Fatalf("dial %v: %v", r.Address(), kind)
	}
	send := func(m asap.Message) {
		t.Helper()
		if err := a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, m)}); err != nil {
			t.Fatal(err)
		}
	}

	in := registration("Pool", 1, netip.MustParseAddr("127.0.0.1"))
	in.Element.UserTransport.UDPPort = door.UDPPort()
	send(in)
	if diff := cmp.Diff(asap.Message(&asap.RegistrationResponse{Handle: "Pool", Element: 1}), receive(t, w.messages)); diff != "" {
		t.Fatalf("registration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(asap.Message(&asap.KeepAlive{Sender: 0x0a, Handle: "Pool", Element: 1}), receive(t, w.messages)); diff != "" {
		t.Fatalf("keep-alive (-want +got):\n%s", diff)
	}
	send(&asap.KeepAliveAck{Handle: "Pool", Element: 1})
	send(&asap.HandleResolution{Handle: "Pool"})
	want := in.Element
	want.Home = 0x0a
	for {
		msg := receive(t, w.messages)
		if k, ok := msg.(*asap.KeepAlive); ok {
			send(&asap.KeepAliveAck{Handle: k.Handle, Element: k.Element})
			continue
		}
		got, _ := msg.(*asap.HandleResolutionResponse)
		if got == nil || len(got.Elements) != 1 {
			t.Fatalf("resolution: %v", msg)
		}
		if diff := cmp.Diff([]rserpool.Element{want}, got.Elements, sameAddr); diff != "" {
			t.Fatalf("resolution (-want +got):\n%s", diff)
		}
		break
	}
	if s := r.snapshot(status.Query{}); s.Transport.Associations != 1 || s.Counters.KeepAlives["answered"] == 0 {
		t.Errorf("transport %+v, keep-alives %v", s.Transport, s.Counters.KeepAlives)
	}

	stop()
	if err := receive(t, done); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if kind := receive(t, w.events); kind != transport.Closed {
		t.Errorf("the association is %v, want %v", kind, transport.Closed)
	}
}
