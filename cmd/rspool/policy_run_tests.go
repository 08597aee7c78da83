package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/lua"
)

func newPolicyTestCommand(a *app) *cobra.Command {
	var f subjectsFlags
	var seed uint64
	format := "text"
	cmd := &cobra.Command{
		Use:   "test POLICY...",
		Short: "Run the tests of policies",
		Long: `test runs the tests that scripts have in their field tests, and those in the files
beside them that are called after them: energy_test.lua and energy_night_test.lua for
energy.lua. Such a file returns a list of cases. POLICY is a file, a folder of *.lua
files, or a policy of the configuration, as in lua.energy.

Clock and chance are the same in each run; --seed changes the latter. It ends with 1
where a test fails.`,
		Example: "  rspool policy test energy.lua\n  rspool policy test /etc/rspool/policies --format junit > tests.xml",
		Args:    arguments("POLICY..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scripts(args)
			if err != nil {
				return err
			}
			suites, err := a.testPolicies(cmd.Context(), &f, files, seed)
			if err != nil {
				return err
			}
			return a.printSuites(suites, format)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().Uint64Var(&seed, "seed", 1, "`NUMBER` where chance begins")
	cmd.Flags().Var(&choice{&format, []string{"text", "tap", "junit"}}, "format", "`FORMAT` of the results: text, tap or junit")
	return cmd
}

func (a *app) testPolicies(ctx context.Context, f *subjectsFlags, args []string, seed uint64) ([]*lua.Suite, error) {
	all, stop, err := a.subjects(ctx, f, args)
	if err != nil {
		return nil, err
	}
	defer stop()
	var suites []*lua.Suite
	for _, s := range all {
		if s.script == nil {
			return nil, misusef("%s is no script: it has no tests", s.reference)
		}
		opt := lua.TestOptions{Seed: seed, Expired: expiry(policies.TestTime)}
		suite, err := s.script.Program.Test(opt)
		if err != nil {
			return nil, err
		}
		suites = append(suites, suite)
		beside, err := testFiles(s.script.Source)
		if err != nil {
			return nil, err
		}
		for _, file := range beside {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if suite, err = s.script.Program.TestFile(file, string(text), opt); err != nil {
				return nil, err
			}
			suites = append(suites, suite)
		}
	}
	return suites, nil
}

// testFiles are those beside a script that are called after it.
func testFiles(script string) ([]string, error) {
	base := strings.TrimSuffix(script, ".lua")
	// What is special to patterns stands for itself in the name.
	quoted := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(base)
	files, err := filepath.Glob(quoted + "_*test.lua")
	if err != nil {
		return nil, err
	}
	var named []string
	for _, f := range files {
		if rest := strings.TrimPrefix(f, base); rest == "_test.lua" || strings.HasSuffix(rest, "_test.lua") {
			named = append(named, f)
		}
	}
	return named, nil
}

// printSuites writes the results, and fails where a test has.
func (a *app) printSuites(suites []*lua.Suite, format string) error {
	failed, total := 0, 0
	for _, s := range suites {
		failed += s.Failed()
		total += len(s.Results)
	}
	err := a.print(suites, func(w io.Writer) error {
		switch format {
		case "tap":
			return lua.WriteTAP(w, suites...)
		case "junit":
			return lua.WriteJUnit(w, suites...)
		}
		for _, s := range suites {
			if err := s.WriteText(w); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of %s failed", failed, count(total, "test"))
	case total == 0:
		return errors.New("there are no tests; see docs/lua-policies.md for how to write some")
	}
	return nil
}
