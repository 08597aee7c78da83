package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/memory"
)

// pair returns two elements, that of the session first.
func (w *world) pair(c *UserConfig) (s *Session, serving, other *echo) {
	w.t.Helper()
	serving, other = w.echo(1), w.echo(2)
	s = w.dial(c)
	if s.Element() == 2 {
		serving, other = other, serving
	}
	return s, serving, other
}

func TestSessionSurvivesTheDeathOfItsElement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s, serving, other := w.pair(&UserConfig{Host: w.host()})
		from, to := serving.ln.ID(), other.ln.ID()
		if got, _ := ask(t, s, "x"); got != fmt.Sprintf("%d 1 x", from) {
			t.Errorf("answer %q", got)
		}
		time.Sleep(10 * time.Millisecond) // the cookie follows the answer
		serving.kill()
		_, moved := ask(t, s, "y")
		want := &Failover{Handle: testPool, From: from, To: to, Reason: "peer does not answer", Attempts: 1, Sent: 2, Resumed: true}
		if moved != nil {
			if moved.Duration > 50*time.Millisecond {
				t.Errorf("failover took %v", moved.Duration)
			}
			want.Duration = moved.Duration
		}
		if diff := cmp.Diff(want, moved); diff != "" {
			t.Fatalf("notice (-want +got):\n%s", diff)
		}
		// The cookie came first, so the element counts on.
		if got, _ := ask(t, s, "y"); got != fmt.Sprintf("%d 2 y", to) {
			t.Errorf("answer %q", got)
		}
		if s.Element() != to || s.Handle() != testPool {
			t.Errorf("the session is with %s of %s", s.Element(), s.Handle())
		}
		st := s.Stats()
		if diff := cmp.Diff(SessionStats{Sent: 3, Received: 2, Attempts: 2, Failovers: 1, FailoverTime: moved.Duration, Longest: moved.Duration}, st); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestFailoverHasManyCauses(t *testing.T) {
	tests := []struct {
		name   string
		cause  func(w *world, s *Session, e *echo)
		within time.Duration
		reason string
	}{
		{"killed", func(w *world, s *Session, e *echo) { e.kill() }, 50 * time.Millisecond, "peer does not answer"},
		{"cut off", func(w *world, s *Session, e *echo) {
			all := []*memory.Host{w.registrar, s.end.(*userEnd).host.door.(*memory.Host)}
			w.net.Partition([]*memory.Host{e.machine}, all)
		}, 50 * time.Millisecond, "peer does not answer"},
		{"closed", func(w *world, s *Session, e *echo) { e.ln.Close() }, 50 * time.Millisecond, "element closed the session"},
		{"forced", func(w *world, s *Session, e *echo) { s.ForceFailover("too slow", true) }, 50 * time.Millisecond, "too slow"},
		{"forced, not reported", func(w *world, s *Session, e *echo) { s.ForceFailover("too slow", false) }, 50 * time.Millisecond, "too slow"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				s, serving, other := w.pair(&UserConfig{Host: w.host()})
				ask(t, s, "x")
				time.Sleep(10 * time.Millisecond)
				test.cause(w, s, serving)
				_, moved := hear(t, s)
				if moved == nil || moved.Reason != test.reason || moved.To != other.ln.ID() || moved.Duration > test.within {
					t.Fatalf("notice: %+v", moved)
				}
				if got, _ := ask(t, s, "y"); got != fmt.Sprintf("%d 2 y", other.ln.ID()) {
					t.Errorf("answer %q", got)
				}
			})
		})
	}
}

func TestOnlyElementIsTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(1)
		s := w.dial(&UserConfig{Host: w.host()})
		ask(t, s, "x")
		time.Sleep(10 * time.Millisecond)
		s.ForceFailover("no reason", false)
		_, moved := hear(t, s)
		if moved == nil || moved.From != 1 || moved.To != 1 || moved.Duration > time.Second {
			t.Fatalf("notice: %+v", moved)
		}
		if got, _ := ask(t, s, "y"); got != "1 2 y" {
			t.Errorf("answer %q", got)
		}
	})
}

func TestSessionWaitsForThePoolToComeBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := w.echo(1)
		s := w.dial(&UserConfig{Host: w.host()})
		ask(t, s, "x")
		time.Sleep(10 * time.Millisecond)
		e.kill()
		time.Sleep(20 * time.Second)
		// What is sent meanwhile waits for the next element.
		for _, text := range []string{"a", "b"} {
			if err := s.Send(t.Context(), Message{Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		w.echo(2)
		_, moved := hear(t, s)
		if moved == nil || moved.To != 2 || moved.Sent != 1 || !moved.Resumed {
			t.Fatalf("notice: %+v", moved)
		}
		for _, want := range []string{"2 2 a", "2 3 b"} {
			if got, _ := hear(t, s); got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
		}
	})
}

func TestFailoverIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := w.echo(1)
		s := w.dial(&UserConfig{Host: w.host(), FailoverTimeout: 5 * time.Second})
		ask(t, s, "x")
		e.kill()
		begin := time.Now()
		_, err := s.Recv(t.Context())
		if took := time.Since(begin); !errors.Is(err, ErrNoElement) || took > 7*time.Second || took < 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if err := s.Send(t.Context(), Message{Data: []byte("y")}); !errors.Is(err, ErrNoElement) {
			t.Errorf("send: %v", err)
		}
	})
}

func TestNoFailoverEndsTheSessionWithItsElement(t *testing.T) {
	tests := []struct {
		name string
		end  func(*echo)
		want error
	}{
		{"killed", (*echo).kill, ErrLost},
		{"closed", func(e *echo) { e.ln.Close() }, io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				s, serving, _ := w.pair(&UserConfig{Host: w.host(), NoFailover: true})
				ask(t, s, "x")
				test.end(serving)
				for range 2 {
					if _, err := s.Recv(t.Context()); !errors.Is(err, test.want) {
						t.Errorf("receive: %v, want %v", err, test.want)
					}
				}
			})
		})
	}
}

func TestDialFails(t *testing.T) {
	tests := []struct {
		name   string
		handle rserpool.Handle
		set    func(w *world, c *UserConfig)
		want   error
		within time.Duration
	}{
		{"unknown pool", "Nowhere", nil, ErrNoElement, time.Second},
		{"invalid handle", rserpool.Handle(strings.Repeat("x", 33)), nil, rserpool.ErrHandle, 0},
		{"no registrar", testPool, func(w *world, c *UserConfig) {
			w.net.Partition([]*memory.Host{w.registrar}, []*memory.Host{c.Host.door.(*memory.Host)})
		}, ErrNoRegistrar, 10 * time.Second},
		{"host closed", testPool, func(w *world, c *UserConfig) { c.Host.Close() }, ErrClosed, 0},
		{"elements dead", testPool, func(w *world, c *UserConfig) {
			e := w.echo(1)
			w.net.Partition([]*memory.Host{e.machine}, []*memory.Host{c.Host.door.(*memory.Host)})
			c.FailoverTimeout = 4 * time.Second
		}, ErrNoElement, 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c := &UserConfig{Host: w.host()}
				if test.set != nil {
					test.set(w, c)
				}
				begin := time.Now()
				s, err := Dial(t.Context(), test.handle, c)
				if took := time.Since(begin); s != nil || !errors.Is(err, test.want) || took > test.within {
					t.Errorf("after %v: %v, want %v", took, err, test.want)
				}
				var e *Error
				if !errors.As(err, &e) || e.Op != "dial" || e.Handle != test.handle {
					t.Errorf("error is not one of this package: %#v", err)
				}
			})
		})
	}
}

func TestDialHonoursItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		w.net.Partition([]*memory.Host{w.registrar}, []*memory.Host{h.door.(*memory.Host)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := Dial(ctx, testPool, &UserConfig{Host: h}); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestDataOnlyPoolsHaveNoCookies(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.echoWith(ElementConfig{ID: 1, DataOnly: true})
		b := w.echoWith(ElementConfig{ID: 2, DataOnly: true})
		s := w.dial(&UserConfig{Host: w.host()})
		serving, other := a, b
		if s.Element() == 2 {
			serving, other = b, a
		}
		ask(t, s, "x")
		serving.kill()
		if _, moved := hear(t, s); moved == nil || moved.Resumed {
			t.Errorf("notice: %+v", moved)
		}
		if got, _ := ask(t, s, "y"); got != fmt.Sprintf("%d 1 y", other.ln.ID()) {
			t.Errorf("answer %q", got)
		}
		if s.Cookie() != nil {
			t.Errorf("cookie %q", s.Cookie())
		}
	})
}

