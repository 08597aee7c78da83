package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rspool/rspool/internal/simulate"
)

func newSimulateCommand(a *app) *cobra.Command {
	g := a.group("simulate", "Let the protocol run on virtual time, with faults, and check it",
		"  rspool simulate run --seeds 1000 --registrars 3\n  rspool simulate replay 42",
		newSimulateRunCommand(a),
		newSimulateReplayCommand(a),
	)
	g.Long = `simulate runs worlds of registrars, elements and users on virtual time: the same
state machines that run elsewhere, on a network that delays, cuts and loses. A
seed decides what a world is like and what goes wrong in it. Once the faults are
over, all must be well: every live element in its pool and no other, one home
each, all registrars of one mind, every resolution answered.`
	return g
}

// worldFlags fix what seeds decide otherwise.
type worldFlags struct{ options simulate.Options }

func (w *worldFlags) add(f *pflag.FlagSet) {
	f.IntVar(&w.options.Registrars, "registrars", 0, "`N` registrars in each world (default 1 to 5)")
	f.IntVar(&w.options.Elements, "elements", 0, "`N` hosts with elements (default 1 to 5)")
	f.IntVar(&w.options.Users, "users", 0, "`N` hosts with users (default 1 to 3)")
	f.DurationVar(&w.options.Chaos, "chaos", 0, "virtual `TIME` in which faults happen (default 10s to 60s)")
	f.IntVar(&w.options.Faults, "faults", 0, "`N` faults in that time, or -1 for none")
}

func newSimulateRunCommand(a *app) *cobra.Command {
	var world worldFlags
	x := simulate.Exploration{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Try many seeds, and name those whose worlds break an invariant",
		Long: `run tries consecutive seeds and writes what they have come to. A failure is named
with its seed, which rspool simulate replay plays again. It ends with 1 where
there was any.`,
		Example: `  rspool simulate run
  rspool simulate run --seeds 10000 --registrars 3 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			x.Options = world.options
			if err := x.Options.Check(); err != nil {
				return misusef("simulate: %v", err)
			}
			if x.Seeds < 1 || x.Workers < 0 || x.MaxFailures < 1 {
				return misusef("simulate: --seeds and --max-failures must be 1 or more, and --workers not negative")
			}
			return a.simulate(cmd.Context(), x)
		},
	}
	f := cmd.Flags()
	f.IntVar(&x.Seeds, "seeds", 1000, "`N` seeds to try")
	f.Uint64Var(&x.First, "first", 1, "`SEED` to begin with")
	f.IntVar(&x.MaxFailures, "max-failures", 10, "`N` failures to end after")
	f.IntVar(&x.Workers, "workers", 0, "`N` worlds at a time (default one for each processor)")
	world.add(f)
	return cmd
}

// exploredJSON is a Summary in JSON.
type exploredJSON struct {
	Seeds          int            `json:"seeds"`
	Seconds        float64        `json:"seconds"`
	VirtualSeconds float64        `json:"virtual_seconds"`
	SeedsPerSecond float64        `json:"seeds_per_second"`
	Tally          simulate.Tally `json:"tally"`
	Failures       []failureJSON  `json:"failures"`
}

// failureJSON is a Failure in JSON.
type failureJSON struct {
	Seed      uint64  `json:"seed"`
	At        float64 `json:"at"`
	Invariant string  `json:"invariant"`
	Detail    string  `json:"detail"`
}

func newFailureJSON(r *simulate.Result) failureJSON {
	return failureJSON{r.Seed, r.Failure.At.Seconds(), string(r.Failure.Invariant), r.Failure.Detail}
}

// simulate tries many seeds.
func (a *app) simulate(ctx context.Context, x simulate.Exploration) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and short-lived
	g := a.newGauge("worlds", x.Seeds)
	x.Done = func(over, failures int) {
		note := ""
		if failures > 0 {
			note = fmt.Sprintf("%d failed", failures)
		}
		g.set(over, note)
	}
	began := time.Now()
	s := simulate.Explore(ctx, x)
	g.close()
	took := time.Since(began).Seconds()
	v := exploredJSON{s.Seeds, took, s.Virtual.Seconds(), float64(s.Seeds) / took, s.Tally, []failureJSON{}}
	for _, r := range s.Failures {
		v.Failures = append(v.Failures, newFailureJSON(r))
	}
	err := a.print(v, func(w io.Writer) error {
		for _, r := range s.Failures {
			fmt.Fprintf(w, "seed %d: %v\n", r.Seed, r.Failure)
		}
		t := &s.Tally
		_, err := fmt.Fprintf(w, "%d worlds, %.1f hours of virtual time in %.1f s (%.0f a second, %.0f times as fast as life)\n"+
			"%d messages, %d associations, %d resolutions, %d failovers, %d takeovers\n",
			s.Seeds, s.Virtual.Hours(), took, v.SeedsPerSecond, s.Virtual.Seconds()/took,
			t.Messages, t.Associations, t.Resolutions, t.Failovers, t.Takeovers)
		return err
	})
	if n := len(s.Failures); err == nil && n > 0 {
		err = fmt.Errorf("simulate: %d of %d worlds failed; see them with rspool simulate replay SEED and the same flags", n, s.Seeds)
	}
	return err
}

func newSimulateReplayCommand(a *app) *cobra.Command {
	var world worldFlags
	var last time.Duration
	var whole, brief bool
	cmd := &cobra.Command{
		Use:   "replay SEED",
		Short: "Play a seed's world again and write its transcript",
		Long: `replay plays the world of a seed and writes what happened: each message between
registrars and hosts, and each fault. Where an invariant breaks, as few of the
faults happen as that needs, unless --whole asks for all; the exit code is then 1.
The other flags must be those of the run in which the seed was found.`,
		Example: `  rspool simulate replay 42
  rspool simulate replay 42 --registrars 3 --brief --last 10s`,
		Args: arguments("SEED"),
		RunE: func(_ *cobra.Command, args []string) error {
			seed, err := strconv.ParseUint(args[0], 0, 64)
			if err != nil {
				return misusef("simulate: seed %q: want a number", args[0])
			}
			if err := world.options.Check(); err != nil {
				return misusef("simulate: %v", err)
			}
			play := simulate.Minimise
			if whole {
				play = simulate.Replay
			}
			r := play(seed, world.options)
			lines := r.Lines
			if last > 0 {
				lines = r.Tail(last)
			}
			if brief {
				lines = simulate.Brief(lines)
			}
			return a.printTranscript(r, lines)
		},
	}
	cmd.Flags().DurationVar(&last, "last", 0, "write only the last virtual `TIME`, from the first failure back")
	cmd.Flags().BoolVar(&brief, "brief", false, "leave out what goes on all the time: signs of life and resolutions")
	cmd.Flags().BoolVar(&whole, "whole", false, "let all faults happen, also where fewer suffice")
	world.add(cmd.Flags())
	return cmd
}

// lineJSON is a line of a transcript in JSON.
type lineJSON struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

func (a *app) printTranscript(r *simulate.Result, lines []simulate.Line) error {
	for _, l := range lines {
		err := a.print(lineJSON{l.At.Seconds(), l.Text}, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, l)
			return err
		})
		if err != nil {
			return err
		}
	}
	if r.Failure != nil {
		return fmt.Errorf("simulate: seed %d: %w", r.Seed, r.Failure)
	}
	a.remark("seed %d: every invariant held for %v of virtual time; transcript %016x", r.Seed, r.Virtual, r.Hash)
	return nil
}
