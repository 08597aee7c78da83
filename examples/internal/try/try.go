// Package try holds what the tests of the examples have in common: a registrar of
// their own, on free ports of this machine.
//
// The examples themselves do without it.
package try

import (
	"context"
	"log/slog"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

// Registrar runs a registrar until the test ends, and returns how hosts find it.
func Registrar(t *testing.T) pool.HostConfig {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	r, err := registrar.New(registrar.Config{
		Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, Log: quiet,
		Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("registrar: %v", err)
		}
	})
	return pool.HostConfig{
		Registrars: []string{r.Address().String()}, Listen: "127.0.0.1", Log: quiet,
		HeartbeatInterval: 250 * time.Millisecond,
	}
}

// Elements returns when a pool has so many elements.
func Elements(t *testing.T, host pool.HostConfig, handle rserpool.Handle, n int) {
	t.Helper()
	h, err := pool.NewHost(&host)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		// A pool without elements does not exist: that is no reason to give up.
		if r, err := pool.Resolve(ctx, h, handle, uint32(n)); err == nil && len(r.Elements) == n {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("pool %s never has %d elements", handle, n)
		}
	}
}
