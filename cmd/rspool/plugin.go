package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/plugins"
)

func newPluginCommand(a *app) *cobra.Command {
	return a.group("plugin", "Write, check and look after policy plugins",
		"  rspool plugin scaffold carbon\n  rspool plugin add ./rspool-policy-carbon\n  rspool plugin list",
		newPluginScaffoldCommand(a), newPluginListCommand(a), newPluginInfoCommand(a), newPluginCheckCommand(a),
		newPluginAddCommand(a), newPluginReloadCommand(a), newPluginLogsCommand(a), newPluginRunCommand(a),
		newPluginConformanceCommand(a), newPluginDocsCommand(a))
}

// pluginFlags say how a program is started that no configuration names.
type pluginFlags struct {
	noMTLS bool
	args   []string
	env    map[string]string
}

func (f *pluginFlags) add(cmd *cobra.Command) {
	f.env = map[string]string{}
	cmd.Flags().BoolVar(&f.noMTLS, "no-mtls", false, "do without certificates, as programs in Python must; *.py files do anyway")
	cmd.Flags().StringArrayVar(&f.args, "arg", nil, "`ARGUMENT` for the program; may be repeated")
	cmd.Flags().Var(assignments(f.env), "env", "`NAME=VALUE` in the program's environment; may be repeated")
}

