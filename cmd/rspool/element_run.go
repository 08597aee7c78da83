package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
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

// serveElement runs the element that flags and configuration describe. Its service has a
// number of slots, and hears where to tell its load, nil where the policy carries none.
func (a *app) serveElement(cmd *cobra.Command, flags *elementFlags, handle rserpool.Handle, slots int, service func(load func(rserpool.Load), log *slog.Logger) elementService) error {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	if err := flags.apply(cmd.Flags(), &settings.Element); err != nil {
		return misuse(err)
	}
	if flags.telemetry != "" {
		settings.Telemetry.Listen = flags.telemetry
	}
	flags.csp.apply(&settings.CSP)
	if settings.Element.Pool == "" {
		settings.Element.Pool = handle
	}
	policy := &settings.Element.Policy
	if policy.Degradation == 0 && carries(policy.Type, rserpool.FieldDegradation) {
		policy.Degradation = rserpool.LoadOf(1 / float64(slots))
	}
	return a.runElement(cmd.Context(), settings, flags.readyFile, func(ln *pool.Listener, log *slog.Logger) elementService {
		if !carries(policy.Type, rserpool.FieldLoad) {
			return service(nil, log)
		}
		return service(ln.SetLoad, log)
	})
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
	stopReports, err := a.report(settings.CSP, e.Host, log)
	if err != nil {
		return err
	}
	defer stopReports()

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
