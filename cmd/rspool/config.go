package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/plugins"
)

func newConfigCommand(a *app) *cobra.Command {
	return a.group("config", "Write, check and show configuration files",
		"  rspool config init rspool.hcl\n  rspool config check rspool.hcl",
		newConfigInitCommand(a), newConfigCheckCommand(a), newConfigFmtCommand(a), newConfigShowCommand(a),
		newConfigSchemaCommand(a), newConfigDiffCommand(a))
}

func newConfigInitCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a starting file in which everything is explained",
		Long: `init writes a file that sets nothing and explains everything: each attribute
stands in a comment with its meaning and its default. FILE is rspool.hcl if it is
not given; - is the standard output. A file that exists is left alone.`,
		Example: "  rspool config init\n  rspool config init /etc/rspool/rspool.hcl\n  rspool config init -",
		Args:    arguments("[FILE]"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "rspool.hcl"
			if len(args) > 0 {
				path = args[0]
			}
			if path == "-" {
				_, err := a.stdout.Write(config.Starter())
				return err
			}
			if err := writeNew(path, config.Starter(), force); err != nil {
				return err
			}
			return a.print(map[string]string{"written": path}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is written; check it with: rspool config check %s\n", path, path)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	return cmd
}

func writeNew(path string, text []byte, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists; choose another name, or replace it with --force", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func newConfigCheckCommand(a *app) *cobra.Command {
	var deep bool
	cmd := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Check configuration files without starting anything",
		Long: `check reads files and folders as the daemons do, together with those of --config,
and says what is wrong, where, and what to do about it. Scripts of policies are
loaded and run their own tests; programs of plugins are compared with their checksums.

With --deep, plugins are started for a moment, and the config blocks of their policies
compared with what they say of themselves. Without it nothing is started.`,
		Example: "  rspool config check rspool.hcl\n  rspool config check --deep /etc/rspool\n  rspool --config rspool.hcl config check -o json",
		Args:    arguments("[FILE...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.configPaths = append(a.configPaths, args...)
			if len(a.configPaths) == 0 {
				return misusef("rspool config check: name a file or folder; write one with rspool config init")
			}
			c, err := a.settings()
			if err != nil {
				return err
			}
			if err := a.checkBeyondFiles(cmd.Context(), c, deep); err != nil {
				return err
			}
			result := struct {
				Valid bool     `json:"valid"`
				Files []string `json:"files"`
			}{true, c.Files}
			return a.print(result, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s: good\n", strings.Join(c.Files, ", "))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "start plugins for a moment, to check their configuration")
	return cmd
}

// checkBeyondFiles checks what the files refer to: scripts and plugins.
func (a *app) checkBeyondFiles(ctx context.Context, c *config.Config, deep bool) error {
	if err := c.Compile(nil); err != nil {
		return err
	}
	var err error
	for i := range c.Policies {
		if p := &c.Policies[i]; p.Kind == config.Lua {
			if _, failed := policies.Test(p.Program); failed != nil {
				err = c.Refuse(err, p.Reference(), "Script fails its tests", config.Sentence(failed))
			}
		}
	}
	if err != nil {
		return err
	}
	if !deep {
		return c.CheckPrograms()
	}
	return c.CheckPlugins(func(p *config.PluginConfig) (*plugins.Description, error) {
		d, _, err := describePlugin(ctx, p.Config, a.quiet())
		return &d, err
	})
}

func newConfigShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE...]",
		Short: "Show the configuration in effect, defaults included",
		Long: `show reads the files as the daemons do and writes what is in effect, as a file:
what they set, and every default with a comment that says so. Values that come
from sensitive variables are masked. With -o json only what is set is written.`,
		Example: "  rspool config show\n  rspool config show /etc/rspool --var region=eu",
		Args:    arguments("[FILE...]"),
		RunE: func(_ *cobra.Command, args []string) error {
			a.configPaths = append(a.configPaths, args...)
			c, err := a.settings()
			if err != nil {
				return err
			}
			return a.print(c, c.WriteHCL)
		},
	}
}

func newConfigFmtCommand(a *app) *cobra.Command {
	var check, recursive bool
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Bring files into the canonical form",
		Long: `fmt indents and aligns files in place and names those that it changed. A folder
stands for the *.hcl files in it. - reads the standard input and writes the
standard output. With --check nothing is written, and the exit code is 1 where
something would be.`,
		Example: "  rspool config fmt rspool.hcl\n  rspool config fmt --check --recursive /etc/rspool\n  rspool config fmt - < rspool.hcl",
		Args:    arguments("FILE..."),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				return a.formatStream(check)
			}
			files, err := filesToFormat(args, recursive)
			if err != nil {
				return err
			}
			return a.formatFiles(files, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing, only say which files would change")
	cmd.Flags().BoolVar(&recursive, "recursive", false, "look into folders within folders too")
	return cmd
}

func (a *app) formatStream(check bool) error {
	src, err := io.ReadAll(io.LimitReader(a.stdin, config.MaxFileSize+1))
	if err != nil {
		return err
	}
	out, err := config.Format("standard input", src)
	if err != nil {
		return err
	}
	if check {
		if !bytes.Equal(src, out) {
			return errors.New("the standard input is not in the canonical form")
		}
		return nil
	}
	_, err = a.stdout.Write(out)
	return err
}

// filesToFormat turns folders into the HCL files in them.
func filesToFormat(paths []string, recursive bool) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != path && !recursive:
				return fs.SkipDir
			case !d.IsDir() && (p == path || strings.HasSuffix(p, ".hcl")):
				files = append(files, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (a *app) formatFiles(files []string, check bool) error {
	changed := []string{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		out, err := config.Format(name, src)
		if err != nil {
			return err
		}
		if bytes.Equal(src, out) {
			continue
		}
		changed = append(changed, name)
		if check {
			continue
		}
		if err := os.WriteFile(name, out, 0o644); err != nil {
			return err
		}
	}
	err := a.print(map[string][]string{"changed": changed}, func(w io.Writer) error {
		for _, name := range changed {
			fmt.Fprintln(w, name)
		}
		return nil
	})
	if err == nil && check && len(changed) > 0 {
		err = fmt.Errorf("%d of %d files are not in the canonical form; run rspool config fmt", len(changed), len(files))
	}
	return err
}
