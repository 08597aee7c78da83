// Package config_test checks the example file, and that processes do what it says.
package config_test

import (
	"context"
	"log/slog"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

func TestFileIsObeyed(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	c, err := config.Load([]string{"rspool.hcl"}, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// On free ports, since the usual ones may be taken.
	cfg := c.Registrar.Config
	cfg.ASAPPort, cfg.UDPPort, cfg.Log = -1, -1, quiet
	r, err := registrar.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	c, err = config.Load([]string{"rspool.hcl"}, config.Options{Variables: map[string]string{"registrar": r.Address().String()}})
	if err != nil {
		t.Fatal(err)
	}
	c.Element.HostConfig.Log, c.User.HostConfig.Log = quiet, quiet
	ln, err := pool.Listen(t.Context(), "FractalGeneratorPool", &c.Element.ElementConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	h, err := pool.NewHost(&c.User.HostConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	found, err := pool.Resolve(t.Context(), h, "FractalGeneratorPool", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Elements) != 1 || found.Elements[0].ID != ln.ID() || found.Policy.Type != rserpool.WeightedRandom {
		t.Errorf("resolved %+v, want element %v of a pool with weighted random", found, ln.ID())
	}

	// The pool block wants another policy.
	e := c.Element.ElementConfig
	e.Policy = rserpool.Policy{Type: rserpool.RoundRobin}
	if ln, err := pool.Listen(t.Context(), "FractalPool", &e); err == nil {
		ln.Close()
		t.Error("an element with round robin is accepted where the file wants weighted random")
	}
}
