package pool

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/transport"
)

// stranger is a user that says on an association to an element what it likes.
func (s *scope) stranger(l *Listener) (*peer, transport.Association) {
	s.t.Helper()
	p := s.peer(s.net.Host(), 7000, nil)
	return p, p.dial(l.endpoint.Local())
}

func TestControlChannelOfAnElement(t *testing.T) {
	card := []rserpool.Element{{
		ID:            1,
		UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 9, Addresses: nil},
		Policy:        rserpool.Policy{Type: rserpool.RoundRobin},
	}}
	card[0].UserTransport.Addresses = append(card[0].UserTransport.Addresses, netip.MustParseAddr("192.0.2.9"))
	echo := asap.Append(nil, &asap.CookieEcho{Cookie: []byte("state")})
	for _, tt := range []struct {
		name  string
		cfg   ElementConfig
		says  [][]byte
		recv  []Message
		end   error  // of Recv, nil if the session goes on
		heard string // what the user hears, in part
	}{
		{name: "cookie echo", says: [][]byte{echo}, recv: []Message{{Cookie: []byte("state")}}},
		{name: "empty cookie", says: [][]byte{asap.Append(nil, &asap.CookieEcho{})}, recv: []Message{{Cookie: []byte{}}}},
		{name: "second cookie echo", says: [][]byte{echo, echo}, recv: []Message{{Cookie: []byte("state")}}, end: ErrLost, heard: "lost"},
		{name: "cookie without signature", cfg: ElementConfig{CookieKey: []byte("0123456789abcdef")}, says: [][]byte{echo}, end: ErrLost, heard: "lost"},
		{name: "no control channel", cfg: ElementConfig{DataOnly: true}, says: [][]byte{echo}},
		{name: "business card", cfg: ElementConfig{BusinessCard: card}, heard: "BusinessCard EchoPool [0x00000001"},
		{name: "no business card without control channel", cfg: ElementConfig{BusinessCard: card, DataOnly: true}},
		{name: "malformed", says: [][]byte{{0x0c, 0, 0, 9, 1, 2, 3}}, heard: "Error:"},
		{name: "malformed error", says: [][]byte{{0x0e, 0, 0, 9, 1, 2, 3}}},
		{name: "what concerns registrars", says: [][]byte{asap.Append(nil, &asap.Deregistration{Handle: "EchoPool", Element: 17})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := newScope(t)
				s.registrar("192.0.2.1", 0xa)
				h, _ := s.host(registrarAt)
				l := listen(t, h, "EchoPool", tt.cfg)
				p, a := s.stranger(l)
				for _, b := range tt.says {
					if err := a.Send(transport.Message{PPID: asap.PPID, Payload: b}); err != nil {
						t.Fatal(err)
					}
				}
				e, err := l.Accept(within(t, time.Second))
				if err != nil {
					t.Fatal(err)
				}
				var got []Message
				for {
					m, err := e.Recv(within(t, time.Second))
					if err != nil {
						if tt.end != nil && !errors.Is(err, tt.end) || tt.end == nil && !errors.Is(err, within(t, 0).Err()) {
							t.Errorf("Recv ends with %v, want %v", err, tt.end)
						}
						break
					}
					got = append(got, m)
				}
				if diff := cmp.Diff(tt.recv, got); diff != "" {
					t.Errorf("received (-want +got):\n%s", diff)
				}
				heard := strings.Join(p.take(), "; ")
				if tt.heard == "" && heard != "" || !strings.Contains(heard, tt.heard) {
					t.Errorf("the user hears %q, want %q", heard, tt.heard)
				}
			})
		})
	}
}

func TestSaveCookieLimits(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		ctx := within(t, time.Second)
		l := listen(t, h, "EchoPool", ElementConfig{CookieKey: []byte("0123456789abcdef")})
		_, _ = s.stranger(l)
		e, err := l.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SaveCookie(ctx, make([]byte, 60_000)); err != nil {
			t.Errorf("60,000 bytes: %v", err)
		}
		if err := e.SaveCookie(ctx, make([]byte, 65_500)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("65,500 bytes: %v", err)
		}
		if err := e.ForceFailover("because", true); err == nil {
			t.Error("an element can force a failover")
		}
	})
}

func TestRestartedUserBeginsAnew(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{})
		at := s.net.Host()
		p := s.peer(at, 7000, nil)
		p.dial(l.endpoint.Local())
		first, err := l.Accept(within(t, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		at.Restart()
		p = s.peer(at, 7000, nil)
		a := p.dial(l.endpoint.Local())
		second, err := l.Accept(within(t, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Recv(within(t, time.Second)); !errors.Is(err, ErrLost) {
			t.Errorf("the former session ends with %v", err)
		}
		if err := a.Send(transport.Message{Payload: []byte("again")}); err != nil {
			t.Fatal(err)
		}
		if m, err := second.Recv(within(t, time.Second)); err != nil || string(m.Data) != "again" {
			t.Errorf("received %q, %v", m.Data, err)
		}
		a.Shutdown()
		if _, err := second.Recv(within(t, time.Second)); !errors.Is(err, io.EOF) {
			t.Errorf("the session ends with %v", err)
		}
	})
}
