package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/services/pingpong"
	"github.com/rspool/rspool/pool"
)

// leastPing is the size of the smallest ping, which has no data.
const leastPing = 12

func newUserPingPongCommand(a *app) *cobra.Command {
	f := &askFlags{}
	cmd := &cobra.Command{
		Use:   "pingpong",
		Short: "Send numbered messages and watch the numbers of the answers",
		Long: `pingpong sends numbered messages to the elements of a Ping Pong pool. An element counts
its answers and leaves the count with the user; where it dies, the next one goes on
counting. The summary tells numbers that were left out or came twice.`,
		Example: "  rspool user pingpong --registrar 127.0.0.1:3863\n  rspool user pingpong --count 100 --interval 10ms -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(leastPing); err != nil {
				return err
			}
			f.ask.Moved = a.moved
			return f.user.dial(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, s *pool.Session) error {
				r, err := pingpong.Use(ctx, s, f.ask, a.pong)
				if err != nil {
					return err
				}
				return a.print(r, func(w io.Writer) error {
					if err := writeAsked(w, r.Asked, r.Answered, r.Trips, r.Failovers); err != nil {
						return err
					}
					_, err := fmt.Fprintf(w, "last reply %d; %d numbers left out, %d twice\n", r.Last, r.Skipped, r.Repeated)
					return err
				})
			})
		},
	}
	f.user.add(cmd.Flags(), pingpong.DefaultHandle)
	f.add(cmd, leastPing, 64)
	return cmd
}

// pong writes one answer.
func (a *app) pong(r services.Reply, number uint64) {
	out := struct {
		services.Reply
		Counted uint64 `json:"reply"`
	}{r, number}
	_ = a.print(out, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d: reply %d, %d bytes from %s in %s\n", r.Number, number, r.Bytes, r.Element, micro(r.Time))
		return err
	})
}
