package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/status"
)

// settings reads the configuration that --config names, over which --log-level
// and --log-format win.
func (a *app) settings() (*config.Config, error) {
	c, err := config.Load(a.configPaths, config.Options{Variables: a.variables})
	if err != nil {
		return nil, err
	}
	if a.logLevel != "" {
		if c.Log.Level, err = config.ParseLevel(a.logLevel); err != nil {
			return nil, misuse(err)
		}
	}
	if a.logFormat != "" {
		c.Log.Format = a.logFormat
	}
	return c, nil
}

// logger returns the log of a process, which goes to the standard error.
func (a *app) logger(c config.Log) *slog.Logger { return a.loggerAt(c, c.Level) }

// loggerAt is logger with a level that may change.
func (a *app) loggerAt(c config.Log, level slog.Leveler) *slog.Logger {
	opt := &slog.HandlerOptions{Level: level, AddSource: c.Source}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, opt))
	}
	return slog.New(slog.NewTextHandler(a.stderr, opt))
}

// quietLogger is the log of a command that only looks: errors alone, unless
// --log-level says otherwise.
func (a *app) quietLogger(c config.Log) *slog.Logger {
	if a.logLevel == "" {
		c.Level = slog.LevelError
	}
	return a.logger(c)
}

// untilSignal returns a context that ends at the first SIGINT or SIGTERM. The
// second one kills the process, as if nobody had listened. Call stop when done.
func (a *app) untilSignal(ctx context.Context, log *slog.Logger) (c context.Context, stop context.CancelFunc) {
	c, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case s := <-signals:
			signal.Stop(signals) // the default action from here on
			log.Info("leaving; a second signal ends the process at once", "signal", s.String())
			cancel()
		case <-c.Done():
			signal.Stop(signals)
		}
	})
	return c, func() {
		cancel()
		wg.Wait()
	}
}

// untilInterrupt returns a context that ends at SIGINT, at SIGTERM, or when the
// terminal is closed (unless that is ignored, as under nohup): for commands of a
// person that have something to tidy up.
func untilInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(ctx, signals...)
}

// telemetry serves source at address, if there is one, until stop is called. It
// returns the address that is really served.
func (a *app) telemetry(ctx context.Context, address string, source status.Source, log *slog.Logger) (served string, stop func(), err error) {
	return a.serveTelemetry(ctx, status.Config{Address: address, Source: source, Log: log})
}

// serveTelemetry is telemetry with all that there is to configure.
func (a *app) serveTelemetry(ctx context.Context, cfg status.Config) (served string, stop func(), err error) {
	if cfg.Address == "" {
		return "", func() {}, nil
	}
	s, err := status.Listen(cfg)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the draining
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			cfg.Log.Error("telemetry has ended", "error", err)
		}
	})
	return s.Addr().String(), func() {
		cancel()
		wg.Wait()
	}, nil
}

// userTelemetry is telemetry for a user, who comes and goes: an address that is
// taken, by the daemon of the same configuration for example, is no obstacle.
func (a *app) userTelemetry(ctx context.Context, address string, source status.Source, log *slog.Logger) (stop func()) {
	_, stop, err := a.telemetry(ctx, address, source, log)
	if err != nil {
		log.Warn("telemetry is not served", "error", err)
		return func() {}
	}
	return stop
}

// A readiness is what --ready-file receives, on one line, once a process serves.
type readiness struct {
	Role      string `json:"role"` // "registrar" or "element"
	PID       int    `json:"pid"`
	ID        string `json:"id,omitempty"`
	ASAP      string `json:"asap,omitempty"` // as IP:PORT@UDPPORT
	ENRP      string `json:"enrp,omitempty"`
	TCP       string `json:"tcp,omitempty"` // where it is reached over TCP, as tcp://IP:PORT
	TLS       string `json:"tls,omitempty"` // the same over TLS
	Pool      string `json:"pool,omitempty"`
	Telemetry string `json:"telemetry,omitempty"` // as HOST:PORT
	Admin     string `json:"admin,omitempty"`     // file of the socket
}

// writeReady puts r at path in one step: who sees the file sees all of it.
func writeReady(path string, r readiness) error {
	if path == "" {
		return nil
	}
	r.PID = os.Getpid()
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // nothing else to do with it
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}
