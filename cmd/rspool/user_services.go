package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// newUserServiceCommands returns a command for each of the small services.
func newUserServiceCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newUserEchoCommand(a), newUserDiscardCommand(a), newUserDaytimeCommand(a), newUserChargenCommand(a),
		newUserPingPongCommand(a), newUserCalcAppCommand(a),
	}
}

// askFlags say how questions are put.
type askFlags struct {
	user userFlags
	ask  services.AskConfig
}

func (f *askFlags) add(cmd *cobra.Command, least, size int) {
	flags := cmd.Flags()
	flags.Uint64Var(&f.ask.Count, "count", 0, "`NUMBER` of messages (default: until it is interrupted)")
	flags.DurationVar(&f.ask.Interval, "interval", time.Second, "`TIME` from one message to the next; 0 sends the next when the last is answered")
	flags.IntVar(&f.ask.Size, "size", size, fmt.Sprintf("`BYTES` of a message, from %d to %d", least, maxAsked))
	flags.DurationVar(&f.ask.Patience, "timeout", 5*time.Second, "time after which an element that does not answer is left")
}

// maxAsked is the size of the largest question.
const maxAsked = 60000

func (f *askFlags) check(least int) error {
	if f.ask.Size < least || f.ask.Size > maxAsked {
		return misusef("--size %d: want %d to %d bytes", f.ask.Size, least, maxAsked)
	}
	if f.ask.Interval < 0 || f.ask.Patience <= 0 {
		return misusef("--interval must not be negative, --timeout must be positive")
	}
	return nil
}

// report writes what became of the questions.
func (a *app) askReport(r services.AskReport) error {
	return a.print(r, func(w io.Writer) error { return writeAsked(w, r.Asked, r.Answered, r.Trips, r.Failovers) })
}

func writeAsked(w io.Writer, asked, answered uint64, trips sessions.Trips, moves sessions.Moves) error {
	fmt.Fprintf(w, "\n%d asked, %d answered; %s\n", asked, answered, failovers(moves))
	if trips.Count == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "time: least %s, mean %s, most %s, deviation %s\n",
		micro(trips.Least), micro(trips.Mean()), micro(trips.Most), micro(trips.Deviation()))
	return err
}

// failovers says how many there were.
func failovers(m sessions.Moves) string {
	if m.Count == 0 {
		return "no failover"
	}
	return fmt.Sprintf("%s, the longest %s", count(m.Count, "failover"), milliseconds(m.Longest))
}

// micro returns a duration as a person wants it of an answer: to the microsecond.
func micro(d time.Duration) string { return d.Round(time.Microsecond).String() }

func newUserEchoCommand(a *app) *cobra.Command {
	f := &askFlags{}
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Send messages and wait for their echo",
		Long: `echo sends messages to the elements of an echo pool, one after the other, and
compares what comes back. An element that does not answer is left for another one,
which is asked again.`,
		Example: "  rspool user echo --registrar 127.0.0.1:3863\n  rspool user echo --count 1000 --interval 0s --size 1000 -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(1); err != nil {
				return err
			}
			f.ask.Moved = a.moved
			f.ask.Replied = func(r services.Reply) {
				_ = a.print(r, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%d: %d bytes from %s in %s\n", r.Number, r.Bytes, r.Element, micro(r.Time))
					return err
				})
			}
			return f.user.dial(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, s *pool.Session) error {
				r, err := services.UseEcho(ctx, s, f.ask)
				if err != nil {
					return err
				}
				return a.askReport(r)
			})
		},
	}
	f.user.add(cmd.Flags(), "EchoPool")
	f.add(cmd, 1, 64)
	return cmd
}

func newUserDaytimeCommand(a *app) *cobra.Command {
	var user userFlags
	var times int
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "daytime",
		Short: "Ask for the time",
		Long: `daytime asks a daytime pool for the time. With --count, each question is a session of
its own, so that the pool's policy shows.`,
		Example: "  rspool user daytime --registrar 127.0.0.1:3863\n  rspool user daytime --count 10 --interval 100ms -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if times < 1 || interval < 0 {
				return misusef("--count must be at least 1, --interval not negative")
			}
			return user.use(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, cfg *pool.UserConfig) error {
				for n := 1; ; n++ {
					r, err := daytime(ctx, &user, cfg)
					if err != nil {
						return err
					}
					r.Number = uint64(n)
					if err := a.print(r, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "%s from %s\n", printable(r.Text), r.Element)
						return err
					}); err != nil || n == times {
						return err
					}
					select {
					case <-time.After(interval):
					case <-ctx.Done():
						return nil
					}
				}
			})
		},
	}
	user.add(cmd.Flags(), "DaytimePool")
	cmd.Flags().IntVar(&times, "count", 1, "`NUMBER` of questions")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "`TIME` from one question to the next")
	return cmd
}

