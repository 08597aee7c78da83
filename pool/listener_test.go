package pool

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
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
	bubble.Test(t, func(t *testing.T) {
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
			bubble.Test(t, func(t *testing.T) {
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
	bubble.Test(t, func(t *testing.T) {
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
	bubble.Test(t, func(t *testing.T) {
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
	bubble.Test(t, func(t *testing.T) {
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
	bubble.Test(t, func(t *testing.T) {
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

func TestDrainFinishesSessions(t *testing.T) {
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

func TestRegisterForeignService(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
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
