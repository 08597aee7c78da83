package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/fractal"
	"github.com/rspool/rspool/pool"
)

// demoConfig is the configuration of all processes unless --config names another.
//
//go:embed demo.hcl
var demoConfig []byte

// demo is one run of the command.
type demo struct {
	app        *app
	elements   int
	registrars int
	kill       string
	policy     string      // as it was given
	chosen     *demoPolicy // what it comes to

	policySettings subjectsFlags
	image          imageFlags
	tile           int
	parallel       int
	capacity       float64
	seed           uint64
	keep           bool
	picture        string

	rand      *rand.Rand
	folder    string   // temporary
	files     []string // of the configuration
	processes *processes
	scope     []*demoRegistrar
	pool      []*demoElement
	victims   int // still to be killed
}

// demoElement is one of the demo's elements.
type demoElement struct {
	id       rserpool.ElementID
	capacity float64 // pixels a second
	process  *process
	killed   bool
}

func newDemoCommand(a *app) *cobra.Command {
	d := &demo{app: a, picture: "mandelbrot.png"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See the whole system at work, in one command",
		Long: `Starts a registrar and elements of different capacity, each as a process of its
own, over SCTP on 127.0.0.1; has an image computed by them; kills one that is at work
halfway, without goodbye; finishes the image; and compares it pixel by pixel with a
local computation. It writes the image and a second one that shows which element
computed what, and leaves nothing else behind.

--registrars 3 starts three of them, and kills the one that the elements and the user
depend on as well, after a quarter of the image: another one takes its elements over.

--policy takes a script too, as energy.lua, or a program, as plugin:./carbon: the
registrar selects by it, and falls back to the policy that the elements register. Of a
plugin with several policies, plugin:./carbon,greenest is one. --set gives it settings.
With --keep, a script can be edited while it is at work.

--config replaces the demo's configuration, which has short timers, in all processes.
--keep leaves the pool running to be explored, until Ctrl-C.`,
		Example: `  rspool demo
  rspool demo --policy round-robin --elements 8 --kill 3
  rspool demo --policy energy.lua
  rspool demo --policy plugin:./rspool-policy-carbon --set file=figures.csv
  rspool demo --registrars 3
  rspool demo --keep
  rspool demo -o json -o picture.png`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.IntVar(&d.elements, "elements", 5, "`NUMBER` of elements")
	flags.IntVar(&d.registrars, "registrars", 1, "`NUMBER` of registrars; of several, one is killed")
	flags.StringVar(&d.kill, "kill", "1", "`NUMBER` of elements to kill halfway, or none")
	flags.StringVar(&d.policy, "policy", rserpool.LeastUsedDegradation.String(), "`POLICY` of the pool: a name, FILE.lua, or plugin:BINARY")
	d.policySettings.add(flags)
	d.image.add(flags, "1024x768")
	flags.IntVar(&d.tile, "tile", 64, "`PIXELS` in width and height of a tile")
	flags.IntVar(&d.parallel, "parallel", 0, "sessions at once (default: two for each element)")
	flags.Float64Var(&d.capacity, "capacity", 200000, "`PIXELS` a second that all elements compute together")
	flags.Uint64Var(&d.seed, "seed", 0, "`NUMBER` that decides which element is killed (default: a random one)")
	flags.BoolVar(&d.keep, "keep", false, "leave the pool running until Ctrl-C")
	addPictureFlag(cmd, a, &d.picture)
	return cmd
}

func (d *demo) run(ctx context.Context) (err error) {
	view, err := d.check()
	if err != nil {
		return misuse(err)
	}
	if d.chosen, err = d.choose(ctx); err != nil {
		return err
	}
	if err := checkPicture(d.picture); err != nil {
		return err
	}
	ctx, stop := untilInterrupt(ctx) // and further signals do not disturb the tidying up
	defer stop()
	if d.folder, err = os.MkdirTemp("", "rspool-demo-"); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.folder)) }()
	if d.processes, err = newProcesses(d.folder); err != nil {
		return err
	}
	defer d.processes.endAll(3 * time.Second)

	began := time.Now()
	image, report, err := d.compute(ctx, view)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing is left behind")
		}
		d.showLogs()
		return err
	}
	local, err := fractal.Compute(ctx, view.Parameter())
	if err != nil {
		return err
	}
	result := d.result(ctx, report, image, local, time.Since(began))
	if err := result.write(); err != nil {
		return err
	}
	if err := d.app.print(result, result.text); err != nil {
		return err
	}
	if !result.Correct {
		return errors.New("the image differs from the local computation")
	}
	if d.keep {
		d.explore(ctx)
	}
	return nil
}

