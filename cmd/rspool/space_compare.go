package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newSpaceWatchCommand(a *app) *cobra.Command {
	var address, pattern string
	var interval time.Duration
	var loads bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Write what changes in the handlespace",
		Long: `watch writes elements that join, leave or get another home, as a registrar sees it,
until it is interrupted. With -o json it writes one object a line.`,
		Example: "  rspool space watch\n  rspool space watch --interval 200ms --loads -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 10*time.Millisecond {
				return misusef("--interval %v: want 10ms or more", interval)
			}
			addr, err := a.telemetryAddress(address)
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			before, err := readSpace(ctx, addr, pattern)
			if err != nil {
				return err
			}
			a.remark("%s, as registrar %s sees it; watching", count(len(before.Elements), "element"), before.Registrar)
			tick := time.NewTicker(interval)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				now, err := readSpace(ctx, addr, pattern)
				if ctx.Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				for _, c := range compareSpaces(before, now, loads) {
					c.At = time.Now()
					if err := a.print(c, c.write); err != nil {
						return err
					}
				}
				before = now
			}
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "telemetry", "", telemetryFlagUsage)
	f.StringVar(&pattern, "pool", "", "only pools whose handle matches `PATTERN`")
	f.DurationVar(&interval, "interval", time.Second, "`TIME` between two looks")
	f.BoolVar(&loads, "loads", false, "write changes of loads too")
	return cmd
}

// write writes a change on one line.
func (c spaceChange) write(w io.Writer) error {
	at := ""
	if !c.At.IsZero() {
		at = c.At.Format("15:04:05.000") + "  "
	}
	what := ""
	switch {
	case c.Before == nil:
		what = fmt.Sprintf("home %s, %s", c.After.Home, printable(c.After.Transport))
	case c.After == nil:
		what = "home " + c.Before.Home.String()
	case c.Before.Home != c.After.Home:
		what = fmt.Sprintf("from %s to %s", c.Before.Home, c.After.Home)
	case c.Before.Transport != c.After.Transport || c.Before.Policy != c.After.Policy:
		what = fmt.Sprintf("from %s %s to %s %s", printable(c.Before.Policy), printable(c.Before.Transport), printable(c.After.Policy), printable(c.After.Transport))
	default:
		what = fmt.Sprintf("load from %s to %s", share(c.Before.Load), share(c.After.Load))
	}
	_, err := fmt.Fprintf(w, "%s%-11s  %s/%s  %s\n", at, c.Change, printable(c.Pool), c.Element, what)
	return err
}

// errSpacesDiffer ends a diff that has found something.
var errSpacesDiffer = errors.New("the registrars do not agree; look again in a moment, since updates may be on their way")

func newSpaceDiffCommand(a *app) *cobra.Command {
	var pattern string
	cmd := &cobra.Command{
		Use:   "diff FIRST SECOND",
		Short: "Compare the handlespace of two registrars",
		Long: `diff compares the handlespace as two registrars see it, each named by its telemetry
address: elements that only one of them knows, and those of which they name different
homes, transports or policies. The exit code is 0 if they agree, and 1 if not.`,
		Example: "  rspool space diff 127.0.0.1:9100 127.0.0.1:9101\n  rspool space diff 192.0.2.1:9100 192.0.2.2:9100 --pool 'Echo*' -o json",
		Args:    arguments("FIRST", "SECOND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var both [2]*space
			for i, text := range args {
				addr, err := a.telemetryAddress(text)
				if err == nil {
					both[i], err = readSpace(cmd.Context(), addr, pattern)
				}
				if err != nil {
					return err
				}
			}
			changes := compareSpaces(both[0], both[1], false)
			for i := range changes {
				switch changes[i].Change {
				case "joined":
					changes[i].Change = "only-second"
				case "left":
					changes[i].Change = "only-first"
				default:
					changes[i].Change = "differs"
				}
			}
			result := spaceDiff{First: both[0].Registrar.String(), Second: both[1].Registrar.String(),
				Elements: [2]int{len(both[0].Elements), len(both[1].Elements)}, Agree: len(changes) == 0, Differences: changes}
			if err := a.print(result, result.write); err != nil {
				return err
			}
			if !result.Agree {
				return errSpacesDiffer
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&pattern, "pool", "", "only pools whose handle matches `PATTERN`")
	return cmd
}

// spaceDiff is the result of a diff.
type spaceDiff struct {
	First       string        `json:"first"`
	Second      string        `json:"second"`
	Elements    [2]int        `json:"elements"`
	Agree       bool          `json:"agree"`
	Differences []spaceChange `json:"differences"`
}

func (d spaceDiff) write(w io.Writer) error {
	for _, c := range d.Differences {
		if err := c.write(w); err != nil {
			return err
		}
	}
	if d.Agree {
		_, err := fmt.Fprintf(w, "registrars %s and %s agree on %s\n", d.First, d.Second, count(d.Elements[0], "element"))
		return err
	}
	_, err := fmt.Fprintf(w, "registrar %s knows %s, registrar %s %s; %s\n", d.First, count(d.Elements[0], "element"),
		d.Second, count(d.Elements[1], "element"), count(len(d.Differences), "difference"))
	return err
}
