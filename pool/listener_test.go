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
	"github.com/google/go-cmp/cmp/cmpopts"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine/element"
)

const registrarAt = "192.0.2.1:3863"

func listen(t *testing.T, h *Host, handle rserpool.Handle, cfg ElementConfig) *Listener {
	t.Helper()
	cfg.Host = h
	l, err := Listen(within(t, time.Minute), handle, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// elements returns the identifiers of a pool's elements, as a user resolves them.
func elementsOf(t *testing.T, h *Host, handle rserpool.Handle) map[rserpool.ElementID]bool {
	t.Helper()
	ids := map[rserpool.ElementID]bool{}
	a, err := Resolve(within(t, time.Minute), h, handle, AllElements)
	if errors.Is(err, ErrNoElement) {
		return ids
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Elements {
		ids[e.ID] = true
	}
	return ids
}

// registrations returns the counters of the host's element machine.
func registrations(h *Host) element.Counters {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.elements.machine.Counters()
}

func TestListenRegistersAndCloseDeregisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, at := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{ID: 17, Policy: rserpool.Policy{Type: rserpool.LeastUsed}})
		if l.Handle() != "EchoPool" || l.ID() != 17 {
			t.Errorf("listener is %s/%s", l.Handle(), l.ID())
		}
		time.Sleep(time.Minute) // keep-alives and re-registrations
		want := Status{
			Registered: true,
			Home:       0xa,
			Registrar:  registrarAt,
			Policy:     rserpool.Policy{Type: rserpool.LeastUsed},
		}
		if diff := cmp.Diff(want, l.Status(), cmpopts.IgnoreFields(Status{}, "Since")); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if age := time.Since(l.Status().Since); age > 30*time.Second {
			t.Errorf("registered %v ago, want at most T4", age)
		}
		if got := elementsOf(t, h, "EchoPool"); !got[17] || len(got) != 1 {
			t.Errorf("pool has %v, want element 17", got)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if got := elementsOf(t, h, "EchoPool"); len(got) != 0 {
			t.Errorf("pool has %v after Close", got)
		}
		if l.Status().Registered {
			t.Error("status says registered after Close")
		}
		if _, err := l.Accept(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		h.Close()
		synctest.Wait()
		if n := at.Stats().Associations; n != 0 {
			t.Errorf("%d associations after Close", n)
		}
	})
}

func TestListenFailsWithCauseAndRemedy(t *testing.T) {
	tests := []struct {
		name string
		ids  bool // a registrar is there
		cfg  ElementConfig
		to   rserpool.Handle
		want []string
		is   error
	}{
		{name: "no registrar", to: "EchoPool",
			want: []string{`register "EchoPool" element 0x00000011`, "no registrar answered", "start one", "context deadline exceeded"}, is: ErrNoRegistrar},
		{name: "another policy", ids: true, to: "Taken", cfg: ElementConfig{Policy: rserpool.Policy{Type: rserpool.LeastUsed}},
			want: []string{`register "Taken"`, "inconsistent pool policy", "choose another handle"}, is: rserpool.Fail(rserpool.InconsistentPolicy)},
		{name: "another transport use", ids: true, to: "Taken", cfg: ElementConfig{DataOnly: true},
			want: []string{"DataOnly"}, is: rserpool.Fail(rserpool.InconsistentTransportUse)},
		{name: "the same identifier on one host", ids: true, to: "Taken", cfg: ElementConfig{ID: 1},
			want: []string{"non-unique", "leave it zero"}, is: rserpool.Fail(rserpool.NonUniqueElementID)},
		{name: "long handle", to: rserpool.Handle(strings.Repeat("x", 33)), want: []string{"33 bytes"}, is: rserpool.ErrHandle},
		{name: "empty handle", want: []string{"empty"}, is: rserpool.ErrHandle},
		{name: "short cookie key", to: "EchoPool", cfg: ElementConfig{CookieKey: []byte("short")}, want: []string{"16 or more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScope(t)
				h, _ := s.host(registrarAt)
				if tt.ids {
					s.registrar("192.0.2.1", 0xa)
					listen(t, h, "Taken", ElementConfig{ID: 1})
				}
				tt.cfg.Host = h
				if tt.cfg.ID == 0 {
					tt.cfg.ID = 17
				}
				l, err := Listen(within(t, 20*time.Second), tt.to, &tt.cfg)
				if err == nil {
					l.Close()
					t.Fatal("it does not fail")
				}
				var e *Error
				if !errors.As(err, &e) || e.Handle != tt.to {
					t.Errorf("error %v is not about %q", err, tt.to)
				}
				for _, w := range tt.want {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("error %q does not say %q", err, w)
					}
				}
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("error %v is not %v", err, tt.is)
				}
			})
		})
	}
}

func TestSetLoadReachesUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{Policy: rserpool.Policy{Type: rserpool.LeastUsed}})
		before := registrations(h).Registrations
		for i := range 100 {
			l.SetLoad(rserpool.LoadOf(float64(i) / 100))
		}
		time.Sleep(150 * time.Millisecond)
		if n := registrations(h).Registrations - before; n < 1 || n > 2 {
			t.Errorf("%d registrations for 100 changes at once, want 1 or 2", n)
		}
		a, err := Resolve(context.Background(), h, "EchoPool", 0)
		if err != nil {
			t.Fatal(err)
		}
		want := rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(0.99)}
		if got := a.Elements[0].Policy; got != want {
			t.Errorf("users are told %v, want %v", got, want)
		}
	})
}

func TestElementMovesToAnotherRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		first, _ := s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt, "192.0.2.2:3863")
		l := listen(t, h, "EchoPool", ElementConfig{})
		s.registrar("192.0.2.2", 0xb)
		first.Kill()
		time.Sleep(20 * time.Second)
		got := l.Status()
		want := Status{Registered: true, Home: 0xb, Registrar: "192.0.2.2:3863", Policy: rserpool.Policy{Type: rserpool.RoundRobin}}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Status{}, "Since")); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if got := elementsOf(t, h, "EchoPool"); !got[l.ID()] {
			t.Errorf("the second registrar knows %v", got)
		}
	})
}

func TestRegistrarComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		_, stop := s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt, "192.0.2.9:3863")
		l := listen(t, h, "EchoPool", ElementConfig{})
		stop()
		time.Sleep(time.Minute)
		if st := l.Status(); st.Registered || !errors.Is(st.Err, ErrNoRegistrar) || st.Home != 0 {
			t.Errorf("status without a registrar: %+v", st)
		}
		s.registrar("192.0.2.9", 0xb)
		time.Sleep(time.Minute)
		if st := l.Status(); !st.Registered || st.Err != nil {
			t.Errorf("status with a registrar: %+v", st)
		}
	})
}

func TestCloseWithoutRegistrarIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		at, _ := s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{})
		at.Kill()
		start := time.Now()
		if err := l.Close(); !errors.Is(err, element.ErrNoAnswer) {
			t.Errorf("Close: %v", err)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}

func TestSessionsOfAnElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
			synctest.Test(t, func(t *testing.T) {
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

func TestDrainFinishesSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{})
		u, _ := s.host(registrarAt)
		c, err := Dial(within(t, time.Minute), "EchoPool", &UserConfig{Host: u})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := l.Drain(within(t, 5*time.Second)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 sessions") {
			t.Errorf("Drain with a session: %v", err)
		}
		if got := elementsOf(t, u, "EchoPool"); len(got) != 0 {
			t.Errorf("pool has %v during Drain", got)
		}
		e, err := l.Accept(context.Background())
		if err != nil {
			t.Fatalf("the session that waits is not accepted: %v", err)
		}
		if _, err := l.Accept(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Accept while draining: %v", err)
		}
		go func() {
			time.Sleep(3 * time.Second)
			c.Close()
		}()
		start := time.Now()
		if err := l.Drain(within(t, time.Minute)); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if d := time.Since(start); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("Drain took %v, want until the session's end", d)
		}
		e.Close()
	})
}

func TestBacklogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
	synctest.Test(t, func(t *testing.T) {
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

func TestRegisterForeignService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		r, err := Register(within(t, time.Minute), "WebPool", &ElementConfig{
			Host: h, ID: 17, Transport: &rserpool.Transport{Protocol: rserpool.TCP, Port: 80},
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := Resolve(within(t, time.Minute), h, "WebPool", 0)
		if err != nil || len(a.Elements) != 1 {
			t.Fatalf("resolved %v, %v", a, err)
		}
		got := a.Elements[0].UserTransport
		if got.Protocol != rserpool.TCP || got.Port != 80 || len(got.Addresses) != 1 {
			t.Errorf("users are told %v", got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Register(within(t, time.Minute), "WebPool", &ElementConfig{Host: h}); err == nil || !strings.Contains(err.Error(), "use Listen") {
			t.Errorf("Register without a transport: %v", err)
		}
	})
}

// TestThousandElements lets a thousand elements of one process register, stay for
// five minutes of keep-alives and leave.
func TestThousandElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, at := s.host(registrarAt)
		const n = 1000
		ls := make([]*Listener, n)
		var all sync.WaitGroup
		start := time.Now()
		for i := range ls {
			all.Go(func() {
				ls[i] = listen(t, h, rserpool.Handle(fmt.Sprintf("Pool%d", i%10)), ElementConfig{ID: rserpool.ElementID(i + 1)})
			})
		}
		all.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("registering took %v", d)
		}
		time.Sleep(5 * time.Minute)
		for i := range 10 {
			if got := elementsOf(t, h, rserpool.Handle(fmt.Sprintf("Pool%d", i))); len(got) != n/10 {
				t.Errorf("pool %d has %d elements after five minutes, want %d", i, len(got), n/10)
			}
		}
		c := registrations(h)
		if c.KeepAlives < 50*n || c.Acks != c.KeepAlives || c.Timeouts != 0 || c.Lapses != 0 {
			t.Errorf("counters %+v", c)
		}
		start = time.Now()
		for _, l := range ls {
			all.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("leaving took %v", d)
		}
		h.Close()
		if k := h.elements.machine.Len(); k != 0 {
			t.Errorf("%d elements are left", k)
		}
		synctest.Wait()
		if k := at.Stats().Associations; k != 0 {
			t.Errorf("%d associations are left", k)
		}
	})
}
