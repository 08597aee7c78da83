package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/status"
)

func newPolicyExplainCommand(a *app) *cobra.Command {
	var f ordersFlag
	var q admin.Question
	q.Attributes = map[string]string{}
	cmd := &cobra.Command{
		Use:   "explain POOL",
		Short: "Explain why the elements of a pool come in their order",
		Long: `explain asks a running registrar how the elements of a pool come in their order: what
the policy looks at, what it makes of it, and why each stands where it does. It says by
which policy of its chain the pool goes, and why, if not by the first.

Nothing counts as selected. With --user the answer is for that user: policies with an
affinity or a filter may look at the address.`,
		Example: "  rspool policy explain EchoPool\n  rspool policy explain EchoPool --user 192.0.2.7 --attribute region=eu -n 5",
		Args:    arguments("POOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Pool = args[0]
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				e, err := c.Explain(ctx, q)
				if err != nil {
					return err
				}
				return a.print(e, func(w io.Writer) error { return writeExplanation(w, e) })
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&q.Items, "number", "n", 20, "explain the first `N` elements")
	cmd.Flags().StringVar(&q.UserAddress, "user", "", "IP `ADDRESS` of the user that asks")
	cmd.Flags().Var(assignments(q.Attributes), "attribute", "`NAME=VALUE` of the request; may be repeated")
	return cmd
}

// formHeads are what the figure of each form is called.
var formHeads = map[string]string{
	"key": "KEY", "turns": "POSITION", "weight": "WEIGHT", "chance": "WEIGHT", "affinity": "WEIGHT", "sample": "KEY", "choice": "",
}

// standings are what a policy does in the chain of a pool.
var standings = map[string]string{
	"standing-by": "stands by", "idle": "is idle", "open": "failed and is left alone for now",
	"trial": "failed and is on trial again", "unavailable": "cannot answer yet",
}

func writeExplanation(w io.Writer, e *status.Explanation) error {
	version := ""
	if e.Version != "" {
		version = " version " + printable(e.Version)
	}
	fmt.Fprintf(w, "pool %s goes by %s%s, a policy by %s\n", printable(e.Handle), printable(e.Policy), version, printable(e.Form))
	for i, p := range e.Chain {
		if p.Standing == "in-use" {
			break
		}
		why := p.Reason
		if why == "" {
			why = p.LastFault
		}
		fmt.Fprintf(w, "choice %d, %s, %s: %s\n", i+1, printable(p.Name), standings[p.Standing], printable(orElse(why, "nothing calls for it")))
	}
	if e.Shadow != nil {
		fmt.Fprintf(w, "in the shadow: %s, which differs in %d of %d selections\n", printable(e.Shadow.Name), e.Shadow.ShadowDiffered, e.Shadow.ShadowAsked)
	}
	if e.Fault != "" {
		fmt.Fprintf(w, "it says nothing about this request: %s\n", printable(e.Fault))
	}
	fmt.Fprintln(w)
	head := []string{"", "ELEMENT"}
	names := inputNames(e)
	for _, n := range names {
		head = append(head, strings.ToUpper(printable(n)))
	}
	figure := formHeads[e.Form]
	if figure != "" {
		head = append(head, figure)
	}
	rows := [][]string{append(head, "REASON")}
	for i, x := range e.Elements {
		place := fmt.Sprint(i + 1)
		if !x.Eligible {
			place = "-"
		}
		row := []string{place, x.ID.String()}
		for _, n := range names {
			row = append(row, input(x.Inputs[n]))
		}
		if figure != "" {
			key := "-"
			if x.Key != nil {
				key = fmt.Sprintf("%.6g", *x.Key)
			}
			row = append(row, key)
		}
		rows = append(rows, append(row, printable(x.Reason)))
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if more := e.Total - len(e.Elements); more > 0 {
		fmt.Fprintf(w, "\n%s more; see all with -n %d\n", count(more, "element"), e.Total)
	}
	return nil
}

// inputNames are those that any element has. What policies seldom go by is left out
// where it is the same nothing for all.
func inputNames(e *status.Explanation) []string {
	all := map[string]bool{}
	for _, x := range e.Elements {
		for n, v := range x.Inputs {
			if v != 0. || n == "load" || n == "selections" {
				all[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func input(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case float64:
		return fmt.Sprintf("%.6g", v)
	}
	return printable(fmt.Sprint(v))
}
