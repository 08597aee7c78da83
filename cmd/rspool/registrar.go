package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/daemon"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
	"github.com/rspool/rspool/registrar"
)

func newRegistrarCommand(a *app) *cobra.Command {
	return a.group("registrar", "Run a registrar and look into one",
		"  rspool registrar run\n  rspool registrar status",
		newRegistrarRunCommand(a), newRegistrarCheckCommand(a), newRegistrarStatusCommand(a), newRegistrarReloadCommand(a),
		newRegistrarDrainCommand(a))
}

// registrarFlags are the essentials of a registrar's configuration.
type registrarFlags struct {
	registrar registrar.Config
	announce  bool
	telemetry string
	csp       cspFlags
}

func (f *registrarFlags) add(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.registrar
	flags.Var(textFlag[rserpool.RegistrarID]{&c.ID, "id", parseRegistrarID, formatRegistrarID}, "id", "`ID` in the operation scope, as in 0x2f1a93c4 (default a random one)")
	flags.Var(&choice{&c.Mode, sctp.Modes}, "transport", "whose SCTP: auto, kernel, udp or both (default auto)")
	flags.StringVar(&c.Listen, "listen", "", "IP `ADDRESS` to bind, or several with commas between them for the kernel's SCTP (default all)")
	flags.Var(portFlag{&c.ASAPPort, -1}, "asap-port", "SCTP `PORT` for elements and users, or any (default 3863)")
	flags.Var(portFlag{&c.ENRPPort, -1}, "enrp-port", "SCTP `PORT` for other registrars, or any (default 9901)")
	flags.StringArrayVar(&c.ENRP.Peers, "peer", nil, "`ADDRESS` of another registrar, as IP:PORT or IP:PORT@UDPPORT; may be repeated")
	flags.Var(portFlag{&c.UDPPort, -1}, "udp-port", "UDP `PORT` that encapsulates SCTP, or any (default 9899)")
	flags.Var(portFlag{&c.TCP.Port, -1}, "tcp-port", "TCP `PORT` for elements and users behind firewalls, or any (default none)")
	flags.Var(portFlag{&c.TLS.Port, -1}, "tls-port", "TCP `PORT` for the same over TLS, or any (default none)")
	addCertificateFlags(flags, &c.TLS.CertFile, &c.TLS.KeyFile, &c.TLS.CAFile)
	flags.BoolVar(&f.announce, "announce", true, "make the registrar known by multicast, and find others")
	flags.StringVar(&f.telemetry, "telemetry", "", "`ADDRESS` for metrics, health and status, as HOST:PORT")
	f.csp.add(flags)
}

// apply lets the flags that were given win over the configuration.
func (f *registrarFlags) apply(cmd *cobra.Command, c *config.Config) {
	r, given := &c.Registrar.Config, cmd.Flags().Changed
	if given("id") {
		r.ID = f.registrar.ID
	}
	if given("transport") {
		r.Mode = f.registrar.Mode
	}
	if given("listen") {
		r.Listen = f.registrar.Listen
	}
	if given("asap-port") {
		r.ASAPPort = f.registrar.ASAPPort
	}
	if given("enrp-port") {
		r.ENRPPort = f.registrar.ENRPPort
	}
	if given("peer") {
		r.ENRP.Peers = f.registrar.ENRP.Peers
	}
	if given("udp-port") {
		r.UDPPort = f.registrar.UDPPort
	}
	if given("tcp-port") {
		r.TCP = registrar.TCPConfig{Enabled: true, Port: f.registrar.TCP.Port}
	}
	if given("tls-port") {
		r.TLS.Enabled, r.TLS.Port = true, f.registrar.TLS.Port
	}
	replace(&r.TLS.CertFile, f.registrar.TLS.CertFile)
	replace(&r.TLS.KeyFile, f.registrar.TLS.KeyFile)
	replace(&r.TLS.CAFile, f.registrar.TLS.CAFile)
	if given("announce") {
		r.Announce.Disabled = !f.announce
	}
	if given("telemetry") {
		c.Telemetry.Listen = f.telemetry
	}
	f.csp.apply(&c.CSP)
}

func parseRegistrarID(s string) (rserpool.RegistrarID, error) {
	id, err := rserpool.ParseID(s)
	return rserpool.RegistrarID(id), err
}

func formatRegistrarID(id rserpool.RegistrarID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func newRegistrarRunCommand(a *app) *cobra.Command {
	var f registrarFlags
	var ready string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a registrar until it is told to end",
		Long: `run starts a registrar with the registrar, pool, log and telemetry blocks of the
configuration; flags win over them, and neither is needed.

SIGTERM and SIGINT end it in order: it stops announcing, hands its elements over to
other registrars where there are any, closes its associations, and exits with 0. A
second one ends it at once.

When a file of the configuration or a policy script changes, at SIGHUP, and at rspool
registrar reload, it reads them again and takes the changes over: all of them, or none
if anything is wrong. It logs for each attribute whether it is reloaded or needs a
restart.`,
		Example: `  rspool registrar run
  rspool registrar run --config /etc/rspool --log-format json
  rspool registrar run --listen 127.0.0.1 --asap-port any --udp-port any --announce=false --telemetry 127.0.0.1:0 --ready-file /run/rspool.ready`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runRegistrar(cmd.Context(), func() (*config.Config, error) {
				c, err := a.settings()
				if err == nil {
					f.apply(cmd, c)
				}
				return c, err
			}, ready)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&ready, "ready-file", "", "write one line of JSON with the addresses to `FILE` once they are served")
	return cmd
}

