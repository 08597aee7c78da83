package pool

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/bubble"
)

func TestSessionsOfAnElement(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{})
		u, _ := s.host(registrarAt)
		c, err := Dial(within(t, time.Minute), "EchoPool", &UserConfig{Host: u})
		if err != nil {
			t.Fatal(err)
		}
		e, err := l.Accept(within(t, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		ctx := within(t, time.Minute)
		if err := c.Send(ctx, Message{Data: []byte("hello"), PPID: 7, Stream: 1}); err != nil {
			t.Fatal(err)
		}
		got, err := e.Recv(ctx)
		if diff := cmp.Diff(Message{Data: []byte("hello"), PPID: 7, Stream: 1}, got); diff != "" || err != nil {
			t.Errorf("received (-want +got), err=%v:\n%s", err, diff)
		}
		if err := e.Send(ctx, Message{Data: []byte("world")}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Recv(ctx); err != nil || string(got.Data) != "world" {
			t.Errorf("answer %q, %v", got.Data, err)
		}
		if n := l.Sessions(); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
		if e.Element() != l.ID() || e.Handle() != "EchoPool" {
			t.Errorf("session is of %s/%s", e.Handle(), e.Element())
		}
		want := SessionStats{Sent: 1, Received: 1}
		if diff := cmp.Diff(want, e.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		c.Close()
		if _, err := e.Recv(ctx); !errors.Is(err, io.EOF) {
			t.Errorf("Recv after the user's Close: %v", err)
		}
		if err := e.Send(ctx, Message{Data: []byte("late")}); !errors.Is(err, ErrLost) {
			t.Errorf("Send after the user's Close: %v", err)
		}
		if local, remote := e.Addresses(); local != "" || remote != "" {
			t.Errorf("addresses of an ended session: %q, %q", local, remote)
		}
		e.Close()
		if _, err := e.Recv(ctx); !errors.Is(err, ErrClosed) && !errors.Is(err, io.EOF) {
			t.Errorf("Recv after Close: %v", err)
		}
		if n := l.Sessions(); n != 0 {
			t.Errorf("%d sessions after the end", n)
		}
	})
}

func TestCookieGoesToTheNextElement(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, tt := range []struct {
		name  string
		other []byte // key of the second element
		lost  bool
	}{
		{"same key", key, false},
		{"another key", []byte("fedcba9876543210"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := newScope(t)
				s.registrar("192.0.2.1", 0xa)
				u, _ := s.host(registrarAt)
				h1, at1 := s.host(registrarAt)
				l1 := listen(t, h1, "EchoPool", ElementConfig{CookieKey: key})
				c, err := Dial(within(t, time.Minute), "EchoPool", &UserConfig{Host: u})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx := within(t, time.Minute)
				e1, err := l1.Accept(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if err := e1.SaveCookie(ctx, []byte("state 1")); err != nil {
					t.Fatal(err)
				}
				if err := e1.SaveCookie(ctx, []byte("state 2")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				h2, _ := s.host(registrarAt)
				l2 := listen(t, h2, "EchoPool", ElementConfig{CookieKey: tt.other})
				at1.Kill()
				e2, err := l2.Accept(ctx)
				if err != nil {
					t.Fatal(err)
				}
				got, err := e2.Recv(within(t, time.Second))
				if tt.lost {
					if !errors.Is(err, ErrLost) {
						t.Errorf("a forged cookie: %v, %v", got, err)
					}
					return
				}
				if diff := cmp.Diff(Message{Cookie: []byte("state 2")}, got); diff != "" || err != nil {
					t.Errorf("first message (-want +got), err=%v:\n%s", err, diff)
				}
				if string(e2.Cookie()) != "state 2" {
					t.Errorf("cookie %q", e2.Cookie())
				}
			})
		})
	}
}

func TestBacklogIsBounded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{Backlog: 2})
		u, _ := s.host(registrarAt)
		for range 5 {
			c, err := Dial(within(t, time.Minute), "EchoPool", &UserConfig{Host: u, FailoverTimeout: time.Second})
			if err == nil {
				defer c.Close()
			}
		}
		synctest.Wait()
		if n := l.Sessions(); n != 2 {
			t.Errorf("%d sessions wait, want 2", n)
		}
	})
}

func TestFloodIsHeldUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{})
		u, _ := s.host(registrarAt)
		c, err := Dial(within(t, time.Minute), "EchoPool", &UserConfig{Host: u})
		if err != nil {
			t.Fatal(err)
		}
		e, err := l.Accept(within(t, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		const total = 10_000
		data := make([]byte, 1000)
		sent := 0
		ctx := within(t, time.Second)
		for ; sent < total; sent++ {
			if err := c.Send(ctx, Message{Data: data}); err != nil {
				break
			}
		}
		if sent == total {
			t.Error("10 MB were taken although nobody reads")
		}
		go func() {
			for ; sent < total; sent++ {
				if err := c.Send(context.Background(), Message{Data: data}); err != nil {
					t.Error(err)
				}
			}
		}()
		for range total {
			if _, err := e.Recv(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		// The other way round.
		got := 0
		ctx = within(t, time.Second)
		for ; got < total; got++ {
			if err := e.Send(ctx, Message{Data: data}); err != nil {
				break
			}
		}
		if got == total {
			t.Error("10 MB were taken although the user does not read")
		}
		for range got {
			if _, err := c.Recv(within(t, time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Send(within(t, time.Second), Message{Data: data}); err != nil {
			t.Errorf("Send after the user has read: %v", err)
		}
		c.Close()
	})
}
