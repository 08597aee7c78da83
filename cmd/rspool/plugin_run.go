package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/protocol"
)

func newPluginRunCommand(a *app) *cobra.Command {
	var f pluginFlags
	var attach bool
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a plugin in the foreground, to see what it does or to debug it",
		Long: `run starts a plugin as a registrar would and writes what it logs to the standard error,
until it is interrupted or the plugin ends. No pool follows it.

With --attach the plugin runs as a program of its own, which a debugger may be
attached to, and a line for its plugin block is printed: a registrar with that line
uses this process instead of starting one.`,
		Example: "  rspool plugin run ./rspool-policy-carbon\n  rspool plugin run --attach ./rspool-policy-carbon",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.configFor(a, args[0])
			if err != nil {
				return err
			}
			if attach {
				return a.runAttachable(cmd.Context(), &cfg)
			}
			return a.runPlugin(cmd.Context(), cfg)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&attach, "attach", false, "run it on its own, for a registrar to attach to")
	return cmd
}

func (a *app) runPlugin(ctx context.Context, cfg plugins.Config) (err error) {
	level := slog.LevelDebug
	if a.logLevel != "" {
		level, _ = config.ParseLevel(a.logLevel) // the flag was checked
	}
	cfg.Log = a.logger(config.Log{Level: level, Format: a.logFormat})
	cfg.Restart.MaxIn5m = -1
	p := plugins.New(cfg)
	defer func() { err = errors.Join(err, p.Close()) }()
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	if err := p.Start(ctx); err != nil {
		return err
	}
	a.remark("%s runs; Ctrl-C ends it", cfg.Name)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if s := p.Status(); s.State != plugins.Running.String() {
				return fmt.Errorf("%s has ended: %s", cfg.Name, s.LastEnd)
			}
		}
	}
}

// runAttachable runs the program with what it needs to serve, and nothing else.
func (a *app) runAttachable(ctx context.Context, cfg *plugins.Config) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	folder, err := os.MkdirTemp("", "rspool-plugin-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // best effort
	file, err := filepath.Abs(cfg.Command)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, file, cfg.Args...)
	cmd.Env = []string{
		protocol.Cookie + "=" + protocol.CookieValue, "PLUGIN_UNIX_SOCKET_DIR=" + folder,
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", protocol.Version),
	}
	for _, name := range []string{"HOME", "PATH", "TERM"} { // for debuggers; a registrar passes nothing on
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for name, value := range cfg.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", file, err)
	}
	lines := bufio.NewScanner(out)
	socket := ""
	for socket == "" && lines.Scan() {
		if fields := strings.Split(lines.Text(), "|"); len(fields) >= 5 && fields[2] == "unix" {
			socket = fields[3]
		} else {
			fmt.Fprintln(a.stderr, printable(lines.Text()))
		}
	}
	if socket == "" {
		return errors.Join(fmt.Errorf("%s ended without saying where it listens; is it a policy plugin?", file), cmd.Wait())
	}
	result := map[string]any{"attach": "unix:" + socket, "pid": cmd.Process.Pid}
	if err := a.print(result, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s runs with the process ID %d. Put this into its plugin block; Ctrl-C ends it:\n\nplugin %q {\n  attach = %q\n}\n",
			cfg.Name, cmd.Process.Pid, cfg.Name, result["attach"])
		return err
	}); err != nil {
		return err
	}
	for lines.Scan() {
		fmt.Fprintln(a.stderr, printable(lines.Text()))
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return nil // as it was asked to
	}
	return err
}
