package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

func TestRegistrarAnswersUntilItIsToldToEnd(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	quiet := slog.New(slog.DiscardHandler)
	address, served := make(chan string, 1), make(chan error, 1)
	go func() {
		served <- run(ctx, registrar.Config{
			Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, Log: quiet,
			Announce: registrar.AnnounceConfig{Disabled: true},
		}, func(at string) { address <- at })
	}()
	var at string
	select {
	case at = <-address:
	case err := <-served:
		t.Fatal(err)
	}
	h, err := pool.NewHost(&pool.HostConfig{Registrars: []string{at}, Listen: "127.0.0.1", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	// It answers: that there is no such pool.
	if _, err := pool.Resolve(ctx, h, "NoPool", 1); !errors.Is(err, pool.ErrNoElement) {
		t.Errorf("error %v, want that the pool does not exist", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
