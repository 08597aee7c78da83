package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/plugins"
)

func newPluginScaffoldCommand(a *app) *cobra.Command {
	language, folder := "go", ""
	cmd := &cobra.Command{
		Use:   "scaffold NAME",
		Short: "Write a starting point for a plugin, in Go or Python",
		Long: `scaffold writes a plugin that works: a policy with settings, tests, and a README that
says how to go on. It passes rspool plugin conformance as it is. Files that exist are
left alone.`,
		Example: "  rspool plugin scaffold carbon\n  rspool plugin scaffold carbon --lang python --dir plugins/carbon",
		Args:    arguments("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			if folder == "" {
				folder = args[0]
			}
			files, err := plugins.Scaffold(language, args[0], folder)
			if err != nil {
				return err
			}
			return a.print(map[string][]string{"written": files}, func(w io.Writer) error {
				for _, f := range files {
					fmt.Fprintln(w, f)
				}
				_, err := fmt.Fprintf(w, "Go on with %s.\n", filepath.Join(folder, "README.md"))
				return err
			})
		},
	}
	cmd.Flags().Var(&choice{&language, []string{"go", "python"}}, "lang", "`LANGUAGE` of the plugin: go or python")
	cmd.Flags().StringVar(&folder, "dir", "", "`FOLDER` to make (default NAME)")
	return cmd
}

func newPluginConformanceCommand(a *app) *cobra.Command {
	var f pluginFlags
	settings := map[string]string{}
	cmd := &cobra.Command{
		Use:   "conformance PLUGIN",
		Short: "Test whether a plugin does what a registrar expects",
		Long: `conformance starts a plugin and plays elements that come, change, fail and go against
each of its policies: whether it ranks them all, in time, with numbers that are some;
whether it knows again what it was told; whether it ends with its host. It ends with 1
where it does not.

PLUGIN is a file with a slash in its name, or a plugin block of the configuration.
Policies that cannot do with the defaults of their settings get some by --settings.`,
		Example: "  rspool plugin conformance ./rspool-policy-carbon\n  rspool plugin conformance ./carbon.py --no-mtls --settings greenest='{\"zones\": [\"de\"]}'",
		Args:    arguments("PLUGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.configFor(a, args[0])
			if err != nil {
				return err
			}
			configs, err := parseSettings(settings)
			if err != nil {
				return err
			}
			cfg.Log = a.quiet()
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			r := plugins.Conformance(ctx, cfg, configs)
			if err := a.printConformance(r); err != nil {
				return err
			}
			if !r.OK() {
				return errors.New("the plugin does not conform")
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().Var(assignments(settings), "settings", "`POLICY=JSON` for the config of a policy; may be repeated")
	return cmd
}

func parseSettings(texts map[string]string) (map[string]map[string]any, error) {
	configs := map[string]map[string]any{}
	for _, policy := range slices.Sorted(maps.Keys(texts)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(texts[policy]), &m); err != nil {
			return nil, misusef("--settings %s: want a JSON object, as in {\"zones\": [\"de\"]}: %w", policy, err)
		}
		configs[policy] = m
	}
	return configs, nil
}

func (a *app) printConformance(r *plugins.Report) error {
	type check struct {
		Policy  string  `json:"policy,omitempty"`
		Name    string  `json:"name"`
		Verdict string  `json:"verdict"`
		Detail  string  `json:"detail,omitempty"`
		Seconds float64 `json:"seconds"`
	}
	out := struct {
		Plugin string  `json:"plugin"`
		OK     bool    `json:"ok"`
		Checks []check `json:"checks"`
	}{r.Plugin, r.OK(), []check{}}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, check{c.Policy, c.Name, strings.ToLower(c.Verdict.String()), c.Detail, c.Took.Seconds()})
	}
	return a.print(out, func(w io.Writer) error {
		_, err := r.WriteTo(w)
		return err
	})
}

func newPluginDocsCommand(a *app) *cobra.Command {
	var f pluginFlags
	var file string
	cmd := &cobra.Command{
		Use:   "docs PLUGIN",
		Short: "Write a page about a plugin from what it says of itself",
		Long: `docs starts a plugin for a moment and writes a page in Markdown: its policies, what they
look at, their settings, and an example for a configuration. PLUGIN is a file with a
slash in its name, or a plugin block of the configuration.`,
		Example: "  rspool plugin docs ./rspool-policy-carbon > carbon.md",
		Args:    arguments("PLUGIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.configFor(a, args[0])
			if err != nil {
				return err
			}
			d, _, err := describePlugin(cmd.Context(), cfg, a.quiet())
			if err != nil {
				return err
			}
			if file != "" {
				return os.WriteFile(file, []byte(d.Markdown()), 0o644)
			}
			return a.print(map[string]string{"markdown": d.Markdown()}, func(w io.Writer) error {
				_, err := io.WriteString(w, d.Markdown())
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&file, "file", "", "write to `FILE`, not to the standard output")
	return cmd
}