// daytimePatience is how long somebody may take to tell the time.
const daytimePatience = 10 * time.Second

// daytime asks once.
func daytime(ctx context.Context, user *userFlags, cfg *pool.UserConfig) (services.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, daytimePatience)
	defer cancel()
	s, err := pool.Dial(ctx, user.handle(), cfg)
	if err != nil {
		return services.Reply{}, err
	}
	defer s.Close()
	return services.UseDaytime(ctx, s)
}

func newUserDiscardCommand(a *app) *cobra.Command {
	var user userFlags
	var size int
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "discard",
		Short: "Send as much as a pool takes",
		Long: `discard sends messages to an element of a discard pool, as fast as it takes them, and
says how much that was. What an element has not received when it dies is lost.`,
		Example: "  rspool user discard --registrar 127.0.0.1:3863\n  rspool user discard --duration 1m --size 200 -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if size < 1 || size > maxAsked || duration <= 0 {
				return misusef("--size %d, --duration %s: want 1 to %d bytes for a time that is positive", size, duration, maxAsked)
			}
			return user.dial(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, s *pool.Session) error {
				ctx, cancel := context.WithTimeout(ctx, duration)
				defer cancel()
				r, err := services.UseDiscard(ctx, s, size, a.flow("sent"))
				return a.flowReport("sent", r, err)
			})
		},
	}
	user.add(cmd.Flags(), "DiscardPool")
	cmd.Flags().IntVar(&size, "size", 1000, fmt.Sprintf("`BYTES` of a message, from 1 to %d", maxAsked))
	cmd.Flags().DurationVar(&duration, "duration", 10*time.Second, "`TIME` after which it ends")
	return cmd
}

func newUserChargenCommand(a *app) *cobra.Command {
	var user userFlags
	var duration time.Duration
	var bytes uint64
	var show bool
	cmd := &cobra.Command{
		Use:   "chargen",
		Short: "Take as many characters as a pool sends",
		Long: `chargen receives what an element of a chargen pool sends and says how much that was.
With --print, the characters go to the standard output and the figures to the
standard error.`,
		Example: "  rspool user chargen --registrar 127.0.0.1:3863\n  rspool user chargen --bytes 740 --print",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if duration <= 0 {
				return misusef("--duration %s: want a time that is positive", duration)
			}
			return user.dial(cmd.Context(), a, cmd.Flags(), func(ctx context.Context, s *pool.Session) error {
				ctx, cancel := context.WithTimeout(ctx, duration)
				defer cancel()
				to := io.Discard
				if show {
					to = a.stdout
				}
				r, err := services.UseChargen(ctx, s, bytes, to, a.flow("received"))
				if show && err == nil {
					a.remark("%s", flowText("received", r))
					return nil
				}
				return a.flowReport("received", r, err)
			})
		},
	}
	user.add(cmd.Flags(), "CharGenPool")
	cmd.Flags().DurationVar(&duration, "duration", 10*time.Second, "`TIME` after which it ends")
	cmd.Flags().Uint64Var(&bytes, "bytes", 0, "`NUMBER` of bytes after which it ends (default: until the time is up)")
	cmd.Flags().BoolVar(&show, "print", false, "write the characters to the standard output")
	return cmd
}

// flow tells how a flow comes along.
func (a *app) flow(what string) func(services.FlowReport) {
	return func(r services.FlowReport) { a.remark("%s", flowText(what, r)) }
}

func flowText(what string, r services.FlowReport) string {
	return fmt.Sprintf("%s %s, %s in %s: %s/s; %s", what, count(int(r.Messages), "message"),
		size(float64(r.Bytes)), milliseconds(r.Elapsed), size(r.Rate()), failovers(r.Failovers))
}

// flowReport writes what became of a flow, unless it failed.
func (a *app) flowReport(what string, r services.FlowReport, err error) error {
	if err != nil {
		return err
	}
	return a.print(r, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, flowText(what, r))
		return err
	})
}

// size writes a number of bytes: "12.3 MB".
func size(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for bytes >= 1000 && len(units) > 1 {
		bytes, units = bytes/1000, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%.0f B", bytes)
	}
	return fmt.Sprintf("%.1f %s", bytes, units[0])
}