func TestSendBlocksWhereTheOtherSideDoesNotRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ln, err := Listen(t.Context(), "Slow", &ElementConfig{HostConfig: w.hostConfig(w.net.Host())})
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		s, err := Dial(t.Context(), "Slow", &UserConfig{Host: w.host()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		served, err := ln.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		data := make([]byte, 60000)
		sent := 0
		for err == nil {
			data[0] = byte(sent)
			if err = s.Send(ctx, Message{Data: data}); err == nil {
				sent++
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || sent < 10 || sent > 100 {
			t.Fatalf("%d messages were taken: %v", sent, err)
		}
		// Everything taken arrives, in order, and only that.
		for i := range sent {
			if m, err := served.Recv(t.Context()); err != nil || m.Data[0] != byte(i) {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := served.Recv(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a message that was not taken has arrived: %v", err)
		}
	})
}

func TestSendRefuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(1)
		s := w.dial(&UserConfig{Host: w.host()})
		for _, test := range []struct {
			name string
			m    Message
			want string
		}{
			{"too large", Message{Data: make([]byte, MaxMessage+1)}, "message is too large: split it"},
			{"empty", Message{}, "send at least one byte"},
			{"control", Message{Data: []byte("x"), PPID: 11}, "use another"},
			{"cookie", Message{Data: []byte("x"), Cookie: []byte("x")}, "use SaveCookie"},
		} {
			if err := s.Send(t.Context(), test.m); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		if err := s.SaveCookie(t.Context(), []byte("x")); err == nil {
			t.Error("a user saved a cookie")
		}
		if got, _ := ask(t, s, strings.Repeat("x", 40000)); len(got) != 40004 {
			t.Errorf("answer of %d bytes", len(got))
		}
	})
}

func TestCloseIsPromptAndEndsEverything(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := w.echo(1)
		s := w.dial(&UserConfig{Host: w.host()})
		ask(t, s, "x")
		received := make(chan error)
		go func() {
			_, err := s.Recv(context.Background())
			received <- err
		}()
		synctest.Wait()
		begin := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { s.Close() })
		}
		all.Wait()
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("Close took %v", took)
		}
		if err := <-received; !errors.Is(err, ErrClosed) {
			t.Errorf("receive: %v", err)
		}
		if err := s.Send(t.Context(), Message{Data: []byte("y")}); !errors.Is(err, ErrClosed) {
			t.Errorf("send: %v", err)
		}
		time.Sleep(time.Second)
		if n := e.ln.Sessions(); n != 0 {
			t.Errorf("the element has %d sessions left", n)
		}
	})
}

func TestCloseOfASessionWithADeadElementIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := w.echo(1)
		s := w.dial(&UserConfig{Host: w.host()})
		ask(t, s, "x")
		e.kill()
		begin := time.Now()
		s.Close()
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestManySessionsShareOneHost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		elements := []*echo{w.echo(1), w.echo(2), w.echo(3)}
		h := w.host()
		var all sync.WaitGroup
		var mu sync.Mutex
		by := map[rserpool.ElementID]int{}
		for i := range 300 {
			all.Go(func() {
				s, err := Dial(t.Context(), testPool, &UserConfig{Host: h})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				mu.Lock()
				by[s.Element()]++
				mu.Unlock()
				text := fmt.Sprint(i)
				for asked := false; ; {
					if !asked {
						if err := s.Send(t.Context(), Message{Data: []byte(text)}); err != nil {
							t.Error(err)
							return
						}
					}
					m, err := s.Recv(t.Context())
					var moved *Failover
					if errors.As(err, &moved) {
						asked = moved.Sent == 0
						continue
					}
					if err != nil || !strings.HasSuffix(string(m.Data), " "+text) {
						t.Errorf("session %d: %q, %v", i, m.Data, err)
					}
					return
				}
			})
		}
		all.Wait()
		for _, e := range elements {
			if by[e.ln.ID()] != 100 {
				t.Errorf("element %s had %d of 300 sessions; round robin gives each 100", e.ln.ID(), by[e.ln.ID()])
			}
		}
		if n := h.door.Stats().Associations; n > 4 {
			t.Errorf("%d associations are left", n)
		}
	})
}

func TestBusinessCardDecidesTheNextElement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(2)
		w.echo(3)
		favourite := w.echo(4)
		r, err := Resolve(t.Context(), w.host(), testPool, AllElements)
		if err != nil {
			t.Fatal(err)
		}
		var card []rserpool.Element
		for _, e := range r.Elements {
			if e.ID == favourite.ln.ID() {
				card = append(card, e)
			}
		}
		first := w.echoWith(ElementConfig{ID: 1, BusinessCard: card})
		c := &UserConfig{Host: w.host()}
		s := w.dial(c)
		for s.Element() != 1 {
			s.Close()
			s = w.dial(c)
		}
		ask(t, s, "x")
		first.kill()
		if _, moved := hear(t, s); moved == nil || moved.To != 4 || moved.Attempts != 1 {
			t.Errorf("notice: %+v", moved)
		}
	})
}

func TestDialOwnsItsHost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(1)
		at := w.net.Host()
		s := w.dial(&UserConfig{HostConfig: w.hostConfig(at)})
		if got, _ := ask(t, s, "x"); got != "1 1 x" {
			t.Errorf("answer %q", got)
		}
		if n := at.Stats().Associations; n != 2 {
			t.Errorf("%d associations: want one with the element and one with the registrar", n)
		}
		s.Close()
		if n := at.Stats().Associations; n != 0 {
			t.Errorf("%d associations are left", n)
		}
	})
}

// A host that closes takes its sessions along.
func TestHostClosesItsSessions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(1)
		h := w.host()
		s := w.dial(&UserConfig{Host: h})
		ask(t, s, "x")
		received := make(chan error)
		go func() {
			_, err := s.Recv(context.Background())
			received <- err
		}()
		synctest.Wait()
		begin := time.Now()
		h.Close()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		if err := <-received; !errors.Is(err, ErrClosed) {
			t.Errorf("receive: %v", err)
		}
	})
}
