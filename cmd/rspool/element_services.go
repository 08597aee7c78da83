package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/services/pingpong"
)

// newElementServiceCommands returns a command for each of the small services.
func newElementServiceCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newElementServiceCommand(a, "echo", "EchoPool", "Send every message back", services.Echo),
		newElementServiceCommand(a, "discard", "DiscardPool", "Throw every message away", services.Discard),
		newElementServiceCommand(a, "daytime", "DaytimePool", "Tell the time, at once and for every message", services.Daytime),
		newElementServiceCommand(a, "chargen", "CharGenPool", "Send characters, as fast as they are taken", services.Chargen),
		newElementServiceCommand(a, "pingpong", pingpong.DefaultHandle, "Answer and count messages, across failovers", pingpong.Serve),
	}
}

func newElementServiceCommand(a *app, name string, handle rserpool.Handle, short string, service services.Service) *cobra.Command {
	var flags elementFlags
	var cfg services.Config
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long: short + `.

The element's load is the share of --max-sessions in use, which the adaptive
policies balance. On SIGTERM it leaves its pool and gives its sessions five seconds
to finish.`,
		Example: "  rspool element run " + name + " --registrar 127.0.0.1:3863\n" +
			"  rspool element run " + name + " --policy least-used --max-sessions 10 --pool " + string(handle),
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.MaxSessions < 1 {
				return misusef("--max-sessions %d: want 1 at least", cfg.MaxSessions)
			}
			return a.serveElement(cmd, &flags, handle, cfg.MaxSessions, func(load func(rserpool.Load), log *slog.Logger) elementService {
				cfg.Service, cfg.Load, cfg.Log = service, load, log
				return services.NewServer(cfg)
			})
		},
	}
	flags.add(cmd.Flags(), handle)
	cmd.Flags().IntVar(&cfg.MaxSessions, "max-sessions", 1000, "sessions served at once; further ones are refused")
	return cmd
}
