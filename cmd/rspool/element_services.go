package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/services/pingpong"
	"github.com/rspool/rspool/pool"
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
			settings, err := a.settings()
			if err != nil {
				return err
			}
			if err := flags.apply(cmd.Flags(), &settings.Element); err != nil {
				return misuse(err)
			}
			if flags.telemetry != "" {
				settings.Telemetry.Listen = flags.telemetry
			}
			if settings.Element.Pool == "" {
				settings.Element.Pool = handle
			}
			policy := &settings.Element.Policy
			if policy.Degradation == 0 && carries(policy.Type, rserpool.FieldDegradation) {
				policy.Degradation = rserpool.LoadOf(1 / float64(cfg.MaxSessions))
			}
			return a.runElement(cmd.Context(), settings, flags.readyFile, func(ln *pool.Listener, log *slog.Logger) elementService {
				cfg.Service, cfg.Log = service, log
				if carries(policy.Type, rserpool.FieldLoad) {
					cfg.Load = ln.SetLoad
				}
				return services.NewServer(cfg)
			})
		},
	}
	flags.add(cmd.Flags(), handle)
	cmd.Flags().IntVar(&cfg.MaxSessions, "max-sessions", 1000, "sessions served at once; further ones are refused")
	return cmd
}
