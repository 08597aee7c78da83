package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/pool"
)

// An elementService is what an element does for its users.
type elementService interface {
	// Serve serves sessions until the context ends or the listener does.
	Serve(ctx context.Context, ln *pool.Listener) error
	// LogValue tells at the end what was done.
	slog.LogValuer
}

// drainTime is how long the sessions of a leaving element may take to finish.
const drainTime = 5 * time.Second

// runElement joins a pool and serves it until a signal comes or the registrars do
// not want the element any more. The service is made when the element is
// registered.
func (a *app) runElement(ctx context.Context, settings *config.Config, readyFile string, service func(*pool.Listener, *slog.Logger) elementService) (err error) {
	log := a.logger(settings.Log)
	ctx, stop := a.untilSignal(ctx, log)
	defer stop()

	e := settings.Element.ElementConfig
	e.HostConfig.Log = log
	if e.Host, err = pool.NewHost(&e.HostConfig); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Host.Close()) }()
	telemetry, stopTelemetry, err := a.telemetry(ctx, settings.Telemetry.Listen, e.Host, log)
	if err != nil {
		return err
	}
	defer stopTelemetry()

	ln, err := pool.Listen(ctx, settings.Element.Pool, &e)
	if err != nil {
		return err
	}
	defer ln.Close() // what Drain could not do is known already
	log.Info("element serves", "handle", ln.Handle(), "element", ln.ID(), "policy", e.Policy.Type)
	if err := writeReady(readyFile, readiness{Role: "element", ID: ln.ID().String(), Pool: string(ln.Handle()), Telemetry: telemetry}); err != nil {
		return err
	}

	server := service(ln, log)
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("element %s of %s: %w", ln.ID(), ln.Handle(), err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(serving, drainTime)
	defer cancel()
	if err := ln.Drain(patience); err != nil {
		log.Warn("element does not leave in order; the registrar will notice, and sessions continue elsewhere", "error", err)
	}
	end()
	if err := <-served; err != nil {
		log.Debug("service has ended", "error", err) // it was told to
	}
	log.Info("element has left", "served", server)
	return nil
}
