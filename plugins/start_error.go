package plugins

import (
	"fmt"
	"strings"
)

// StartError says why a plugin did not come up, and what to do about it.
type StartError struct {
	Plugin string // as configured
	File   string // the program
	// Problem is what happened; Expected and Found are the checksums where these
	// differ.
	Problem         string
	Expected, Found string
	// Remedy is what to try, often a command.
	Remedy string
	// Stderr is what the program wrote last: at most 20 lines.
	Stderr []string
}

// Error returns one line, and one for each line of Stderr.
func (e *StartError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %q (%s): %s", e.Plugin, e.File, e.Problem)
	if e.Expected != "" {
		fmt.Fprintf(&b, ", expected sha256 %s, found %s", e.Expected, e.Found)
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	for _, l := range e.Stderr {
		b.WriteString("\n  stderr: " + l)
	}
	return b.String()
}
