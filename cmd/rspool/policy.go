package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/lua"
)

func newPolicyCommand(a *app) *cobra.Command {
	return a.group("policy", "Write, test and look after selection policies",
		"  rspool policy new energy\n  rspool policy check energy.lua\n  rspool policy list",
		newPolicyListCommand(a), newPolicyNewCommand(a), newPolicyCheckCommand(a), newPolicyTestCommand(a),
		newPolicyBenchCommand(a), newPolicyFuzzCommand(a), newPolicyExplainCommand(a), newPolicyTryCommand(a),
		newPolicyReloadCommand(a), newPolicyRollbackCommand(a))
}

// A subject is a policy that a command is about.
type subject struct {
	reference string // as pools call it
	policy    engine.Policy
	// script is the policy's definition where it is a script.
	script *config.Policy
}

// subjectsFlags say how policies that arguments name are loaded.
type subjectsFlags struct{ settings map[string]string }

func (f *subjectsFlags) add(flags *pflag.FlagSet) {
	f.settings = map[string]string{}
	flags.Var(assignments(f.settings), "set", "`NAME=VALUE` of the policy's config, as in max_load=0.8; may be repeated")
}

// values understands --set.
func (f *subjectsFlags) values() (map[string]any, error) {
	if len(f.settings) == 0 {
		return nil, nil
	}
	m := map[string]any{}
	for name, text := range f.settings {
		v, err := config.ParseValue(text)
		if err != nil {
			return nil, misusef("--set %s: %w", name, err)
		}
		m[name] = v
	}
	return m, nil
}

// subjects finds the policies that arguments name: a script's file, a built-in policy,
// or one of the configuration. Close ends the plugins that were started.
func (a *app) subjects(ctx context.Context, f *subjectsFlags, args []string) (all []subject, stop func(), err error) {
	settings, err := f.values()
	if err != nil {
		return nil, nil, err
	}
	stop = func() {}
	var set *policies.Set
	for _, arg := range args {
		if isScript(arg) {
			p, err := loadScript(arg, settings)
			if err != nil {
				stop()
				return nil, nil, err
			}
			all = append(all, subject{reference: p.Reference(), policy: p.Program, script: p})
			continue
		}
		if set == nil {
			if set, stop, err = a.openPolicies(ctx); err != nil {
				return nil, nil, err
			}
		}
		s, err := findSubject(set, arg)
		if err != nil {
			stop()
			return nil, nil, notFound(err)
		}
		all = append(all, s)
	}
	return all, stop, nil
}

