// Package daemon runs a registrar by its configuration files: it reads them, puts
// their policies and plugins to work, and takes changes over while the registrar
// serves, all of a change or nothing. It takes orders as package admin carries them.
//
// It decides nothing about policies, which is package policies' business, and it
// handles no signals and no flags: that is the program's.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/watch"
	"github.com/rspool/rspool/registrar"
)

// Config describes a Daemon.
type Config struct {
	// Load reads the configuration; it is called again for each reload.
	Load func() (*config.Config, error)
	// Log receives what an operator should know. Required.
	Log *slog.Logger
	// Level, if not nil, is set when the level of the log changes.
	Level func(slog.Level)
}

// Daemon is a registrar with its configuration. Its methods may be called at once.
type Daemon struct {
	cfg       Config
	log       *slog.Logger
	registrar *registrar.Registrar
	admin     *admin.Server // nil without
	watcher   *watch.Watcher

	change sync.Mutex // one change at a time

	mu      sync.Mutex
	running *config.Config
	set     *policies.Set
	read    time.Time // when the files were read that are watched
	reloads status.Counts
	last    time.Time // of the last reload
	failure string    // of the last reload, empty if it went well
}

// New reads the configuration, puts its policies to work and opens the registrar and
// the socket for orders. Call Serve, or Close without it. Where a file is at fault the
// error is a *config.Error.
func New(ctx context.Context, cfg Config) (*Daemon, error) {
	d := &Daemon{cfg: cfg, log: cfg.Log, reloads: status.Counts{"changed": 0, "unchanged": 0, "refused": 0}, read: time.Now()}
	c, err := cfg.Load()
	if err != nil {
		return nil, err
	}
	d.running = c
	if d.set, err = policies.Open(ctx, c, cfg.Log); err != nil {
		return nil, err
	}
	rc := c.Registrar.Config
	rc.Log, rc.Policies = cfg.Log, d.set.Registry()
	if d.registrar, err = registrar.New(rc); err != nil {
		return nil, errors.Join(err, d.set.Close())
	}
	if !c.Admin.Disabled {
		if err := d.listen(c); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	for _, v := range d.set.Versions() {
		d.log.Info("policy is loaded", "policy", v.Definition.Reference(), "version", v.Name(), "tests", v.Tests)
	}
	d.watcher = watch.New(d.log)
	d.watcher.Set(d.paths(c), d.read)
	return d, nil
}

// listen opens the socket for orders. One that nobody has named is no condition: a
// registrar works without.
func (d *Daemon) listen(c *config.Config) (err error) {
	file := c.Admin.Socket
	if file == "" {
		file = admin.Socket(d.registrar.ID())
	}
	d.admin, err = admin.Listen(file, d, d.log)
	if err != nil && c.Admin.Socket == "" {
		d.log.Warn("orders are not taken", "error", err)
		return nil
	}
	return err
}

// Registrar returns the registrar.
func (d *Daemon) Registrar() *registrar.Registrar { return d.registrar }

// Config returns the configuration at work.
func (d *Daemon) Config() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// Admin returns the file of the socket for orders, "" without one.
func (d *Daemon) Admin() string {
	if d.admin == nil {
		return ""
	}
	return d.admin.File()
}

// Serve runs the registrar, takes orders and watches files until ctx ends, and closes
// everything. It can be called once.
func (d *Daemon) Serve(ctx context.Context) error {
	aside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	wait.Go(func() { d.watcher.Run(aside, d.changed) })
	if d.admin != nil {
		wait.Go(func() {
			if err := d.admin.Serve(aside); err != nil {
				d.log.Error("orders are taken no longer", "error", err)
			}
		})
	}
	err := d.registrar.Serve(ctx)
	stop()
	wait.Wait()
	return errors.Join(err, d.Close())
}

// Close ends what New has opened.
func (d *Daemon) Close() error {
	err := d.registrar.Close()
	if d.admin != nil {
		_ = d.admin.Close() // Serve may have done it
	}
	if d.watcher != nil {
		err = errors.Join(err, d.watcher.Close())
	}
	d.change.Lock()
	defer d.change.Unlock()
	return errors.Join(err, d.set.Close())
}

// paths returns what the configuration is made of: its files and folders, what these
// include, and the scripts.
func (d *Daemon) paths(c *config.Config) []string {
	all := slices.Concat(c.Paths, c.Files, c.Included)
	for i := range c.Policies {
		if p := &c.Policies[i]; p.Kind == config.Lua {
			all = append(all, p.Source)
		}
	}
	for i, p := range all {
		if a, err := filepath.Abs(p); err == nil {
			all[i] = a
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// changed takes over what the watcher has noticed.
func (d *Daemon) changed(paths []string) {
	d.log.Info("files have changed", "files", paths)
	d.Refresh()
}

// Refresh reads the configuration again and takes it over; what comes of it is
// logged. It is for signals and files, which nobody waits for.
func (d *Daemon) Refresh() {
	_, _ = d.reload(context.Background(), false, false) // it was logged
}

// restored is the configuration with those versions of policies that are at work.
func restored(c *config.Config, set *policies.Set) *config.Config {
	var all []config.Policy
	for _, v := range set.Versions() {
		all = append(all, v.Definition)
	}
	return c.With(all...)
}

// refused says once what is wrong, with the lines that it is about.
func (d *Daemon) refused(err error) {
	var files *config.Error
	if !errors.As(err, &files) {
		d.log.Error("configuration is refused; the running one stays", "error", err)
		return
	}
	for _, g := range files.Diagnostics() {
		attrs := []any{"problem", g.Summary, "detail", g.Detail}
		if g.File != "" {
			attrs = append(attrs, "file", fmt.Sprintf("%s:%d", g.File, g.Line))
		}
		if g.Snippet != "" {
			attrs = append(attrs, "text", g.Snippet)
		}
		d.log.Error("configuration is refused; the running one stays", attrs...)
	}
}
