package main

import (
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services/calcapp"
)

func newElementCalcAppCommand(a *app) *cobra.Command {
	var flags elementFlags
	var service calcapp.ServerConfig
	cmd := &cobra.Command{
		Use:   "calcapp",
		Short: "Work on jobs, at the speed of a machine of your choice",
		Long: `Accepts the jobs of a CalcApp pool. Jobs that run at once share --capacity; none is
calculated, so that machines of any speed can be tried out on one. A job's progress is
left with its user every now and then: where this element dies, another one goes on.

The element's load is the share of --max-jobs in use, which the adaptive policies
balance. On SIGTERM it leaves its pool, gives its jobs five seconds to finish, and
leaves the progress of those that do not with their users.`,
		Example: "  rspool element run calcapp --registrar 127.0.0.1:3863\n" +
			"  rspool element run calcapp --policy least-used --capacity 500000 --max-jobs 4",
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if service.MaxJobs < 1 || !(service.Capacity > 0) || !(service.CookieCalculations > 0) {
				return misusef("--max-jobs must be at least 1, --capacity and --cookie-calculations positive")
			}
			if service.CookieInterval <= 0 || service.KeepAliveInterval <= 0 || service.KeepAliveTimeout <= 0 {
				return misusef("--cookie-interval, --keepalive-interval and --keepalive-timeout must be positive")
			}
			return a.serveElement(cmd, &flags, calcapp.DefaultHandle, service.MaxJobs, func(load func(rserpool.Load), log *slog.Logger) elementService {
				service.Load, service.Log = load, log
				return calcapp.NewServer(service)
			})
		},
	}
	f := cmd.Flags()
	flags.add(f, calcapp.DefaultHandle)
	f.Float64Var(&service.Capacity, "capacity", 1e6, "`CALCULATIONS` a second, of all jobs together")
	f.IntVar(&service.MaxJobs, "max-jobs", 8, "jobs at once; further ones are rejected")
	f.DurationVar(&service.CookieInterval, "cookie-interval", 5*time.Second, "longest time between two state cookies of a job")
	f.Float64Var(&service.CookieCalculations, "cookie-calculations", 5e6, "most work between two state cookies of a job")
	f.DurationVar(&service.KeepAliveInterval, "keepalive-interval", 2500*time.Millisecond, "time after which a job's user is asked whether it still waits")
	f.DurationVar(&service.KeepAliveTimeout, "keepalive-timeout", 2500*time.Millisecond, "time after which a user that does not answer has lost its job")
	return cmd
}
