package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/replay"
)

func newPolicyBenchCommand(a *app) *cobra.Command {
	var f subjectsFlags
	sizes := "10,1000,10000"
	length := 200 * time.Millisecond
	beside := "builtin.round-robin,builtin.least-used-degradation,builtin.weighted-random"
	cmd := &cobra.Command{
		Use:   "bench POLICY...",
		Short: "Measure what policies cost, next to built-in ones",
		Long: `bench measures how long one selection takes in pools of several sizes, with random
elements that stay as they are, and how often memory is allocated for it. POLICY is a
file, or a policy of the configuration, as in lua.energy. A policy of a plugin is
measured with the ranks that it has sent by then.

Only relations between the figures mean anything on a busy machine.`,
		Example: "  rspool policy bench energy.lua\n  rspool policy bench energy.lua --elements 10,100000 --beside builtin.least-used",
		Args:    arguments("POLICY..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			numbers, err := parseSizes(sizes)
			if err != nil {
				return err
			}
			for _, b := range strings.Split(beside, ",") {
				if b != "" && b != "none" && !slices.Contains(args, b) {
					args = append(args, b)
				}
			}
			return a.benchPolicies(cmd.Context(), &f, args, numbers, length)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&sizes, "elements", sizes, "`SIZES` of the pools")
	cmd.Flags().DurationVar(&length, "time", length, "about how long each measurement takes, as a `DURATION`")
	cmd.Flags().StringVar(&beside, "beside", beside, "`POLICIES` to compare with, or none")
	return cmd
}

func parseSizes(s string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > 1_000_000 {
			return nil, misusef("--elements %q: want numbers from 1 to 1000000, as in 10,1000", s)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// benched is what a policy takes.
type benched struct {
	Policy   string        `json:"policy"`
	Compiled bool          `json:"compiled"`
	Costs    []replay.Cost `json:"costs"`
}

func (a *app) benchPolicies(ctx context.Context, f *subjectsFlags, args []string, sizes []int, length time.Duration) error {
	all, stop, err := a.subjects(ctx, f, args)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := untilInterrupt(ctx)
	defer cancel()
	results := []benched{}
	for _, s := range all {
		b := benched{Policy: s.reference, Compiled: s.script != nil}
		if s.script != nil {
			for _, r := range s.script.Program.Report() {
				b.Compiled = b.Compiled && r.Compiled
			}
		}
		for _, n := range sizes {
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted")
			}
			c, err := replay.Bench(s.policy, n, length)
			if err != nil {
				return fmt.Errorf("%s: %w", s.reference, err)
			}
			b.Costs = append(b.Costs, c)
		}
		results = append(results, b)
	}
	return a.print(results, func(w io.Writer) error { return writeBench(w, results, sizes) })
}

func writeBench(w io.Writer, results []benched, sizes []int) error {
	head := []string{"POLICY", "RUNS"}
	for _, n := range sizes {
		head = append(head, fmt.Sprintf("%d ELEMENTS", n), "ALLOCATIONS")
	}
	rows := [][]string{head}
	var faults []string
	for _, b := range results {
		how := "built in"
		switch {
		case strings.HasPrefix(b.Policy, "lua.") && b.Compiled:
			how = "compiled"
		case strings.HasPrefix(b.Policy, "lua."):
			how = "interpreted"
		case strings.HasPrefix(b.Policy, "plugin."):
			how = "ranked"
		}
		row := []string{b.Policy, how}
		for _, c := range b.Costs {
			row = append(row, fmt.Sprintf("%d ns", c.Selection.Nanoseconds()), fmt.Sprintf("%.1f", c.Allocations))
			if c.Fault != "" {
				faults = append(faults, fmt.Sprintf("%s fails in a pool of %d: %s", b.Policy, c.Elements, c.Fault))
			}
		}
		rows = append(rows, row)
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, s := range faults {
		fmt.Fprintln(w, printable(s))
	}
	return nil
}
