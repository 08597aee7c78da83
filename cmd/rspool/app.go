package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rspool/rspool/internal/suggest"
)

// An app is one run of the program: its three streams and what the flags that
// every command has say. Commands hang themselves into it and print through it.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	output      string            // "text" or "json"
	configPaths []string          // files and folders
	variables   map[string]string // of the configuration
	logLevel    string            // empty: the configuration's
	logFormat   string            // empty: the configuration's

	running bool // flags and arguments were accepted
}

// execute runs the command that args ask for and returns the exit code.
func (a *app) execute(args []string) int {
	a.output = textOutput
	if wantsJSON(args) {
		a.output = jsonOutput // for the errors of flags that come before -o
	}
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	if !a.running {
		err = misuse(err)
	}
	a.printError(err)
	return exitCode(err)
}

// addGlobalFlags adds the flags that every command has.
func (a *app) addGlobalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringArrayVar(&a.configPaths, "config", nil, "configuration `FILE` or folder; may be repeated")
	a.variables = map[string]string{}
	f.Var(assignments(a.variables), "var", "`NAME=VALUE` of a configuration variable; may be repeated")
	f.Var(&choice{&a.logLevel, []string{"debug", "info", "warn", "error"}}, "log-level", "least `LEVEL` to log: debug, info, warn or error (default info)")
	f.Var(&choice{&a.logFormat, []string{"text", "json"}}, "log-format", "`FORMAT` of the log: text or json (default text)")
	f.VarP(&choice{&a.output, []string{textOutput, jsonOutput}}, "output", "o", "`FORMAT` of results and errors: text or json")
	f.Lookup("output").DefValue = textOutput // whatever the command line says, which is known already
	for _, name := range []string{"output", "log-level", "log-format"} {
		words := f.Lookup(name).Value.(*choice).allowed
		must(root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// must is for what can only fail where the program contradicts itself.
func must(err error) {
	if err != nil {
		panic("rspool: " + err.Error())
	}
}

// finish gives every command of the tree what it has in common with the others.
func (a *app) finish(cmd *cobra.Command) {
	cmd.SilenceErrors = true
	cmd.SilenceUsage = true
	cmd.SetFlagErrorFunc(a.flagError)
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.running = true
			return run(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		a.finish(c)
	}
}

// group returns a command that only holds others: "rspool registrar".
func (a *app) group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use:                   use + " COMMAND",
		Short:                 short,
		Example:               example,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.unknownCommand(cmd, args[0])
			}
			return misusef("%s: what: %s? See %s --help", place(cmd), strings.Join(commandNames(cmd), ", "), cmd.CommandPath())
		},
	}
	g.AddCommand(commands...)
	return g
}

// arguments accepts exactly the arguments named. A name in brackets is
// optional, and one that ends in dots takes the rest: "[FILE...]".
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, name := range names {
			if strings.HasSuffix(strings.TrimSuffix(name, "]"), "...") {
				if i >= len(args) && !strings.HasPrefix(name, "[") {
					return fmt.Errorf("%s: %s is missing; see %s --help", place(cmd), strings.TrimSuffix(name, "..."), cmd.CommandPath())
				}
				return nil
			}
			if i >= len(args) {
				if strings.HasPrefix(name, "[") {
					return nil
				}
				return fmt.Errorf("%s: %s is missing; see %s --help", place(cmd), name, cmd.CommandPath())
			}
		}
		if len(args) > len(names) {
			return fmt.Errorf("%s: unexpected argument %q; see %s --help", place(cmd), args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

// findCommand returns the command that names lead to: registrar, run.
func (a *app) findCommand(root *cobra.Command, names []string) (*cobra.Command, error) {
	at := root
next:
	for _, name := range names {
		for _, c := range at.Commands() {
			if c.Name() == name {
				at = c
				continue next
			}
		}
		return nil, a.unknownCommand(at, name)
	}
	return at, nil
}

func (a *app) unknownCommand(cmd *cobra.Command, word string) error {
	names := commandNames(cmd)
	msg := fmt.Sprintf("unknown command %q of %s.%s", word, cmd.CommandPath(), suggest.Sentence(word, names))
	return misusef("%s See %s --help", msg, cmd.CommandPath())
}

func (a *app) flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if n := suggest.Nearest(unknown.GetSpecifiedName(), names); n != "" {
			hint = fmt.Sprintf("did you mean --%s?", n)
		}
	}
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		why := bad.Unwrap()
		var number *strconv.NumError
		if errors.As(why, &number) {
			why = number.Err // without the name of the function that says so
		}
		return misusef("%s: --%s %q: %w; %s", place(cmd), bad.GetFlag().Name, bad.GetValue(), why, hint)
	}
	return misusef("%s: %v; %s", place(cmd), err, hint)
}

// place returns a command's path below the program, whose name every error has in
// front of it already.
func place(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}