// check understands the flags.
func (d *demo) check() (*fractal.View, error) {
	if d.elements < 1 || d.elements > 100 {
		return nil, fmt.Errorf("--elements %d: want 1 to 100", d.elements)
	}
	if d.registrars < 1 || d.registrars > 9 {
		return nil, fmt.Errorf("--registrars %d: want 1 to 9", d.registrars)
	}
	if d.kill != "none" {
		n, err := strconv.Atoi(d.kill)
		if err != nil || n < 0 || n >= d.elements {
			return nil, fmt.Errorf("--kill %s: want none, or a number below that of the elements (%d): somebody must be left", d.kill, d.elements)
		}
		d.victims = n
	}
	if d.tile < 1 || d.parallel < 0 || !(d.capacity > 0) {
		return nil, errors.New("--tile and --capacity must be positive, --parallel not negative")
	}
	d.parallel = cmp.Or(d.parallel, 2*d.elements)
	if d.seed == 0 {
		d.seed = rand.Uint64()>>32 + 1
	}
	d.rand = rand.New(rand.NewPCG(d.seed, 0))
	return d.image.view()
}

// compute starts the processes and has the image computed by them.
func (d *demo) compute(ctx context.Context, view *fractal.View) (image *fractal.Image, report fractal.Report, err error) {
	began := time.Now()
	user, err := d.settings()
	if err != nil {
		return nil, report, err
	}
	if err := d.start(ctx); err != nil {
		return nil, report, err
	}
	d.app.remark("%s and %s run as processes, policy %s, after %s", d.registrarsInWords(), count(d.elements, "element"), d.chosen, milliseconds(time.Since(began)))

	file, err := os.Create(filepath.Join(d.folder, "user.log"))
	if err != nil {
		return nil, report, fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	log := slog.New(slog.NewTextHandler(file, nil))
	user.HostConfig.Registrars = d.addresses()
	user.HostConfig.Listen, user.HostConfig.UDPPort = loopback, 0
	user.HostConfig.Log = log
	if user.Host, err = pool.NewHost(&user.HostConfig); err != nil {
		return nil, report, err
	}
	defer func() { err = errors.Join(err, user.Host.Close()) }()
	render := fractal.NewRender(view, fractal.RenderConfig{
		User: &user, TileSize: d.tile, Parallel: d.parallel, StallTimeout: 5 * time.Second, Elements: d.ids(), Log: log,
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	image, report, err = d.app.watchRender(ctx, render, func(p fractal.Progress, g *gauge) {
		if c := d.processes.dead(); c != nil {
			cancel(fmt.Errorf("%s has ended unexpectedly: %w", c.name, c.how()))
		}
		d.killRegistrar(p, g)
		d.killHalfway(p, g)
	})
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	if err == nil && d.victims > 0 {
		d.app.remark("%s left to kill when the image was finished; try a larger --size", count(d.victims, "element"))
	}
	return image, report, err
}

// killHalfway kills an element that is at work as soon as half of the image is
// there, and each further one a tenth later. Sessions that are all but done would
// hardly notice, so the victim has at least half of a tile ahead.
func (d *demo) killHalfway(p fractal.Progress, g *gauge) {
	killed := 0
	var busy []*demoElement
	for _, e := range d.pool {
		if e.killed {
			killed++
			continue
		}
		if slices.ContainsFunc(p.Elements, func(r fractal.ElementReport) bool {
			return r.Element == e.id && r.Ahead >= min(d.tile*d.tile, p.Total)/2
		}) {
			busy = append(busy, e)
		}
	}
	if d.victims == 0 || len(busy) == 0 || float64(p.Pixels) < float64(p.Total)*min(0.5+0.1*float64(killed), 0.9) {
		return
	}
	victim := busy[d.rand.IntN(len(busy))]
	if err := d.processes.kill(victim.process); err != nil {
		g.remark("%v", err)
		return
	}
	victim.killed = true
	d.victims--
	g.remark("killed element %s at %d%%, while it was at work", victim.id, 100*p.Pixels/p.Total)
}

// showLogs prints what the children wrote last, since something has failed.
func (d *demo) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(d.folder, "*.log")) // the pattern is good
	for _, name := range logs {
		d.app.remark("--- %s\n%s", filepath.Base(name), tail(name, 10))
	}
}

// explore leaves everything running until it is interrupted.
func (d *demo) explore(ctx context.Context) {
	r := d.survivor()
	d.app.remark(`
The pool goes on. In another terminal:
  rspool resolve %s -n %d --registrar %s
  rspool registrar status --telemetry %s
  rspool top --telemetry %s
  rspool user fractal -o another.png --registrar %s
  rspool policy explain %s --admin %s
Ctrl-C ends it.`, fractal.DefaultHandle, d.elements, r.ready.ASAP, r.ready.Telemetry, r.ready.Telemetry, r.ready.ASAP,
		fractal.DefaultHandle, r.ready.Admin)
	if strings.HasSuffix(d.chosen.From, ".lua") {
		d.app.remark("Edit %s: the registrar takes it over when its tests pass.", d.chosen.From)
	}
	<-ctx.Done()
}
