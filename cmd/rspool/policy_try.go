package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/replay"
)

// tryFlags say how a policy is tried.
type tryFlags struct {
	subjects subjectsFlags
	dump     string
	pool     string
	against  string
	requests int
	every    time.Duration
	at       string
	seed     uint64
	user     string
	attrs    map[string]string
}

func newPolicyTryCommand(a *app) *cobra.Command {
	f := tryFlags{attrs: map[string]string{}, every: 100 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "try POLICY",
		Short: "Try a policy on the pools of a registrar whose status was written down",
		Long: `try lets a policy choose among the elements of a dumped handlespace, as it would have
if it had been at work: a number of requests for one element each, while loads stay as
they were reported. It shows the share that each element gets, next to that by another
policy, and every fault.

POLICY is a file, or a policy of the configuration. The dump is what "rspool registrar
status -o json" writes, in a file or on the standard input.`,
		Example: `  rspool policy try energy.lua --dump dump.json --pool 'Echo*'
  rspool policy try energy.lua --against builtin.least-used < dump.json`,
		Args: arguments("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.tryPolicy(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	f.subjects.add(flags)
	flags.StringVar(&f.dump, "dump", "-", "`FILE` with the status; - is the standard input")
	flags.StringVar(&f.pool, "pool", "*", "only pools whose handle matches `PATTERN`")
	flags.StringVar(&f.against, "against", "builtin.round-robin", "`POLICY` to compare with, or none")
	flags.IntVar(&f.requests, "requests", 1000, "`NUMBER` of requests for each pool")
	flags.DurationVar(&f.every, "every", f.every, "time between two requests, as a `DURATION`")
	flags.StringVar(&f.at, "at", "", "`TIME` of the first request, as in 2026-01-05T21:00:00Z (default now)")
	flags.Uint64Var(&f.seed, "seed", 1, "`NUMBER` where chance begins")
	flags.StringVar(&f.user, "user", "", "IP `ADDRESS` of the user of all requests")
	flags.Var(assignments(f.attrs), "attribute", "`NAME=VALUE` of the requests; may be repeated")
	return cmd
}

func (f *tryFlags) options() (replay.Options, error) {
	o := replay.Options{Requests: f.requests, Every: f.every, Seed: f.seed, Attributes: f.attrs, Now: time.Now()}
	var err error
	if f.at != "" {
		if o.Now, err = time.Parse(time.RFC3339, f.at); err != nil {
			return o, misusef("--at %s: want a time as in 2026-01-05T21:00:00Z", f.at)
		}
	}
	if f.user != "" {
		if o.UserAddress, err = netip.ParseAddr(f.user); err != nil {
			return o, misusef("--user %s: want an IP address, as in 192.0.2.7", f.user)
		}
	}
	if f.requests < 0 || f.requests > 10_000_000 || f.every < 0 {
		return o, misusef("--requests must be from 0 to 10000000, --every not negative")
	}
	if _, err := path.Match(f.pool, ""); err != nil {
		return o, misusef("--pool %s: %w", f.pool, err)
	}
	return o, nil
}

func (f *tryFlags) read(a *app) ([]replay.Pool, error) {
	in := a.stdin
	if f.dump != "-" {
		file, err := os.Open(f.dump)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	return replay.Read(in)
}

// tried is what try finds for one pool.
type tried struct {
	*replay.Trial
	Against *replay.Trial `json:"against,omitempty"`
}

func (a *app) tryPolicy(ctx context.Context, f *tryFlags, arg string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	args := []string{arg}
	if f.against != "none" {
		args = append(args, f.against)
	}
	all, stop, err := a.subjects(ctx, &f.subjects, args)
	if err != nil {
		return err
	}
	defer stop()
	pools, err := f.read(a)
	if err != nil {
		return err
	}
	results := []tried{}
	faults := uint64(0)
	for i := range pools {
		if ok, _ := path.Match(f.pool, string(pools[i].Handle)); !ok { // the pattern was checked
			continue
		}
		t := tried{}
		if t.Trial, err = replay.Try(all[0].policy, &pools[i], o); err != nil {
			return fmt.Errorf("pool %s: %w", pools[i].Handle, err)
		}
		faults += t.Faults
		if len(all) > 1 {
			if t.Against, err = replay.Try(all[1].policy, &pools[i], o); err != nil {
				return fmt.Errorf("pool %s, %s: %w", pools[i].Handle, all[1].reference, err)
			}
		}
		results = append(results, t)
	}
	if len(results) == 0 {
		return notFound(errors.New("the dump has no such pool"))
	}
	if err := a.print(results, func(w io.Writer) error { return writeTried(w, results, all) }); err != nil {
		return err
	}
	if faults > 0 {
		return fmt.Errorf("the policy failed %d times", faults)
	}
	return nil
}

func writeTried(w io.Writer, results []tried, all []subject) error {
	for i, t := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "pool %s: %s, %s\n", printable(t.Handle), count(t.Elements, "element"), count(t.Requests, "request"))
		if t.Nobody > 0 {
			fmt.Fprintf(w, "%s found nobody eligible\n", count(t.Nobody, "request"))
		}
		if t.Faults > 0 {
			fmt.Fprintf(w, "%s, the last one: %s\n", count(int(t.Faults), "fault"), printable(t.LastFault))
		}
		place := map[rserpool.ElementID]int{}
		for n, id := range t.Order {
			place[id] = n + 1
		}
		head := []string{"ELEMENT", "FIRST ORDER", "SELECTED", "SHARE"}
		if t.Against != nil {
			head = append(head, "BY "+all[1].reference)
		}
		rows := [][]string{head}
		for n, p := range t.Picks {
			at := "-"
			if place[p.Element] > 0 {
				at = fmt.Sprint(place[p.Element])
			}
			row := []string{p.Element.String(), at, fmt.Sprint(p.Count), share(&p.Share)}
			if t.Against != nil {
				row = append(row, share(&t.Against.Picks[n].Share))
			}
			rows = append(rows, row)
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	return nil
}
