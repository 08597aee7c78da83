package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/pool"
)

// userFlags are what the command of every user can say over its configuration.
type userFlags struct {
	host  hostFlags
	csp   cspFlags
	pool  string
	usual rserpool.Handle
}

func (f *userFlags) add(flags *pflag.FlagSet, handle rserpool.Handle) {
	f.usual = handle
	f.host.add(flags)
	f.csp.add(flags)
	flags.StringVar(&f.pool, "pool", "", fmt.Sprintf("`HANDLE` of the pool (default %s)", handle))
}

// handle returns the pool to use.
func (f *userFlags) handle() rserpool.Handle {
	if f.pool != "" {
		return rserpool.Handle(f.pool)
	}
	return f.usual
}

// open makes what a user needs to dial, until end is called. It fails where there is
// no such pool: a person wants to know that at once.
func (f *userFlags) open(ctx context.Context, a *app, settings *config.Config, flags *pflag.FlagSet, log *slog.Logger) (cfg *pool.UserConfig, end func() error, err error) {
	var ends []func() error
	end = func() (err error) {
		for i := len(ends) - 1; i >= 0; i-- {
			err = errors.Join(err, ends[i]())
		}
		return err
	}
	fail := func(err error) (*pool.UserConfig, func() error, error) {
		return nil, nil, errors.Join(err, end())
	}
	endPolicies, err := policies.OpenUser(ctx, settings, log)
	if err != nil {
		return fail(err)
	}
	ends = append(ends, endPolicies)
	c := settings.User.UserConfig
	f.host.apply(flags, &c.HostConfig)
	f.csp.apply(&settings.CSP)
	c.HostConfig.Log = log
	if c.Host, err = pool.NewHost(&c.HostConfig); err != nil {
		return fail(err)
	}
	ends = append(ends, c.Host.Close)
	stop := a.userTelemetry(ctx, settings.Telemetry.Listen, c.Host, log)
	ends = append(ends, func() error { stop(); return nil })
	stopReports, err := a.report(settings.CSP, c.Host, log)
	if err != nil {
		return fail(err)
	}
	ends = append(ends, func() error { stopReports(); return nil })
	if _, err := pool.Resolve(ctx, c.Host, f.handle(), 1); err != nil {
		return fail(err)
	}
	return &c, end, nil
}

// dial opens a session with the pool for a small user and has it used, until the work is
// done or somebody interrupts. Failovers are told as they happen, by work.
func (f *userFlags) dial(ctx context.Context, a *app, flags *pflag.FlagSet, work func(ctx context.Context, s *pool.Session) error) error {
	return f.use(ctx, a, flags, func(ctx context.Context, cfg *pool.UserConfig) error {
		s, err := pool.Dial(ctx, f.handle(), cfg)
		if err != nil {
			return err
		}
		defer s.Close()
		return work(ctx, s)
	})
}

// use is dial for users that open their sessions themselves.
func (f *userFlags) use(ctx context.Context, a *app, flags *pflag.FlagSet, work func(ctx context.Context, cfg *pool.UserConfig) error) (err error) {
	settings, err := a.settings()
	if err != nil {
		return err
	}
	log := a.quietLogger(settings.Log)
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	cfg, end, err := f.open(ctx, a, settings, flags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return work(ctx, cfg)
}

// moved tells a person of a failover.
func (a *app) moved(f *pool.Failover) {
	a.remark("moved from element %s to %s within %s: %s", f.From, f.To, milliseconds(f.Duration), printable(f.Reason))
}
