package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/policies"
)

// ordersTimeout bounds how long a registrar may take: it may run tests and start
// plugins.
const ordersTimeout = 2 * time.Minute

// ordersFlag is how commands find the registrar that they give orders to.
type ordersFlag struct{ file string }

func (f *ordersFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "admin", "", "admin socket `FILE` of the registrar (default that of the configuration, else of the one that runs here)")
}

// client returns a client of the registrar that was meant.
func (f *ordersFlag) client(a *app) (*admin.Client, error) {
	file := f.file
	if file == "" && len(a.configPaths) > 0 {
		c, err := a.settings()
		if err != nil {
			return nil, err
		}
		if file = c.Admin.Socket; file == "" && c.Registrar.ID != 0 {
			file = admin.Socket(c.Registrar.ID)
		}
	}
	if file == "" {
		var err error
		if file, err = admin.Find(); err != nil {
			return nil, remote(err)
		}
	}
	return admin.Dial(file), nil
}

// order runs one with a client and a context that ends in time.
func (f *ordersFlag) order(ctx context.Context, a *app, do func(context.Context, *admin.Client) error) error {
	c, err := f.client(a)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, ordersTimeout)
	defer cancel()
	return remote(do(ctx, c))
}

// remote gives the errors of a registrar their exit codes.
func remote(err error) error {
	var e *admin.Error
	switch {
	case errors.As(err, &e) && e.Missing, errors.As(err, new(admin.ErrMissing)):
		return notFound(err)
	}
	return err
}

// printReport writes what an order has changed.
func (a *app) printReport(r *admin.Report) error {
	return a.print(r, func(w io.Writer) error {
		for _, p := range r.Policies {
			fmt.Fprintf(w, "%s: %s\n", p.Policy, replaced(p))
		}
		if len(r.Changes) > 0 {
			rows := [][]string{}
			for _, c := range r.Changes {
				rows = append(rows, []string{c.Effect(), c.String()})
			}
			if err := table(w, rows); err != nil {
				return err
			}
		}
		for _, s := range r.Remarks {
			fmt.Fprintln(w, s)
		}
		if len(r.Policies)+len(r.Changes)+len(r.Remarks) == 0 {
			fmt.Fprintln(w, "nothing has changed")
		}
		return nil
	})
}

func replaced(p policies.Replaced) string {
	tests := ""
	if p.Tests > 0 {
		tests = ", " + count(p.Tests, "test") + " passed"
	}
	switch {
	case p.From == "":
		return "new, version " + orElse(p.To, "unknown") + tests
	case p.To == "":
		return "gone"
	case p.From == p.To:
		return "version " + p.To + " with other settings" + tests
	}
	return "version " + p.From + " -> " + p.To + tests
}

func newRegistrarReloadCommand(a *app) *cobra.Command {
	return newReloadCommand(a, "registrar")
}

func newPolicyReloadCommand(a *app) *cobra.Command { return newReloadCommand(a, "policy") }

// newReloadCommand returns the same command for both groups: scripts and files are
// read again together.
func newReloadCommand(a *app, group string) *cobra.Command {
	var f ordersFlag
	var dry bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a running registrar read its files again",
		Long: `reload has a registrar read its configuration and its policy scripts again and take
over what has changed: all of it, or nothing if anything is wrong. The scripts' own
tests run first. It says for each attribute whether it is reloaded or needs a
restart.

A registrar does so by itself when a file changes, and at SIGHUP. This command says
what came of it, and takes over again what a rollback has kept back.`,
		Example: "  rspool " + group + " reload\n  rspool " + group + " reload --dry-run -o json",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				r, err := c.Reload(ctx, dry)
				if err != nil {
					return err
				}
				return a.printReport(r)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would change")
	return cmd
}

func newPolicyRollbackCommand(a *app) *cobra.Command {
	var f ordersFlag
	cmd := &cobra.Command{
		Use:   "rollback [POLICY]",
		Short: "Bring back the version of a policy that was at work before",
		Long: `rollback has a running registrar return to the version of a policy that was at work
before the last reload, with the settings it had; without POLICY, of all policies
that the last reload changed. The files stay as they are: the registrar leaves the
version that was taken back alone until the file changes once more, or until
rspool policy reload.`,
		Example: "  rspool policy rollback\n  rspool policy rollback lua.energy",
		Args:    arguments("[POLICY]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			reference := ""
			if len(args) > 0 {
				reference = args[0]
			}
			return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
				r, err := c.Rollback(ctx, reference)
				if err != nil {
					return err
				}
				return a.printReport(r)
			})
		},
	}
	f.add(cmd)
	return cmd
}

func newConfigDiffCommand(a *app) *cobra.Command {
	var f ordersFlag
	cmd := &cobra.Command{
		Use:   "diff [FILE...]",
		Short: "Compare the configuration at work with the files",
		Long: `diff has a running registrar read its own files again, without taking anything over,
and says what differs from the configuration at work: whether a reload would take
it over, or a restart is needed. With FILEs it compares two configurations and asks
no registrar: the files of --config, and those.

It ends with 1 where something differs.`,
		Example: "  rspool config diff\n  rspool --config /etc/rspool config diff new.hcl",
		Args:    arguments("[FILE...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.diff(cmd.Context(), &f, args)
			if err != nil {
				return err
			}
			if err := a.printReport(r); err != nil {
				return err
			}
			if n := len(r.Changes) + len(r.Policies); n > 0 {
				return fmt.Errorf("%s", count(n, "difference"))
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, f *ordersFlag, files []string) (r *admin.Report, err error) {
	if len(files) == 0 {
		err = f.order(ctx, a, func(ctx context.Context, c *admin.Client) (err error) {
			r, err = c.Reload(ctx, true)
			return err
		})
		return r, err
	}
	before, err := a.settings()
	if err != nil {
		return nil, err
	}
	after, err := config.Load(files, config.Options{Variables: a.variables})
	if err != nil {
		return nil, err
	}
	return &admin.Report{Changes: config.Compare(before, after), Policies: []policies.Replaced{}}, nil
}

func newConfigSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Explain what may stand in a configuration file",
		Long: `schema explains every block and attribute: what it means, its kind, its default, and
whether a running registrar takes a new value over. NAME is a block or an attribute,
as in pool.policy. With -o json it is for programs.`,
		Example: "  rspool config schema\n  rspool config schema pool.breaker\n  rspool config schema -o json",
		Args:    arguments("[NAME]"),
		RunE: func(_ *cobra.Command, args []string) error {
			blocks := config.Schema()
			if len(args) > 0 {
				var err error
				if blocks, err = config.Find(blocks, args[0]); err != nil {
					return notFound(err)
				}
			}
			return a.print(blocks, func(w io.Writer) error {
				for i := range blocks {
					if i > 0 {
						fmt.Fprintln(w)
					}
					if err := blocks[i].WriteText(w); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