// configFor returns how to start what an argument names: a plugin block of the
// configuration, or a file.
func (f *pluginFlags) configFor(a *app, arg string) (plugins.Config, error) {
	if !strings.ContainsAny(arg, `/\`) && len(a.configPaths) > 0 {
		c, err := a.settings()
		if err != nil {
			return plugins.Config{}, err
		}
		var names []string
		for i := range c.Plugins {
			if p := &c.Plugins[i]; p.Name == arg {
				return p.Config, nil
			}
			names = append(names, c.Plugins[i].Name)
		}
		return plugins.Config{}, notFound(fmt.Errorf("the configuration has no plugin %q; it has: %s", arg, orNone(strings.Join(names, ", "))))
	}
	return plugins.Config{
		Name: pluginName(arg), Command: arg, Args: f.args, Env: f.env,
		AllowUnpinned: true, NoMTLS: f.noMTLS || inPython(arg),
	}, nil
}

// inPython reports whether a program brings no certificate, as far as its name tells.
func inPython(file string) bool { return strings.HasSuffix(file, ".py") }

// pluginName makes a name of a file's: rspool-policy-carbon is carbon.
func pluginName(file string) string {
	name := filepath.Base(file)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	for _, prefix := range []string{"rspool-policy-", "rserpool-policy-", "rspool-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// describePlugin starts a plugin for a moment and returns what it says of itself.
func describePlugin(ctx context.Context, cfg plugins.Config, log *slog.Logger) (d plugins.Description, hash string, err error) {
	cfg.Log = log
	p := plugins.New(cfg)
	defer func() { err = errors.Join(err, p.Close()) }()
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	if err := p.Start(ctx); err != nil {
		return d, "", err
	}
	d, _ = p.Description()
	return d, p.Status().SHA256, nil
}

func newPluginInfoCommand(a *app) *cobra.Command {
	var f pluginFlags
	cmd := &cobra.Command{
		Use:   "info PLUGIN",
		Short: "Show what a plugin says of itself",
		Long: `info starts a plugin for a moment and shows its version, its policies, what these need
to know of elements, and what their config blocks may contain. PLUGIN is a file with
a slash in its name, or a plugin block of the configuration.`,
		Example: "  rspool plugin info ./rspool-policy-carbon\n  rspool --config /etc/rspool plugin info carbon -o json",
		Args:    arguments("PLUGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.configFor(a, args[0])
			if err != nil {
				return err
			}
			d, hash, err := describePlugin(cmd.Context(), cfg, a.quiet())
			if err != nil {
				return err
			}
			out := pluginInfo{Name: cfg.Name, File: cfg.Command, SHA256: hash, As: d.Name, Version: d.Version, Summary: d.Summary}
			for i := range d.Policies {
				out.Policies = append(out.Policies, offerOf(&d.Policies[i]))
			}
			return a.print(out, out.text)
		},
	}
	f.add(cmd)
	return cmd
}

// pluginInfo is what info shows.
type pluginInfo struct {
	Name     string        `json:"name"`
	File     string        `json:"file"`
	SHA256   string        `json:"sha256,omitempty"`
	As       string        `json:"as"`
	Version  string        `json:"version"`
	Summary  string        `json:"summary,omitempty"`
	Policies []pluginOffer `json:"policies"`
}

// pluginOffer is one of its policies.
type pluginOffer struct {
	Name          string            `json:"name"`
	Summary       string            `json:"summary,omitempty"`
	Mode          string            `json:"mode"`
	Order         string            `json:"order,omitempty"`
	Needs         []string          `json:"needs,omitempty"`
	Tags          []string          `json:"tags,omitempty"`
	Deterministic bool              `json:"deterministic"`
	Attributes    []pluginAttribute `json:"attributes,omitempty"`
}

type pluginAttribute struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
	Default  any    `json:"default,omitempty"`
	Help     string `json:"help,omitempty"`
}

func offerOf(p *plugins.PolicyInfo) pluginOffer {
	o := pluginOffer{Name: p.Name, Summary: p.Summary, Mode: p.Mode.String(), Tags: p.Tags, Deterministic: p.Deterministic}
	if p.Mode == plugins.Rank {
		o.Order = p.Order.String()
	}
	for _, f := range p.Needs {
		o.Needs = append(o.Needs, f.String())
	}
	for _, at := range p.Schema {
		o.Attributes = append(o.Attributes, pluginAttribute{Name: at.Name, Type: at.Type.String(), Required: at.Required, Default: at.Default, Help: at.Help})
	}
	return o
}

func (i pluginInfo) text(w io.Writer) error {
	fmt.Fprintf(w, "%s %s (%s)\n", printable(i.As), printable(i.Version), i.File)
	if i.Summary != "" {
		fmt.Fprintf(w, "%s\n", printable(i.Summary))
	}
	if i.SHA256 != "" {
		fmt.Fprintf(w, "sha256 %s\n", i.SHA256)
	}
	for _, o := range i.Policies {
		how := o.Mode
		if o.Order != "" {
			how += " by " + o.Order
		}
		fmt.Fprintf(w, "\npolicy %s: %s\n  %s", printable(o.Name), printable(cmp.Or(o.Summary, "no summary")), how)
		if len(o.Needs) > 0 {
			fmt.Fprintf(w, ", needs %s", strings.Join(o.Needs, ", "))
		}
		if len(o.Tags) > 0 {
			fmt.Fprintf(w, ", tags %s", printable(strings.Join(o.Tags, ", ")))
		}
		fmt.Fprintln(w)
		if len(o.Attributes) == 0 {
			continue
		}
		rows := [][]string{{"  ATTRIBUTE", "TYPE", "DEFAULT", "MEANING"}}
		for _, at := range o.Attributes {
			def := "none"
			switch {
			case at.Required:
				def = "required"
			case at.Default != nil:
				def = fmt.Sprint(at.Default)
			}
			rows = append(rows, []string{"  " + printable(at.Name), at.Type, printable(def), printable(at.Help)})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	return nil
}

func newPluginCheckCommand(a *app) *cobra.Command {
	var f pluginFlags
	cmd := &cobra.Command{
		Use:   "check [PLUGIN...]",
		Short: "Start plugins for a moment and check them with their configuration",
		Long: `check starts each PLUGIN for a moment: a file with a slash in its name, or a plugin
block of the configuration; without any, all of the configuration. It compares their
checksums, and the config blocks of their policies with what the plugins say of
themselves. It ends with 1 where anything is wrong.`,
		Example: "  rspool plugin check ./rspool-policy-carbon\n  rspool --config /etc/rspool plugin check",
		Args:    arguments("[PLUGIN...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.checkConfiguredPlugins(cmd.Context())
			}
			for _, arg := range args {
				cfg, err := f.configFor(a, arg)
				if err != nil {
					return err
				}
				d, hash, err := describePlugin(cmd.Context(), cfg, a.quiet())
				if err != nil {
					return err
				}
				if err := a.printGood(cfg.Name, &d, hash); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) printGood(name string, d *plugins.Description, hash string) error {
	var offers []string
	for _, p := range d.Policies {
		offers = append(offers, p.Name)
	}
	return a.print(struct {
		Name     string   `json:"name"`
		OK       bool     `json:"ok"`
		Version  string   `json:"version"`
		SHA256   string   `json:"sha256,omitempty"`
		Policies []string `json:"policies"`
	}{name, true, d.Version, hash, offers}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: good, version %s, with %s\n", name, printable(d.Version), strings.Join(offers, ", "))
		return err
	})
}

func (a *app) checkConfiguredPlugins(ctx context.Context) error {
	if len(a.configPaths) == 0 {
		return misusef("rspool plugin check: name a plugin, or a configuration with --config")
	}
	c, err := a.settings()
	if err != nil {
		return err
	}
	if len(c.Plugins) == 0 {
		return notFound(errors.New("the configuration has no plugin block; print one with: rspool plugin add FILE"))
	}
	return c.CheckPlugins(func(p *config.PluginConfig) (*plugins.Description, error) {
		d, hash, err := describePlugin(ctx, p.Config, a.quiet())
		if err == nil {
			err = a.printGood(p.Name, &d, hash)
		}
		return &d, err
	})
}

func newPluginAddCommand(a *app) *cobra.Command {
	var f pluginFlags
	var name string
	cmd := &cobra.Command{
		Use:   "add FILE",
		Short: "Print the configuration of a plugin, with its checksum",
		Long: `add computes the checksum of a program, starts it for a moment to see what it offers,
and prints the plugin block and a policy block for each of its policies, to be put
into a configuration file. Nobody needs to copy a checksum by hand.`,
		Example: "  rspool plugin add ./rspool-policy-carbon\n  rspool plugin add /usr/lib/rspool/carbon.py --no-mtls --name carbon >> /etc/rspool/plugins.hcl",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			f := f
			cfg, err := f.configFor(&app{}, file) // never a name in a configuration
			if err != nil {
				return err
			}
			cfg.Name = cmp.Or(name, cfg.Name)
			d, hash, err := describePlugin(cmd.Context(), cfg, a.quiet())
			if err != nil {
				return err
			}
			cfg.SHA256, cfg.AllowUnpinned = hash, false
			text := config.PluginStanza(&cfg, &d, nil)
			return a.print(map[string]string{"name": cfg.Name, "sha256": hash, "hcl": string(text)}, func(w io.Writer) error {
				_, err := w.Write(text)
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the plugin block (default from the file's name)")
	return cmd
}

func newPluginListCommand(a *app) *cobra.Command {
	var f ordersFlag
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the plugins of a running registrar",
		Long: `list shows the plugins that a running registrar has: whether they run, since when, how
often they had to be started again and why, and the pools that they rank.`,
		Example: "  rspool plugin list\n  rspool plugin list --admin /run/rspool/registrar.sock -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				l, err := c.Plugins(ctx)
				if err != nil {
					return err
				}
				return a.print(l, func(w io.Writer) error { return writePlugins(w, l, time.Now()) })
			})
		},
	}
	f.add(cmd)
	return cmd
}

func writePlugins(w io.Writer, l []plugins.Status, now time.Time) error {
	if len(l) == 0 {
		fmt.Fprintln(w, "no plugins")
		return nil
	}
	rows := [][]string{{"PLUGIN", "STATE", "VERSION", "PID", "UP", "RESTARTS", "POOLS", "RANKS", "FAULTS"}}
	for _, s := range l {
		up, pid := "-", "-"
		if s.PID != 0 {
			up, pid = rough(now.Sub(s.Since).Seconds()), fmt.Sprint(s.PID)
		}
		rows = append(rows, []string{
			s.Name, s.State, printable(orNone(s.Version)), pid, up, fmt.Sprint(s.Restarts),
			fmt.Sprint(len(s.Pools)), fmt.Sprint(s.Ranks), fmt.Sprint(s.Faults),
		})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, s := range l {
		if s.LastEnd != "" {
			why, _, _ := strings.Cut(s.LastEnd, "\n")
			fmt.Fprintf(w, "\n%s ended %s ago: %s\n", s.Name, rough(now.Sub(s.LastEndAt).Seconds()), printable(why))
		}
	}
	return nil
}

func newPluginReloadCommand(a *app) *cobra.Command {
	var f ordersFlag
	cmd := &cobra.Command{
		Use:   "reload PLUGIN",
		Short: "Replace a running plugin by the program that its file holds now",
		Long: `reload has a running registrar start a plugin's program again beside the old one. When
the new one has ranked all pools, it takes over and the old one ends. If it does not
come up, the old one stays. A plugin that has failed too often is started again.

Where the checksum is pinned, change it in the configuration instead: that alone has
the plugin replaced.`,
		Example: "  rspool plugin reload carbon",
		Args:    arguments("PLUGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				if err := c.ReloadPlugin(ctx, args[0]); err != nil {
					return err
				}
				return a.print(map[string]string{"reloaded": args[0]}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s is reloaded\n", args[0])
					return err
				})
			})
		},
	}
	f.add(cmd)
	return cmd
}

func newPluginLogsCommand(a *app) *cobra.Command {
	var f ordersFlag
	cmd := &cobra.Command{
		Use:   "logs PLUGIN",
		Short: "Show what a running plugin wrote last",
		Long: `logs shows the last lines that a plugin of a running registrar has written to its
standard error and output, those of its earlier lives included. The registrar's own
log has all of them, with the attribute plugin.`,
		Example: "  rspool plugin logs carbon",
		Args:    arguments("PLUGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				l, err := c.PluginLogs(ctx, args[0])
				if err != nil {
					return err
				}
				return a.print(l, func(w io.Writer) error {
					for _, line := range l {
						fmt.Fprintln(w, printable(line))
					}
					return nil
				})
			})
		},
	}
	f.add(cmd)
	return cmd
}
