package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/services/calcapp"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

func newUserCalcAppCommand(a *app) *cobra.Command {
	var user userFlags
	var use calcapp.UseConfig
	var seed uint64
	cmd := &cobra.Command{
		Use:   "calcapp",
		Short: "Have jobs done and measure how a pool handles them",
		Long: `calcapp has jobs done by the elements of a CalcApp pool. Jobs come by themselves, at
intervals and of sizes that are distributed exponentially unless --fixed is given,
whether or not the last one is done. A job whose element dies goes on at another one.

For each job it tells the queuing time until an element is looked for, the startup time
until one has accepted it, the processing time, and the handling speed: the job's size
by all of its time, which is what a user gets of the pool.`,
		Example: "  rspool user calcapp --registrar 127.0.0.1:3863\n" +
			"  rspool user calcapp --count 100 --interval 1s --size 1000000 --parallel 4 --seed 1 -o json",
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if use.Count < 0 || use.Duration < 0 || use.Interval <= 0 || !(use.Size >= 1) || use.Parallel < 1 {
				return misusef("--interval must be positive, --size and --parallel at least 1, --count and --duration not negative")
			}
			if use.KeepAliveInterval <= 0 || use.KeepAliveTimeout <= 0 {
				return misusef("--keepalive-interval and --keepalive-timeout must be positive")
			}
			if cmd.Flags().Changed("seed") {
				use.Rand = rand.New(rand.NewPCG(seed, 0))
			}
			return user.use(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, cfg *pool.UserConfig) error {
				use.Dial = func(ctx context.Context) (sessions.User, error) { return pool.Dial(ctx, user.handle(), cfg) }
				use.Log = cfg.HostConfig.Log
				use.Moved = a.moved
				use.Done = a.jobDone()
				r, err := calcapp.Use(ctx, use)
				return errors.Join(a.print(r, func(w io.Writer) error { return writeJobs(w, r) }), err)
			})
		},
	}
	f := cmd.Flags()
	user.add(f, calcapp.DefaultHandle)
	f.IntVar(&use.Count, "count", 0, "`NUMBER` of jobs (default: until it is interrupted)")
	f.DurationVar(&use.Duration, "duration", 0, "`TIME` for which jobs come; those that have come are finished (default: no end)")
	f.DurationVar(&use.Interval, "interval", 15*time.Second, "mean `TIME` from one job to the next")
	f.Float64Var(&use.Size, "size", 5e6, "mean size of a job, in `CALCULATIONS`")
	f.BoolVar(&use.Fixed, "fixed", false, "take the means as they are")
	f.IntVar(&use.Parallel, "parallel", 1, "jobs at work at once")
	f.DurationVar(&use.KeepAliveInterval, "keepalive-interval", 5*time.Second, "time after which an element is asked that says nothing")
	f.DurationVar(&use.KeepAliveTimeout, "keepalive-timeout", 5*time.Second, "time after which an element that does not answer is left")
	f.Uint64Var(&seed, "seed", 0, "`NUMBER` that decides about intervals and sizes (default a random one)")
	return cmd
}

// jobDone writes jobs as they are done, one at a time.
func (a *app) jobDone() func(calcapp.JobReport) {
	var mu sync.Mutex
	return func(j calcapp.JobReport) {
		mu.Lock()
		defer mu.Unlock()
		out := struct {
			calcapp.JobReport
			Handling time.Duration `json:"handling_ns"`
			Speed    float64       `json:"handling_speed"`
		}{j, j.Handling(), j.Speed()}
		_ = a.print(out, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "job %d: %d calculations by %s; queuing %s, startup %s, processing %s; handled at %.0f/s\n",
				j.Job, j.Size, j.Element, milliseconds(j.Queuing), milliseconds(j.Startup), milliseconds(j.Processing), j.Speed())
			return err
		})
	}
}

// writeJobs writes what became of all jobs.
func writeJobs(w io.Writer, r calcapp.Report) error {
	fmt.Fprintf(w, "\n%s in %s: %d started, %d completed, %d failed\n", count(r.Queued, "job"), milliseconds(r.Elapsed), r.Started, r.Completed, r.Failed)
	fmt.Fprintf(w, "%s, %d resumed; %d rejected; %s unanswered of %d\n", failovers(r.Failovers), r.Resumed, r.Rejects, count(r.Silences, "keep-alive"), r.KeepAlives)
	if r.Completed == 0 {
		return nil
	}
	mean := func(d time.Duration) string { return milliseconds(d / time.Duration(r.Completed)) }
	fmt.Fprintf(w, "mean times: queuing %s, startup %s, processing %s, handling %s\n", mean(r.Queuing), mean(r.Startup), mean(r.Processing), mean(r.Handling))
	fmt.Fprintf(w, "speed: processing %.0f/s, handling %.0f/s\n\n", r.ProcessingSpeed, r.HandlingSpeed)
	rows := [][]string{{"ELEMENT", "JOBS", "CALCULATIONS", "SHARE", "SPEED"}}
	for _, e := range r.Elements {
		rows = append(rows, []string{e.Element.String(), fmt.Sprint(e.Jobs), fmt.Sprintf("%.0f", e.Size), fmt.Sprintf("%.1f%%", 100*e.Share), fmt.Sprintf("%.0f/s", e.Speed)})
	}
	return table(w, rows)
}
