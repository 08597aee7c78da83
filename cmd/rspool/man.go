package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Write the manual page of a command",
		Long: `man writes the manual page of the program or of one command, from the same table
as --help, for man to read.`,
		Example: "  rspool man | man -l -\n  rspool man registrar run > rspool-registrar-run.1",
		Args:    arguments("[COMMAND...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			about, err := a.findCommand(cmd.Root(), args)
			if err != nil {
				return err
			}
			return writeManual(a.stdout, about)
		},
	}
}

// writeManual writes the page of a command in the man macros of troff.
func writeManual(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"rspool %s\" \"Reliable Server Pooling\"\n", troffQuote(strings.ToUpper(name)), readBuild().Version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", troff(name), troff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", troff(cmd.CommandPath()))
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		fmt.Fprintf(&b, "%s\n", troff(arguments))
	}
	if cmd.HasAvailableFlags() {
		b.WriteString("[\\fIflags\\fR]\n")
	}
	description := cmd.Long
	if description == "" {
		description = cmd.Short + "."
	}
	b.WriteString(".SH DESCRIPTION\n")
	writeParagraphs(&b, description)
	if subs := cmd.Commands(); len(subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range subs {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", troff(c.Name()), troff(c.Short))
			}
		}
	}
	writeFlags(&b, "FLAGS", cmd.NonInheritedFlags())
	writeFlags(&b, "GLOBAL FLAGS", cmd.InheritedFlags())
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", troff(cmd.Example))
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range exitMeanings {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", s.code, s.meaning)
	}
	var also []string
	cmd.VisitParents(func(p *cobra.Command) {
		also = append(also, ".BR "+troffQuote(strings.ReplaceAll(p.CommandPath(), " ", "-"))+" (1)")
	})
	if len(also) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(also, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeParagraphs(b *strings.Builder, text string) {
	for i, p := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		fmt.Fprintln(b, troff(p))
	}
}

func writeFlags(b *strings.Builder, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		argument, usage := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR", troff(names))
		if argument != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", troff(argument))
		}
		fmt.Fprintf(b, "\n%s\n", troff(usage))
	})
}

// troff escapes text: backslashes, hyphens, and lines that would be requests.
func troff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// troffQuote escapes an argument of a request.
func troffQuote(s string) string { return `"` + strings.ReplaceAll(troff(s), `"`, `""`) + `"` }
