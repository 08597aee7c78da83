// Package sessionstest is a network in memory, on virtual time, with a registrar, elements
// and users: what the tests of services have in common.
//
// It is for tests alone.
package sessionstest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

// Quiet is a log that nobody reads.
var Quiet = slog.New(slog.DiscardHandler)

// World is a network with a registrar. Its methods may be called at once.
type World struct {
	t       *testing.T
	net     *memory.Network
	address string

	mu   sync.Mutex
	ends []func() // run last to first
}

// Run runs f in virtual time and sees to it that nothing is left behind. Packets take a
// millisecond, the loss of a peer is seen after half a second.
func Run(t *testing.T, f func(t *testing.T, w *World)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		w := &World{t: t, net: memory.New(1)}
		w.net.Set(memory.Conditions{Delay: time.Millisecond, Detection: 500 * time.Millisecond, DialTimeout: time.Second})
		at := w.net.Host()
		r, err := registrar.New(registrar.Config{
			Door: at, Log: Quiet, Announce: registrar.AnnounceConfig{Disabled: true},
			KeepAliveInterval: time.Second, KeepAliveTimeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.address = at.Address(3863).String()
		w.Serve(r.Serve)
		f(t, w)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := len(w.ends) - 1; i >= 0; i-- {
			w.ends[i]()
		}
	})
}

func (w *World) atEnd(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, f)
}

// Serve runs f until the end of the world.
func (w *World) Serve(f func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	w.atEnd(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Errorf("served: %v", err)
		}
	})
}

// Host returns a host on a machine of its own.
func (w *World) Host() (*pool.Host, *memory.Host) {
	w.t.Helper()
	at := w.net.Host()
	h, err := pool.NewHost(&pool.HostConfig{Registrars: []string{w.address}, Door: at, Log: Quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	w.atEnd(func() { h.Close() })
	return h, at
}

// Element joins a pool on a machine of its own, which Kill of the memory host ends.
func (w *World) Element(handle rserpool.Handle, id rserpool.ElementID, policy rserpool.PolicyType) (*pool.Listener, *memory.Host) {
	w.t.Helper()
	h, at := w.Host()
	ln, err := pool.Listen(w.t.Context(), handle, &pool.ElementConfig{Host: h, ID: id, Policy: rserpool.Policy{Type: policy}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.atEnd(func() { ln.Close() })
	return ln, at
}

// User returns what a user on a machine of its own dials with.
func (w *World) User() *pool.UserConfig {
	w.t.Helper()
	h, _ := w.Host()
	return &pool.UserConfig{Host: h, ConnectTimeout: time.Second, FailoverDelay: 50 * time.Millisecond}
}

// Dial opens a session of a user on a machine of its own.
func (w *World) Dial(handle rserpool.Handle) *pool.Session {
	w.t.Helper()
	s, err := pool.Dial(w.t.Context(), handle, w.User())
	if err != nil {
		w.t.Fatal(err)
	}
	w.atEnd(func() { s.Close() })
	return s
}
