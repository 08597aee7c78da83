package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rspool/rspool/internal/fractal"
	"github.com/rspool/rspool/internal/status"
)

// demoRegistrar is one of the demo's registrars. All depend on the first as long
// as it lives.
type demoRegistrar struct {
	process *process
	ready   readiness
	killed  bool
}

// startRegistrar starts one more, which the first one tells of the others, and
// returns when it is in sync.
func (d *demo) startRegistrar(ctx context.Context) error {
	name := "registrar"
	if n := len(d.scope); n > 0 {
		name = fmt.Sprintf("registrar-%d", n+1)
	}
	args := []string{"registrar", "run", "--listen", loopback, "--asap-port", "any", "--udp-port", "any",
		"--announce=false", "--telemetry", loopback + ":0"}
	if len(d.scope) > 0 {
		args = append(args, "--peer", d.scope[0].ready.ENRP)
	}
	policy, err := d.chosen.configure(d.folder)
	if err != nil {
		return err
	}
	p, err := d.launch(name, append(args, policy...)...)
	if err != nil {
		return err
	}
	r := &demoRegistrar{process: p}
	if r.ready, err = d.await(ctx, p); err != nil {
		return err
	}
	d.scope = append(d.scope, r)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := d.app.registrarStatus(ctx, r.ready.Telemetry)
		if err == nil && (s.Scope == nil || s.Scope.InSync && len(s.Scope.Peers) == len(d.scope)-1) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s has ended before it was in sync: %w", name, p.how())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
		}
	}
}

// addresses are where elements and users look for a registrar.
func (d *demo) addresses() []string {
	var list []string
	for _, r := range d.scope {
		list = append(list, r.ready.ASAP)
	}
	return list
}

// survivor is the first registrar that was not killed.
func (d *demo) survivor() *demoRegistrar {
	for _, r := range d.scope {
		if !r.killed {
			return r
		}
	}
	return d.scope[0]
}

func (d *demo) registrarsInWords() string {
	if d.registrars == 1 {
		return "a registrar"
	}
	return count(d.registrars, "registrar")
}

// killRegistrar kills the first of several as soon as a quarter of the image is
// there: the home of all elements.
func (d *demo) killRegistrar(p fractal.Progress, g *gauge) {
	if d.registrars == 1 || d.scope[0].killed || 4*p.Pixels < p.Total {
		return
	}
	r := d.scope[0]
	if err := d.processes.kill(r.process); err != nil {
		g.remark("%v", err)
		return
	}
	r.killed = true
	g.remark("killed registrar %s at %d%%, the home of all elements", r.ready.ID, 100*p.Pixels/p.Total)
}

// tellRegistrars completes the result with what the registrars know.
func (d *demo) tellRegistrars(r *demoResult) {
	s := d.survivor()
	r.Registrar, r.Telemetry = s.ready.ASAP, s.ready.Telemetry
	for _, one := range d.scope {
		if one.killed {
			r.KilledRegistrar = one.ready.ID
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), snapshotTimeout)
		if snapshot, err := readSnapshot(ctx, one.ready.Telemetry, status.Query{Limit: -1}); err == nil {
			if now, ok := snapshot.(*status.Registrar); ok && now.Scope != nil {
				r.TakenOver += now.Scope.Counters.TakenOver
			}
		}
		cancel()
	}
}
