package daemon

import (
	"github.com/rspool/rspool/internal/status"
)

var _ status.Source = (*Daemon)(nil)

// Ready implements status.Source.
func (d *Daemon) Ready() error { return d.registrar.Ready() }

// Status implements status.Source: what the registrar says, and what became of its
// configuration and plugins.
func (d *Daemon) Status(q status.Query) status.Snapshot {
	s := d.registrar.Status(q).(*status.Registrar)
	s.Configuration = d.configuration()
	for _, p := range d.policies().Plugins() {
		s.Plugins = append(s.Plugins, status.Plugin{
			Name: p.Name, State: p.State, Version: p.Version, Hash: p.SHA256, PID: p.PID,
			Starts: p.Starts, Restarts: p.Restarts, FailedStarts: p.FailedStarts,
			Ranks: p.Ranks, Dropped: p.Dropped, Faults: p.Faults, Pools: len(p.Pools),
		})
	}
	return s
}

func (d *Daemon) configuration() *status.Configuration {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &status.Configuration{Files: d.running.Files, Reloads: status.Counts{}, LastReload: d.last, Failure: d.failure}
	for outcome, n := range d.reloads {
		c.Reloads[outcome] = n
	}
	return c
}
