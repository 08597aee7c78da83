package pool

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/registrar"
)

// TestOverUDP lets a registrar, two elements and their users meet over real
// sockets on this machine, with nothing configured but where the registrar is.
func TestOverUDP(t *testing.T) {
	at := loopbackRegistrar(t)
	ctx := within(t, time.Minute)
	open := func() *Host {
		h, err := NewHost(&HostConfig{Listen: "127.0.0.1", Registrars: []string{at}, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	var work sync.WaitGroup
	elements := []*Host{open(), open()}
	for i, h := range elements {
		l, err := Listen(ctx, "EchoPool", &ElementConfig{Host: h, ID: rserpool.ElementID(i + 1)})
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			for {
				s, err := l.Accept(ctx)
				if err != nil {
					return
				}
				work.Go(func() { echoAll(ctx, s) })
			}
		})
	}
	u := open()
	served := map[rserpool.ElementID]int{}
	for i := range 4 {
		s, err := Dial(ctx, "EchoPool", &UserConfig{Host: u})
		if err != nil {
			t.Fatal(err)
		}
		for j := range 10 {
			want := fmt.Sprintf("message %d of session %d", j, i)
			if err := s.Send(ctx, Message{Data: []byte(want), PPID: 5}); err != nil {
				t.Fatal(err)
			}
			if m, err := s.Recv(ctx); err != nil || string(m.Data) != want || m.PPID != 5 {
				t.Fatalf("answer %q (%d), %v to %q", m.Data, m.PPID, err, want)
			}
		}
		served[s.Element()]++
		s.Close()
	}
	if served[1] != 2 || served[2] != 2 {
		t.Errorf("sessions by element: %v, want two each by round robin", served)
	}
	for _, h := range append(elements, u) {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	work.Wait()
}

// loopbackRegistrar runs a registrar on real sockets until the end of the test,
// and returns where.
func loopbackRegistrar(t testing.TB) string {
	t.Helper()
	r, err := registrar.New(registrar.Config{
		Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, Log: quiet,
		Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("registrar: %v", err)
		}
	})
	return r.Address().String()
}

func echoAll(ctx context.Context, s *Session) {
	defer s.Close()
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return
		}
		if err := s.Send(ctx, Message{Data: m.Data, PPID: m.PPID}); err != nil {
			return
		}
	}
}
