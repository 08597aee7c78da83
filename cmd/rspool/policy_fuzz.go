package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/replay"
)

func newPolicyFuzzCommand(a *app) *cobra.Command {
	var f subjectsFlags
	var seed uint64
	var rounds int
	length := 5 * time.Second
	var tags []string
	cmd := &cobra.Command{
		Use:   "fuzz POLICY",
		Short: "Let a policy loose on random pools, to find what it fails at",
		Long: `fuzz lets a policy choose in random pools, in which elements with random values come,
change, fail and go, while time passes. Every answer must consist of different elements
of the pool, no call may be a fault, and the same seed must lead to the same answers.
Tags that the policy goes by are given to elements at random.

What is found is told with the steps that led to it and the seed that finds it again.
It ends with 1 then.`,
		Example: "  rspool policy fuzz energy.lua\n  rspool policy fuzz night-shift.lua --tag site=small --tag site=big --time 1m\n  rspool policy fuzz energy.lua --seed 42 --rounds 1",
		Args:    arguments("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseTags(tags)
			if err != nil {
				return err
			}
			if seed == 0 {
				seed = rand.Uint64()>>32 + 1
			}
			if rounds == 0 {
				rounds = 1 << 30
			}
			return a.fuzzPolicy(cmd.Context(), &f, args[0], seed, rounds, values, length)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().Uint64Var(&seed, "seed", 0, "`NUMBER` where chance begins (default a random one)")
	cmd.Flags().IntVar(&rounds, "rounds", 0, "`NUMBER` of pools (default as many as there is time for)")
	cmd.Flags().DurationVar(&length, "time", length, "how long to go on at most, as a `DURATION`")
	cmd.Flags().StringArrayVar(&tags, "tag", nil, "`NAME=VALUE` of a tag that elements may have; may be repeated")
	return cmd
}

// parseTags reads NAME=VALUE, of which each name may have several.
func parseTags(list []string) (map[string][]any, error) {
	m := map[string][]any{}
	for _, s := range list {
		one := assignments{}
		if err := one.Set(s); err != nil {
			return nil, misusef("--tag %s: %w", s, err)
		}
		f := subjectsFlags{settings: one}
		values, err := f.values()
		if err != nil {
			return nil, err
		}
		for name, v := range values {
			switch v.(type) {
			case string, float64, bool:
				m[name] = append(m[name], v)
			default:
				return nil, misusef("--tag %s: want text, a number, true or false", s)
			}
		}
	}
	return m, nil
}

func (a *app) fuzzPolicy(ctx context.Context, f *subjectsFlags, arg string, seed uint64, rounds int, tags map[string][]any, length time.Duration) error {
	s, stop, err := a.subjects(ctx, f, []string{arg})
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := untilInterrupt(ctx)
	defer cancel()
	over := expiry(length)
	result := replay.Fuzz(s[0].policy, seed, rounds, tags, func() bool { return over() || ctx.Err() != nil })
	if err := a.print(result, func(w io.Writer) error {
		if result.Problem == "" {
			_, err := fmt.Fprintf(w, "%s: nothing found in %s, %d steps, from seed %d on\n", arg, count(result.Rounds, "pool"), result.Steps, result.Seed)
			return err
		}
		fmt.Fprintf(w, "%s: %s\n\nThe steps that led to it, the last ones:\n", arg, printable(result.Problem))
		for _, step := range result.Doing {
			fmt.Fprintf(w, "  %s\n", printable(step))
		}
		_, err := fmt.Fprintf(w, "\nTo see it again: rspool policy fuzz %s --seed %d --rounds 1\n", arg, result.Seed)
		return err
	}); err != nil {
		return err
	}
	if result.Problem != "" {
		return fmt.Errorf("a problem was found in pool %d", result.Rounds)
	}
	return nil
}
