package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Error says what is wrong with configuration files.
type Error struct {
	diags hcl.Diagnostics
	files map[string]*hcl.File
}

// Diagnostic is one thing that is wrong.
type Diagnostic struct {
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	// Snippet is the line itself.
	Snippet string `json:"text,omitempty"`
}

// newError returns what a reader complained of, in the order of the text.
func newError(r *reader) *Error {
	slices.SortStableFunc(r.diags, func(a, b *hcl.Diagnostic) int {
		fileA, byteA := r.order(a)
		fileB, byteB := r.order(b)
		return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(byteA, byteB))
	})
	return &Error{diags: r.diags, files: r.parser.Files()}
}

// order is where a diagnostic belongs; those without a place come first.
func (r *reader) order(d *hcl.Diagnostic) (file, offset int) {
	if d.Subject == nil {
		return -1, 0
	}
	if i := slices.Index(r.files, d.Subject.Filename); i >= 0 {
		return i, d.Subject.Start.Byte
	}
	return len(r.files), d.Subject.Start.Byte // a script
}

// Error returns the first diagnostic on one line, and how many there are.
func (e *Error) Error() string {
	first := e.Diagnostics()[0]
	var b strings.Builder
	if first.File != "" {
		fmt.Fprintf(&b, "%s:%d,%d: ", first.File, first.Line, first.Column)
	}
	fmt.Fprintf(&b, "%s: %s", first.Summary, first.Detail)
	if n := len(e.diags) - 1; n > 0 {
		fmt.Fprintf(&b, " (and %d more)", n)
	}
	return b.String()
}

// Diagnostics returns everything that is wrong; there is at least one.
func (e *Error) Diagnostics() []Diagnostic {
	out := make([]Diagnostic, len(e.diags))
	for i, d := range e.diags {
		out[i] = Diagnostic{Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			out[i].File = d.Subject.Filename
			out[i].Line = d.Subject.Start.Line
			out[i].Column = d.Subject.Start.Column
			out[i].Snippet = e.line(d.Subject)
		}
	}
	return out
}

// maxSnippet bounds the lines that are shown.
const maxSnippet = 200

// line returns the line at which a diagnostic begins.
func (e *Error) line(at *hcl.Range) string {
	f := e.files[at.Filename]
	if f == nil || at.Start.Byte > len(f.Bytes) {
		return ""
	}
	start := bytes.LastIndexByte(f.Bytes[:at.Start.Byte], '\n') + 1
	line, _, _ := bytes.Cut(f.Bytes[start:], []byte{'\n'})
	return strings.ToValidUTF8(strings.TrimSpace(string(line[:min(len(line), maxSnippet)])), "?")
}

// harmless replaces what could move the cursor of a terminal or change its colours.
// Every byte keeps its place.
func harmless(text []byte) []byte {
	out := bytes.Clone(text)
	for i := 0; i < len(out); {
		r, n := utf8.DecodeRune(out[i:])
		if r != '\n' && r != '\t' && r != '\r' && !unicode.IsPrint(r) || r == utf8.RuneError && n == 1 {
			for j := range n {
				out[i+j] = '?'
			}
		}
		i += n
	}
	return out
}

// WriteText writes every diagnostic with the lines that it is about, wrapped to
// width columns unless that is zero, and coloured for a terminal if asked.
func (e *Error) WriteText(w io.Writer, width uint, color bool) error {
	files := make(map[string]*hcl.File, len(e.files))
	for name, f := range e.files {
		shown := *f
		shown.Bytes = harmless(f.Bytes)
		files[name] = &shown
	}
	diags := make(hcl.Diagnostics, len(e.diags))
	for i, d := range e.diags {
		shown := *d
		shown.Summary, shown.Detail = string(harmless([]byte(d.Summary))), string(harmless([]byte(d.Detail)))
		diags[i] = &shown
	}
	return hcl.NewDiagnosticTextWriter(w, files, width, color).WriteDiagnostics(diags)
}
