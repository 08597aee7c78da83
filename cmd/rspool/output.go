package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/admin"
)

// The formats of -o.
const (
	textOutput = "text"
	jsonOutput = "json"
)

// print writes a result: v as JSON where -o json asks for it, else what text
// writes.
func (a *app) print(v any, text func(w io.Writer) error) error {
	if a.output == jsonOutput {
		return a.printJSON(v)
	}
	return text(a.stdout)
}

// printJSON writes v and a line feed. Streams of results are one object a line.
func (a *app) printJSON(v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.stdout.Write(inSeconds(text.Bytes()))
	return err
}

// remark tells a person something that is no result. With -o json it is silent.
func (a *app) remark(format string, args ...any) {
	if a.output != jsonOutput {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// printError writes what ended the program, for a person or for a program.
func (a *app) printError(err error) {
	var files *config.Error
	isFiles := errors.As(err, &files)
	var far *admin.Error
	isFar := errors.As(err, &far)
	switch {
	case a.output == jsonOutput:
		out := struct {
			Error       string              `json:"error"`
			Exit        int                 `json:"exit"`
			Diagnostics []config.Diagnostic `json:"diagnostics,omitempty"`
		}{Error: err.Error(), Exit: exitCode(err)}
		if isFiles {
			out.Diagnostics = files.Diagnostics()
		} else if isFar {
			out.Diagnostics = far.Diagnostics
		}
		enc := json.NewEncoder(a.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(out) // there is nowhere else to complain
	case isFiles:
		columns, _, isTerminal := terminal(a.stderr)
		if !isTerminal {
			columns = 78
		}
		_ = files.WriteText(a.stderr, uint(columns), isTerminal)
	case isFar && far.Text != "":
		fmt.Fprint(a.stderr, escaped(far.Text))
	default:
		fmt.Fprintf(a.stderr, "rspool: %s\n", escaped(err.Error()))
	}
}

// escaped replaces what could move the cursor or change colours by what Go writes
// for it: some of the text may come from a peer or a file. Lines stay lines.
func escaped(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && (r != utf8.RuneError || n != 1) {
			b.WriteString(s[:n])
		} else {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// table writes rows in columns, the first row being the headings.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

// terminal reports whether w is one, and its size in columns and rows.
func terminal(w io.Writer) (columns, rows int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, 0, false
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	return columns, rows, err == nil
}

// wantsJSON reports whether the arguments ask for -o json, before they are
// parsed: an error in them is to be printed that way too.
func wantsJSON(args []string) bool {
	for i, s := range args {
		switch s {
		case "--":
			return false
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if i+1 < len(args) && args[i+1] == jsonOutput {
				return true
			}
		}
	}
	return false
}
