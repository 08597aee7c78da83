package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// eachCommand calls f for every command of a fresh tree, the root included.
func eachCommand(f func(cmd *cobra.Command)) {
	root := newRootCommand(&app{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)})
	root.InitDefaultHelpCmd()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		f(cmd)
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

func subtest(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "_") }

func TestEveryCommandIsExplained(t *testing.T) {
	n := 0
	eachCommand(func(cmd *cobra.Command) {
		n++
		t.Run(subtest(cmd), func(t *testing.T) {
			if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("short text %q: want one without full stop", cmd.Short)
			}
			if len(examples(cmd)) == 0 {
				t.Error("there is no example")
			}
			if cmd.Args == nil {
				t.Error("it does not say which arguments it takes")
			}
			for _, l := range strings.Split(cmd.Long, "\n") {
				if len([]rune(l)) > 88 {
					t.Errorf("line of %d columns: %s", len(l), l)
				}
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Usage == "" {
					t.Errorf("--%s is not explained", f.Name)
				}
			})
		})
	})
	if n < 20 {
		t.Errorf("walked %d commands; there are more", n)
	}
}

// TestExamplesAreAccepted parses every example of every command, as if it were
// typed, but runs none.
func TestExamplesAreAccepted(t *testing.T) {
	eachCommand(func(cmd *cobra.Command) {
		for _, line := range examples(cmd) {
			t.Run(subtest(cmd), func(t *testing.T) {
				path := cmd.CommandPath()
				for _, args := range commandsIn(t, line) {
					root := newRootCommand(&app{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)})
					root.InitDefaultHelpCmd()
					found, rest, err := root.Find(args)
					if err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					if found.CommandPath() != path && !strings.HasPrefix(found.CommandPath(), path+" ") {
						t.Errorf("%s: it is an example of %s", line, found.CommandPath())
					}
					if found.HasSubCommands() && found.HasParent() {
						t.Errorf("%s: %s alone does nothing", line, found.CommandPath())
					}
					if err := found.ParseFlags(rest); err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					if err := found.ValidateArgs(found.Flags().Args()); err != nil {
						t.Errorf("%s: %v", line, err)
					}
					if err := found.ValidateFlagGroups(); err != nil {
						t.Errorf("%s: %v", line, err)
					}
				}
			})
		}
	})
}

// TestFlagsThatAreMentionedExist looks for --flags in texts.
func TestFlagsThatAreMentionedExist(t *testing.T) {
	mention := regexp.MustCompile(`(^|[\s(])--([a-z][a-z-]*)`)
	eachCommand(func(cmd *cobra.Command) {
		known := map[string]bool{"help": true, "config": true}
		all := func(f *pflag.Flag) { known[f.Name] = true }
		eachCommand(func(c *cobra.Command) {
			if c.CommandPath() == cmd.CommandPath() || strings.HasPrefix(c.CommandPath(), cmd.CommandPath()+" ") {
				c.Flags().VisitAll(all)
				c.InheritedFlags().VisitAll(all)
			}
		})
		cmd.Root().PersistentFlags().VisitAll(all)
		for _, m := range mention.FindAllStringSubmatch(cmd.Short+"\n"+cmd.Long, -1) {
			if !known[m[2]] {
				t.Errorf("%s mentions --%s, which it does not accept", cmd.CommandPath(), m[2])
			}
		}
	})
}

// TestManualNamesEveryFlag compares the page of each command with its flags.
func TestManualNamesEveryFlag(t *testing.T) {
	eachCommand(func(cmd *cobra.Command) {
		t.Run(subtest(cmd), func(t *testing.T) {
			var page bytes.Buffer
			if err := writeManual(&page, cmd); err != nil {
				t.Fatal(err)
			}
			documented := map[string]bool{}
			for _, m := range regexp.MustCompile(`(?m)^\\fB.*\\-\\-([a-z\\-]+)\\fR`).FindAllStringSubmatch(page.String(), -1) {
				documented[strings.ReplaceAll(m[1], `\-`, "-")] = true
			}
			accepted := map[string]bool{}
			all := func(f *pflag.Flag) { accepted[f.Name] = true }
			cmd.NonInheritedFlags().VisitAll(all)
			cmd.InheritedFlags().VisitAll(all)
			for name := range accepted {
				if !documented[name] {
					t.Errorf("--%s is accepted, but not in the manual", name)
				}
			}
			for name := range documented {
				if !accepted[name] {
					t.Errorf("--%s is in the manual, but not accepted", name)
				}
			}
			if !strings.Contains(page.String(), ".SH EXAMPLES\n") {
				t.Error("the page has no examples")
			}
		})
	})
}

// examples are the lines of a command's example that are commands.
func examples(cmd *cobra.Command) []string {
	var lines []string
	for _, l := range strings.Split(cmd.Example, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
		}
	}
	return lines
}

// commandsIn returns the arguments of each call of rspool in a shell line. It
// understands what examples use: quotes, pipes, redirections and comments.
func commandsIn(t *testing.T, line string) [][]string {
	t.Helper()
	var out [][]string
	for _, part := range splitShell(line) {
		if part[0] == "rspool" {
			out = append(out, part[1:])
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: no call of rspool", line)
	}
	return out
}

func splitShell(line string) [][]string {
	var commands [][]string
	var words []string
	var word strings.Builder
	quote, skip, open := rune(0), false, false
	endWord := func() {
		if open && !skip {
			words = append(words, word.String())
		}
		skip = skip && !open
		word.Reset()
		open = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == '|' || r == ';' || r == '&':
			endCommand()
		case r == '<' || r == '>':
			endWord()
			skip = true // the file's name
		case r == ' ':
			endWord()
		case r == '#' && !open:
			endCommand()
			return commands
		default:
			open = true
			word.WriteRune(r)
		}
	}
	endCommand()
	return commands
}

func TestSplitShell(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       string
	}{
		{"words", "rspool config check", "[[rspool config check]]"},
		{"quotes", "rspool top --pool 'Echo*' \"a b\"", "[[rspool top --pool Echo* a b]]"},
		{"a_pipe", "rspool man | man -l -", "[[rspool man] [man -l -]]"},
		{"redirections", "rspool a < in > out -b", "[[rspool a -b]]"},
		{"a_comment", "rspool a # not this", "[[rspool a]]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.ReplaceAll(strings.TrimSpace(sprint(splitShell(tt.line))), "  ", " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func sprint(commands [][]string) string {
	var parts []string
	for _, c := range commands {
		parts = append(parts, "["+strings.Join(c, " ")+"]")
	}
	return "[" + strings.Join(parts, " ") + "]"
}