// runRegistrar serves until a signal, by the configuration that load reads, and says at
// ready where.
func (a *app) runRegistrar(ctx context.Context, load func() (*config.Config, error), ready string) error {
	c, err := load()
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(c.Log.Level)
	log := a.loggerAt(c.Log, level)
	ctx, stop := a.untilSignal(ctx, log)
	defer stop()
	d, err := daemon.New(ctx, daemon.Config{Load: load, Log: log, Level: level.Set})
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	if err != nil {
		return err
	}
	r := d.Registrar()
	telemetry, stopTelemetry, err := a.serveTelemetry(ctx, status.Config{Address: c.Telemetry.Listen, Source: d, Log: log, Drain: leave})
	if err != nil {
		return errors.Join(err, d.Close())
	}
	defer stopTelemetry()
	stopReports, err := a.report(c.CSP, d, log)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	defer stopReports()
	log.Info("transport is chosen", "sctp", r.SCTP(), "mode", orElse(c.Registrar.Mode, sctp.Auto), "udp_port", r.Address().UDPPort)
	if err := writeReady(ready, readiness{Role: "registrar", ID: r.ID().String(), ASAP: r.Address().String(), ENRP: enrpAddress(r), TCP: addressBy(r, transport.TCP), TLS: addressBy(r, transport.TLS), Telemetry: telemetry, Admin: d.Admin()}); err != nil {
		return errors.Join(err, d.Close())
	}
	defer a.refreshAtHangUp(d)()
	return d.Serve(ctx)
}

// refreshAtHangUp reads the configuration again at each SIGHUP, until stop is called.
// Without it, a hang-up would end the process.
func (a *app) refreshAtHangUp(d *daemon.Daemon) (stop func()) {
	if _, _, ok := terminal(a.stderr); ok {
		return func() {} // the terminal has gone: end with it
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			d.Refresh()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

func newRegistrarCheckCommand(a *app) *cobra.Command {
	var f registrarFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that a registrar could start, without leaving it running",
		Long: `check reads the configuration, opens the ports as run would, closes them again and
says what they were. It fails where run would fail. Nothing is announced.`,
		Example: "  rspool registrar check\n  rspool registrar check --config /etc/rspool --udp-port any",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.settings()
			if err != nil {
				return err
			}
			f.apply(cmd, c)
			return a.checkRegistrar(cmd.Context(), c)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) checkRegistrar(ctx context.Context, c *config.Config) error {
	log := slog.New(slog.DiscardHandler)
	set, err := policies.Open(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }() // they were only asked
	cfg := c.Registrar.Config
	cfg.Log, cfg.Policies = log, set.Registry()
	cfg.Announce.Disabled = true
	r, err := registrar.New(cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	telemetry, stop, err := a.telemetry(ctx, c.Telemetry.Listen, r, cfg.Log)
	if err != nil {
		return err
	}
	stop()
	result := struct {
		OK        bool   `json:"ok"`
		ASAP      string `json:"asap"`
		ENRP      string `json:"enrp,omitempty"`
		TCP       string `json:"tcp,omitempty"`
		TLS       string `json:"tls,omitempty"`
		Telemetry string `json:"telemetry,omitempty"`
		Pools     int    `json:"pool_blocks"`
	}{true, r.Address().String(), enrpAddress(r), addressBy(r, transport.TCP), addressBy(r, transport.TLS), telemetry, len(cfg.Pools)}
	return a.print(result, func(w io.Writer) error {
		var more string
		for _, a := range r.Addresses()[1:] {
			more += ", " + a.String()
		}
		_, err := fmt.Fprintf(w, "good: a registrar can start here\nasap %s%s, enrp %s, telemetry %s, %s\n",
			result.ASAP, more, orNone(result.ENRP), orNone(telemetry), count(result.Pools, "pool block"))
		return err
	})
}

// addressBy is where elements and users reach the registrar in a way, empty where
// they cannot.
func addressBy(r *registrar.Registrar, via transport.Via) string {
	for _, a := range r.Addresses() {
		if a.Via == via {
			return a.String()
		}
	}
	return ""
}

// enrpAddress is where peers reach the registrar, empty where they cannot.
func enrpAddress(r *registrar.Registrar) string {
	if a := r.PeerAddress(); a.Port != 0 {
		return a.String()
	}
	return ""
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