// isScript reports whether an argument is a file, not a reference.
func isScript(arg string) bool {
	return strings.HasSuffix(arg, ".lua") || strings.ContainsAny(arg, `/\`)
}

// openPolicies puts the policies of the configuration to work.
func (a *app) openPolicies(ctx context.Context) (*policies.Set, func(), error) {
	c, err := a.settings()
	if err != nil {
		return nil, nil, err
	}
	set, err := policies.Open(ctx, c, a.quiet())
	if err != nil {
		return nil, nil, err
	}
	return set, func() { _ = set.Close() }, nil // they were only asked
}

func findSubject(set *policies.Set, arg string) (subject, error) {
	p, err := set.Registry().Find(arg)
	if err != nil {
		hint := "a file ends in .lua"
		if strings.HasPrefix(arg, config.Lua+".") || strings.HasPrefix(arg, config.Plugin+".") {
			hint = "such policies come from a configuration, named with --config"
		}
		return subject{}, fmt.Errorf("%w (%s)", err, hint)
	}
	s := subject{reference: arg, policy: p}
	if !strings.Contains(arg, ".") {
		s.reference = config.Builtin + "." + arg
	}
	for _, v := range set.Versions() {
		if v.Definition.Reference() != arg {
			continue
		}
		if v.Definition.Kind == config.Lua {
			s.script = &v.Definition
		}
		if plugin := set.Plugin(v.Definition.Plugin); plugin != nil {
			if _, up := plugin.Description(); !up {
				return s, fmt.Errorf("plugin %q does not come up: %s", v.Definition.Plugin, plugin.Status().LastEnd)
			}
		}
	}
	return s, nil
}

// scripts turns folders into the policy files in them.
func scripts(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			files = append(files, arg) // a reference, or a file whose absence will show
			continue
		}
		found, err := filepath.Glob(filepath.Join(arg, "*.lua"))
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(f string) bool { return strings.HasSuffix(f, "_test.lua") || isStub(f) })
		if len(found) == 0 {
			return nil, notFound(fmt.Errorf("folder %s holds no *.lua file", arg))
		}
		files = append(files, found...)
	}
	return files, nil
}

// isStub reports whether a file holds types for editors, and no policy.
func isStub(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false // what is wrong will show
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, len(lua.StubMark))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == lua.StubMark
}

func newPolicyListCommand(a *app) *cobra.Command {
	var f ordersFlag
	var running bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the policies that pools may refer to",
		Long: `list shows the built-in policies and those that the configuration defines. With
--running it asks a registrar instead, and shows which versions are at work, what a
rollback would bring back, and the pool blocks that name them.`,
		Example: "  rspool policy list\n  rspool --config /etc/rspool policy list\n  rspool policy list --running",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if running || f.file != "" {
				return f.order(cmd.Context(), a, func(ctx context.Context, c *admin.Client) error {
					l, err := c.Policies(ctx)
					if err != nil {
						return err
					}
					return a.print(l, func(w io.Writer) error { return writeRunning(w, l, time.Now()) })
				})
			}
			return a.listPolicies()
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&running, "running", false, "ask a running registrar")
	return cmd
}

func (a *app) listPolicies() error {
	c, err := a.settings()
	if err != nil {
		return err
	}
	if err := c.Compile(nil); err != nil {
		return err
	}
	var all []admin.Policy
	for _, p := range builtin.All() {
		d := p.Describe()
		all = append(all, admin.Policy{Reference: config.Builtin + "." + d.Name, Summary: d.Summary})
	}
	for i := range c.Policies {
		p := &c.Policies[i]
		switch p.Kind {
		case config.Lua:
			all = append(all, admin.PolicyOf(p, p.Program.Describe()))
		case config.Plugin:
			all = append(all, admin.PolicyOf(p, engine.Description{Summary: "a policy of plugin " + p.Plugin}))
		}
	}
	return a.print(all, func(w io.Writer) error {
		rows := [][]string{{"POLICY", "VERSION", "SUMMARY"}}
		for _, p := range all {
			rows = append(rows, []string{p.Reference, orElse(p.Version, "-"), printable(p.Summary)})
		}
		return table(w, rows)
	})
}

func writeRunning(w io.Writer, l []admin.Policy, now time.Time) error {
	if len(l) == 0 {
		_, err := fmt.Fprintln(w, "the registrar's configuration defines no policies; the built-in ones are always there")
		return err
	}
	rows := [][]string{{"POLICY", "VERSION", "SINCE", "BEFORE", "PATTERNS", "AT WORK", "FAULTS", "FROM"}}
	for _, p := range l {
		rows = append(rows, []string{
			p.Reference, orElse(p.Version, "-"), rough(float64(now.UnixMilli())/1000-p.Since) + " ago",
			orElse(p.Before, "-"), orElse(printable(strings.Join(p.Patterns, " ")), "-"), atWork(p.Standings), fmt.Sprint(p.Faults), printable(orElse(p.File, "plugin "+p.Plugin)),
		})
	}
	return table(w, rows)
}

// atWork says what a policy does in how many pools: "in-use 2, open 1".
func atWork(standings map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(standings)) {
		parts = append(parts, fmt.Sprintf("%s %d", s, standings[s]))
	}
	return orElse(strings.Join(parts, ", "), "-")
}

func newPolicyCheckCommand(a *app) *cobra.Command {
	var f subjectsFlags
	cmd := &cobra.Command{
		Use:   "check POLICY...",
		Short: "Load policies, say how they run, and run their tests",
		Long: `check loads scripts as a registrar does, says which of their functions run compiled and
what prevents that of the others, and runs their own tests. POLICY is a file, a folder
of *.lua files, or a policy of the configuration, as in lua.energy.

It ends with 1 where anything is wrong.`,
		Example: "  rspool policy check energy.lua\n  rspool policy check energy.lua --set max_load=0.5\n  rspool --config /etc/rspool policy check lua.energy -o json",
		Args:    arguments("POLICY..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scripts(args)
			if err != nil {
				return err
			}
			return a.checkPolicies(cmd.Context(), &f, files)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// checked is what check finds.
type checked struct {
	Policy    string        `json:"policy"`
	File      string        `json:"file,omitempty"`
	Version   string        `json:"version,omitempty"`
	Functions []checkedHook `json:"functions"`
	Tests     int           `json:"tests"`
	Failures  []testFailure `json:"failures,omitempty"`
}

type checkedHook struct {
	Name     string   `json:"name"`
	Line     int      `json:"line"`
	Inputs   []string `json:"inputs"`
	Compiled bool     `json:"compiled"`
	// Obstacle is what prevents it, if anything does.
	Obstacle     string `json:"obstacle,omitempty"`
	ObstacleLine int    `json:"obstacle_line,omitempty"`
}

type testFailure struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
}

func (a *app) checkPolicies(ctx context.Context, f *subjectsFlags, args []string) error {
	bad := 0
	for _, arg := range args {
		c, err := a.checkPolicy(ctx, f, arg)
		if err != nil {
			if len(args) == 1 {
				return err
			}
			bad++
			a.printError(err)
			continue
		}
		if len(c.Failures) > 0 {
			bad++
		}
		if err := a.print(c, c.text); err != nil {
			return err
		}
	}
	switch {
	case bad == 0:
		return nil
	case len(args) == 1:
		return errors.New("the policy is not good")
	}
	return fmt.Errorf("%d of %d policies are not good", bad, len(args))
}

func (a *app) checkPolicy(ctx context.Context, f *subjectsFlags, arg string) (*checked, error) {
	s, stop, err := a.subjects(ctx, f, []string{arg})
	if err != nil {
		return nil, err
	}
	defer stop()
	d := s[0].policy.Describe()
	c := &checked{Policy: s[0].reference, Version: d.Version, Functions: []checkedHook{}}
	if s[0].script == nil {
		return c, nil
	}
	p := s[0].script.Program
	c.File = p.File()
	for _, r := range p.Report() {
		c.Functions = append(c.Functions, checkedHook{r.Name, r.Line, r.Inputs, r.Compiled, r.Obstacle, r.ObstacleLine})
	}
	suite, err := p.Test(lua.TestOptions{Expired: expiry(policies.TestTime)})
	if err != nil {
		return nil, err
	}
	c.Tests = len(suite.Results)
	for _, r := range suite.Results {
		if r.Failure != "" {
			c.Failures = append(c.Failures, testFailure{r.Name, r.Failure})
		}
	}
	return c, nil
}

// expiry returns a function that says when a time is over.
func expiry(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

func (c *checked) text(w io.Writer) error {
	if c.File == "" {
		_, err := fmt.Fprintf(w, "%s: good\n", c.Policy)
		return err
	}
	verdict := "good"
	if len(c.Failures) > 0 {
		verdict = "its tests fail"
	}
	fmt.Fprintf(w, "%s: %s, version %s\n", c.File, verdict, c.Version)
	for _, h := range c.Functions {
		how := "compiled"
		switch {
		case h.Compiled:
		case h.Obstacle == "":
			how = "interpreted"
		case h.ObstacleLine > 0:
			how = fmt.Sprintf("interpreted: %s (line %d)", h.Obstacle, h.ObstacleLine)
		default:
			how = "interpreted: " + h.Obstacle
		}
		fmt.Fprintf(w, "  %s(%s), line %d: %s\n", h.Name, strings.Join(h.Inputs, ", "), h.Line, how)
	}
	switch n := len(c.Failures); {
	case c.Tests == 0:
		fmt.Fprintln(w, "  there are no tests; add some, and every reload will run them first")
	case n == 0:
		fmt.Fprintf(w, "  %s passed\n", count(c.Tests, "test"))
	default:
		fmt.Fprintf(w, "  %d of %d tests fail:\n", n, c.Tests)
		for _, t := range c.Failures {
			fmt.Fprintf(w, "    %s: %s\n", printable(t.Name), printable(t.Problem))
		}
	}
	return nil
}

// quiet is for programs that are started only to be asked: what they log matters
// where --log-level says so.
func (a *app) quiet() *slog.Logger {
	if a.logLevel == "" {
		return slog.New(slog.DiscardHandler)
	}
	level, _ := config.ParseLevel(a.logLevel) // the flag was checked
	return a.logger(config.Log{Level: level, Format: a.logFormat})
}
