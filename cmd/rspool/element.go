package main

import (
	"log/slog"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/fractal"
)

func newElementCommand(a *app) *cobra.Command {
	const example = "  rspool element run fractal --registrar 127.0.0.1:3863"
	return a.group("element", "Serve pools", example,
		a.group("run", "Join a pool as an element and serve its users", example+"\n  rspool element run echo --policy least-used",
			append(newElementServiceCommands(a), newElementCalcAppCommand(a), newElementFractalCommand(a))...,
		),
	)
}

func newElementFractalCommand(a *app) *cobra.Command {
	var flags elementFlags
	var service fractal.ServerConfig
	cmd := &cobra.Command{
		Use:   "fractal",
		Short: "Compute images of Mandelbrot sets",
		Long: `Computes images of Mandelbrot sets, pixel by pixel, and leaves a state cookie with
the user every now and then: where this element dies, another one carries on.

The element's load is the share of --max-sessions in use, which the adaptive
policies balance. With --capacity, an element is as slow as a smaller machine
would be. On SIGTERM it leaves its pool and gives its sessions five seconds to
finish; those that do not continue elsewhere.`,
		Example: `  rspool element run fractal --registrar 127.0.0.1:3863
  rspool element run fractal --policy least-used --max-sessions 4 --capacity 50000
  rspool element run fractal --config element.hcl --log-format json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if service.MaxSessions < 1 || service.Capacity < 0 || service.CookiePackets < 1 || service.CookieInterval < 0 {
				return misusef("--max-sessions and --cookie-packets must be at least 1, --capacity and --cookie-interval not negative")
			}
			return a.serveElement(cmd, &flags, fractal.DefaultHandle, service.MaxSessions, func(load func(rserpool.Load), log *slog.Logger) elementService {
				service.Load, service.Log = load, log
				return fractalService{fractal.NewServer(service)}
			})
		},
	}
	flags.add(cmd.Flags(), fractal.DefaultHandle)
	addFractalFlags(cmd.Flags(), &service)
	return cmd
}

// addFractalFlags adds what the fractal service has besides other elements.
func addFractalFlags(flags *pflag.FlagSet, service *fractal.ServerConfig) {
	flags.Float64Var(&service.Capacity, "capacity", 0, "`PIXELS` a second computed for all sessions together (default: what the machine can)")
	flags.IntVar(&service.MaxSessions, "max-sessions", 16, "sessions served at once; further ones are refused")
	flags.DurationVar(&service.CookieInterval, "cookie-interval", 0, "longest time between two state cookies of a session (default 1s)")
	flags.IntVar(&service.CookiePackets, "cookie-packets", 10, "most data messages between two state cookies of a session")
}

func carries(t rserpool.PolicyType, field rserpool.PolicyField) bool {
	fields, _ := t.Fields()
	return slices.Contains(fields, field)
}

// fractalService is a server that tells at the end what it has done.
type fractalService struct{ *fractal.Server }

// LogValue implements slog.LogValuer.
func (s fractalService) LogValue() slog.Value {
	stats := s.Stats()
	return slog.GroupValue(slog.Uint64("images", stats.Images), slog.Uint64("pixels", stats.Pixels), slog.Uint64("refused", stats.Refused))
}
