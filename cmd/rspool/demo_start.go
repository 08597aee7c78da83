package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/pool"
)

const (
	loopback = "127.0.0.1"
	// startTime is how long the processes may take to be ready.
	startTime = 30 * time.Second
)

// settings sees to a configuration for all processes, and returns the user's part.
func (d *demo) settings() (pool.UserConfig, error) {
	d.files = d.app.configPaths
	if len(d.files) == 0 {
		file := filepath.Join(d.folder, "demo.hcl")
		if err := os.WriteFile(file, demoConfig, 0o600); err != nil {
			return pool.UserConfig{}, fmt.Errorf("demo: %w", err)
		}
		d.files = []string{file}
	}
	c, err := config.Load(d.files, config.Options{Variables: d.app.variables})
	if err != nil {
		return pool.UserConfig{}, err
	}
	return c.User.UserConfig, nil
}

// start starts the registrars and then the elements, and returns when all are ready.
func (d *demo) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("the processes were not ready within %v; try again on a less busy machine", startTime))
	defer cancel()
	for range d.registrars {
		if err := d.startRegistrar(ctx); err != nil {
			return err
		}
	}
	for i := range d.elements {
		e := &demoElement{id: rserpool.ElementID(i + 1), capacity: d.share(i)}
		var err error
		if e.process, err = d.launch(fmt.Sprintf("element-%d", i+1), d.elementArguments(e, i, d.chosen.Wire)...); err != nil {
			return err
		}
		d.pool = append(d.pool, e)
	}
	for _, e := range d.pool {
		if _, err := d.await(ctx, e.process); err != nil {
			return err
		}
	}
	return nil
}

// ids returns the identifiers of all elements.
func (d *demo) ids() []rserpool.ElementID {
	ids := make([]rserpool.ElementID, len(d.pool))
	for i, e := range d.pool {
		ids[i] = e.id
	}
	return ids
}

// share returns the capacity of an element: the second has twice that of the first,
// the third three times, and so on.
func (d *demo) share(i int) float64 {
	all := d.elements * (d.elements + 1) / 2
	return d.capacity * float64(i+1) / float64(all)
}

// elementArguments returns the command line of an element.
func (d *demo) elementArguments(e *demoElement, i int, policy rserpool.PolicyType) []string {
	args := []string{
		"element", "run", "fractal", "--listen", loopback, "--udp-port", "any",
		"--id", e.id.String(), "--policy", policy.String(),
		"--capacity", strconv.FormatFloat(e.capacity, 'f', 0, 64),
		// A load is a share of the sessions allowed: that they are in proportion
		// to the capacity makes loads comparable. Nobody is ever refused.
		"--max-sessions", strconv.Itoa(d.parallel * (i + 1)),
	}
	for _, address := range d.addresses() {
		args = append(args, "--registrar", address)
	}
	fields, _ := policy.Fields()
	for _, f := range fields {
		switch f {
		case rserpool.FieldWeight:
			args = append(args, "--weight", strconv.Itoa(i+1))
		case rserpool.FieldPriority:
			args = append(args, "--priority", strconv.Itoa(i+1))
		case rserpool.FieldWeightDPF:
			args = append(args, "--weight-dpf", "0.01")
		case rserpool.FieldLoadDPF:
			args = append(args, "--load-dpf", "0.001")
		case rserpool.FieldDistance:
			args = append(args, "--distance", strconv.Itoa(10*i))
		case rserpool.FieldLoad, rserpool.FieldDegradation: // the element's own affair
		}
	}
	return args
}

// launch starts a process with the demo's configuration.
func (d *demo) launch(name string, args ...string) (*process, error) {
	for _, file := range d.files {
		args = append(args, "--config", file)
	}
	for name, value := range d.app.variables {
		args = append(args, "--var", name+"="+value)
	}
	return d.processes.start(name, append(args, "--ready-file", d.readyFile(name))...)
}

func (d *demo) readyFile(name string) string { return filepath.Join(d.folder, name+".ready") }

// await returns what a process says when it is ready.
func (d *demo) await(ctx context.Context, c *process) (readiness, error) {
	var ready readiness
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		line, err := os.ReadFile(d.readyFile(c.name))
		if err == nil {
			err = json.Unmarshal(line, &ready)
			return ready, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return ready, fmt.Errorf("demo: %w", err)
		}
		select {
		case <-tick.C:
		case <-c.exited:
			return ready, fmt.Errorf("%s has ended before it was ready: %w", c.name, c.how())
		case <-ctx.Done():
			return ready, fmt.Errorf("wait for %s: %w", c.name, context.Cause(ctx))
		}
	}
}
