package plugins

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of a conformance test.
type Report struct {
	Plugin string // as configured
	Checks []Check
}

// Check is one thing that was tried.
type Check struct {
	// Policy is what it was tried with, empty for the plugin as a whole.
	Policy string
	// Name says what is expected, as in "ranks 1,000 elements".
	Name    string
	Verdict Verdict
	Detail  string // what was seen
	Took    time.Duration
}

// Verdict is how a check went.
type Verdict uint8

// The verdicts.
const (
	Passed Verdict = iota
	Skipped
	Warned // it works, and could be better
	FailedCheck
)

// String returns the verdict as reports show it.
func (v Verdict) String() string { return [...]string{"ok", "skip", "warn", "FAIL"}[v] }

// OK reports whether no check failed.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Verdict == FailedCheck })
}

// WriteTo writes the report for people, a line for each check.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	counts := map[Verdict]int{}
	policy := ""
	for _, c := range r.Checks {
		counts[c.Verdict]++
		switch c.Policy {
		case policy:
		case "":
			b.WriteString("\nthe plugin as a whole\n")
		default:
			fmt.Fprintf(&b, "\npolicy %s\n", c.Policy)
		}
		policy = c.Policy
		fmt.Fprintf(&b, "%-4s  %-48s", c.Verdict, c.Name)
		if c.Took >= time.Millisecond {
			fmt.Fprintf(&b, "  %v", c.Took.Round(time.Millisecond))
		}
		b.WriteString("\n")
		if c.Detail != "" {
			fmt.Fprintf(&b, "      %s\n", strings.ReplaceAll(c.Detail, "\n", "\n      "))
		}
	}
	word := "conforms"
	if !r.OK() {
		word = "does not conform"
	}
	fmt.Fprintf(&b, "\n%s %s: %d ok, %d failed, %d warnings, %d skipped\n", r.Plugin, word,
		counts[Passed], counts[FailedCheck], counts[Warned], counts[Skipped])
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
