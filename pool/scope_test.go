package pool

import (
	"context"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/registrar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scope is a simulated network with registrars. It is made inside of a synctest
// bubble, and is gone at the bubble's end.
type scope struct {
	t   *testing.T
	net *memory.Network
}

func newScope(t *testing.T) *scope { return &scope{t: t, net: memory.New(1)} }

// registrar runs a registrar at an address until stop, or the end of the test.
func (s *scope) registrar(ip string, id rserpool.RegistrarID) (at *memory.Host, stop func()) {
	s.t.Helper()
	at = s.net.Host(netip.MustParseAddr(ip))
	r, err := registrar.New(registrar.Config{ID: id, Door: at, Log: quiet, Announce: registrar.AnnounceConfig{Disabled: true}})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Serve(ctx); err != nil {
			s.t.Errorf("registrar: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return at, stop
}

// host opens a host at a new address, until the end of the test.
func (s *scope) host(registrars ...string) (*Host, *memory.Host) {
	s.t.Helper()
	at := s.net.Host()
	h, err := NewHost(&HostConfig{Door: at, Registrars: registrars, Log: quiet})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { h.Close() })
	return h, at
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
