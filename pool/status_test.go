package pool

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
)

// snapshot returns what a host tells of itself, without what the transport and
// the clock decide.
func snapshot(t *testing.T, h *Host) *status.Host {
	t.Helper()
	s, ok := h.Status(status.Query{}).(*status.Host)
	if !ok {
		t.Fatalf("got %T", h.Status(status.Query{}))
	}
	if s.Role != "host" || s.Started.IsZero() || s.Uptime < 0 {
		t.Errorf("process %+v", s.Process)
	}
	s.Process = status.Process{Ready: s.Ready}
	return s
}

func TestStatusTellsWhatElementsAndUsersDid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		user := w.host()
		s, serving, other := w.pair(&UserConfig{Host: user})
		ask(t, s, "x")
		time.Sleep(10 * time.Millisecond) // the cookie follows the answer
		serving.kill()
		if _, moved := ask(t, s, "y"); moved == nil {
			t.Fatal("the session has not moved")
		}
		ask(t, s, "y")

		got := snapshot(t, user)
		if len(got.Counters.Messages) == 0 || got.Counters.FailoverTime <= 0 {
			t.Errorf("messages %v, failover time %v", got.Counters.Messages, got.Counters.FailoverTime)
		}
		ignore := cmpopts.IgnoreFields(status.HostCounters{}, "Messages", "FailoverTime", "Resolutions")
		want := &status.Host{
			Process:          status.Process{Ready: true},
			RegistrarAddress: w.registrar.Address(3863).String(),
			RegistrarID:      got.RegistrarID,
			Sessions:         1,
			Used:             []rserpool.ElementID{other.ln.ID()},
			Counters: status.HostCounters{
				Registrations:  status.Counts{"accepted": 0, "refused": 0, "unanswered": 0},
				Hunts:          status.Counts{"succeeded": 1, "failed": 0},
				SessionsOpened: status.Counts{"accepted": 0, "dialled": 1},
				Failovers:      status.Counts{"succeeded": 1, "failed": 0},
				Cookies:        status.Counts{"saved": 0, "echoed": 1, "restored": 0},
			},
		}
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("user's host (-want +got):\n%s", diff)
		}
		if r := got.Counters.Resolutions; r["answered"] < 1 || r["refused"] != 0 || r["unanswered"] != 0 {
			t.Errorf("resolutions %v", r)
		}

		got = snapshot(t, other.ln.host)
		want = &status.Host{
			Process:          status.Process{Ready: true},
			RegistrarAddress: w.registrar.Address(3863).String(),
			RegistrarID:      got.RegistrarID,
			Sessions:         1,
			Elements:         []status.HostElement{{Handle: string(testPool), ID: other.ln.ID(), Policy: "round-robin", Registered: true, Sessions: 1, Address: other.ln.Addr()}},
			Counters: status.HostCounters{
				Registrations:  status.Counts{"accepted": 1, "refused": 0, "unanswered": 0},
				Hunts:          status.Counts{"succeeded": 1, "failed": 0},
				SessionsOpened: status.Counts{"accepted": 1, "dialled": 0},
				Failovers:      status.Counts{"succeeded": 0, "failed": 0},
				Cookies:        status.Counts{"saved": got.Counters.Cookies["saved"], "echoed": 0, "restored": 1},
			},
		}
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("element's host (-want +got):\n%s", diff)
		}
		if got.Counters.Cookies["saved"] == 0 {
			t.Error("no cookie was counted")
		}
	})
}

func TestStatusShowsTheLoadOfAdaptiveElements(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		e := w.echoWith(ElementConfig{ID: 7, Policy: rserpool.Policy{Type: rserpool.LeastUsed}})
		e.ln.SetLoad(rserpool.LoadOf(0.5))
		half := 0.5
		want := []status.HostElement{{Handle: string(testPool), ID: 7, Policy: "least-used", Load: &half, Registered: true, Address: e.ln.Addr()}}
		if diff := cmp.Diff(want, snapshot(t, e.ln.host).Elements); diff != "" {
			t.Errorf("elements (-want +got):\n%s", diff)
		}
	})
}

func TestReadinessFollowsTheRegistrar(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		if err := h.Ready(); !errors.Is(err, ErrNoRegistrar) {
			t.Errorf("at once: %v, want ErrNoRegistrar", err)
		}
		if _, err := Resolve(t.Context(), h, testPool, 1); !errors.Is(err, ErrNoElement) {
			t.Fatal(err)
		}
		if err := h.Ready(); err != nil {
			t.Errorf("with a registrar: %v", err)
		}
		if got := snapshot(t, h).Counters.Resolutions["refused"]; got != 1 {
			t.Errorf("%d refused resolutions, want 1", got)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if err := h.Ready(); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	})
}

func TestHomeIsNamedByItsAddressUntilItTellsItsIdentifier(t *testing.T) {
	at := transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 3863, UDPPort: 40001}
	for _, tt := range []struct {
		name string
		home machine.HomeUp
		want string
	}{
		{"unknown", machine.HomeUp{Remote: at}, "192.0.2.1:3863@40001"},
		{"known", machine.HomeUp{Remote: at, Registrar: 0x2f1a93c4}, "0x2f1a93c4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := homeName(tt.home); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
