package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/status"
)

func newRegistrarStatusCommand(a *app) *cobra.Command {
	var address string
	var q status.Query
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running registrar knows and does",
		Long: `status reads the state of a registrar from its telemetry address: its pools, their
elements, and what it has counted since its start. With -o json everything is
written that there is.`,
		Example: "  rspool registrar status\n  rspool registrar status --telemetry 192.0.2.1:9100 --pool 'Echo*' -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := a.telemetryAddress(address)
			if err != nil {
				return err
			}
			s, err := readSnapshot(cmd.Context(), addr, q)
			if err != nil {
				return err
			}
			r, ok := s.(*status.Registrar)
			if !ok {
				return fmt.Errorf("%s is not a registrar; see rspool top --telemetry %s", addr, addr)
			}
			return a.print(r, func(w io.Writer) error { return writeRegistrar(w, r, time.Now()) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "telemetry", "", telemetryFlagUsage)
	f.StringVar(&q.Pool, "pool", "", "only pools whose handle matches `PATTERN`")
	f.IntVar(&q.Limit, "limit", 0, fmt.Sprintf("at most `N` elements (default %d)", status.DefaultLimit))
	f.IntVar(&q.Associations, "associations", 0, "show up to `N` associations too")
	return cmd
}

// writeRegistrar writes a registrar's state for people.
func writeRegistrar(w io.Writer, r *status.Registrar, now time.Time) error {
	state := "ready"
	switch {
	case r.Draining:
		state = "draining"
	case !r.Ready:
		state = "not ready"
	}
	fmt.Fprintf(w, "registrar %s, %s, up %s, %s dialect\n", r.ID, state, rough(r.Uptime), printable(r.Dialect))
	fmt.Fprintf(w, "asap %s, enrp %s", orNone(r.ASAPAddress), orNone(r.ENRPAddress))
	if r.SCTP != "" {
		fmt.Fprintf(w, ", mode %s", printable(r.SCTP))
	}
	fmt.Fprintln(w)
	if len(r.Doors) > 0 {
		var doors []string
		for _, d := range r.Doors {
			name := printable(d.Transport)
			if d.SCTP != "" {
				name += " (" + printable(d.SCTP) + ")"
			}
			doors = append(doors, fmt.Sprintf("%s at %s with %s", name, orNone(d.Address), count(d.Counts.Associations, "association")))
		}
		fmt.Fprintf(w, "doors: %s\n", strings.Join(doors, "; "))
	}
	fmt.Fprintf(w, "%s, %s (%d its own, checksum 0x%04x), %s\n",
		count(r.PoolCount, "pool"), count(r.ElementCount, "element"), r.OwnedCount, r.Checksum,
		count(r.AssociationCount, "association"))
	if r.Scope == nil {
		fmt.Fprintf(w, "without ENRP, %s heard\n", count(r.Announcing, "other registrar"))
	} else {
		if err := writeScope(w, r.Scope, now); err != nil {
			return err
		}
	}
	c := &r.Counters
	for _, line := range []struct {
		name   string
		counts status.Counts
	}{
		{"registrations", c.Registrations}, {"removals", c.Removals}, {"resolutions", c.Resolutions},
		{"keep-alives", c.KeepAlives}, {"reports", c.Reports}, {"errors sent", c.Errors}, {"ignored", c.Ignored},
	} {
		if text := counts(line.counts); text != "" {
			fmt.Fprintf(w, "%s: %s\n", line.name, text)
		}
	}
	if err := writeStatusOfPolicies(w, r); err != nil {
		return err
	}
	for _, p := range r.Pools {
		policy := p.Policy
		if p.Selection != "" {
			policy += ", selected by " + p.Selection
		}
		fmt.Fprintf(w, "\npool %s: %s, %s\n", printable(p.Handle), printable(policy), count(p.ElementCount, "element"))
		rows := [][]string{{"ELEMENT", "TRANSPORT", "LOAD", "SELECTED", "HEARD", "EXPIRES"}}
		for _, e := range p.Elements {
			rows = append(rows, []string{
				e.ID.String(), printable(e.Transport), share(e.Load), fmt.Sprint(e.Selections),
				rough(now.Sub(e.Heard).Seconds()) + " ago", "in " + rough(e.Expires.Sub(now).Seconds()),
			})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	if r.Next != nil {
		fmt.Fprintln(w, "\nThere are more elements; narrow them down with --pool, or raise --limit.")
	}
	return writeAssociations(w, r.Associations, now)
}

// writeStatusOfPolicies writes what chosen policies and their plugins do, and whether
// the files are those at work.
func writeStatusOfPolicies(w io.Writer, r *status.Registrar) error {
	if c := r.Configuration; c != nil && c.Failure != "" {
		fmt.Fprintf(w, "the files are refused, and what was at work before stays: %s\n", printable(c.Failure))
	}
	if len(r.Policies) > 0 {
		fmt.Fprintln(w)
		rows := [][]string{{"POLICY", "VERSION", "AT WORK", "FAULTS", "LEFT", "PASSED ON"}}
		for _, p := range r.Policies {
			rows = append(rows, []string{
				printable(p.Name), orElse(printable(p.Version), "-"), atWork(p.Pools),
				fmt.Sprint(p.Faults), fmt.Sprint(p.Trips), fmt.Sprint(p.Passed),
			})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	if len(r.Plugins) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := [][]string{{"PLUGIN", "VERSION", "STATE", "RESTARTS", "POOLS", "FAULTS"}}
	for _, p := range r.Plugins {
		rows = append(rows, []string{
			printable(p.Name), orElse(printable(p.Version), "-"), p.State, fmt.Sprint(p.Restarts), fmt.Sprint(p.Pools), fmt.Sprint(p.Faults),
		})
	}
	return table(w, rows)
}

func writeAssociations(w io.Writer, list []status.Association, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := [][]string{{"ASSOCIATION", "REMOTE", "ENDPOINT", "AGE", "ELEMENTS", "SUBSCRIPTIONS"}}
	for _, s := range list {
		rows = append(rows, []string{
			fmt.Sprint(s.ID), printable(s.Remote), printable(s.Endpoint), rough(now.Sub(s.Since).Seconds()),
			fmt.Sprint(s.Elements), fmt.Sprint(s.Subscriptions),
		})
	}
	return table(w, rows)
}

// count writes a number with its noun: "1 pool", "2 pools".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// counts writes events by name: "again 3, new 1". Those that did not happen are
// left out.
func counts(c status.Counts) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if c[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", printable(name), c[name]))
		}
	}
	return strings.Join(parts, ", ")
}

// rough writes seconds in the two largest units that matter: "3m12s".
func rough(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 24*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// share writes a share between 0 and 1 in per cent, or a dash for none.
func share(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100**f)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return printable(s)
}
