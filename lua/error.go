package lua

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/parse"

	vm "github.com/yuin/gopher-lua"
)

// Error says what is wrong with a policy file, and where.
type Error struct {
	File    string
	Line    int    // 0 where the error belongs to no line
	Text    string // the line itself, "" without one
	Message string // ends in what to try where there is something
}

// Error returns file, line and message in one line.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Snippet returns the line with its number in front, indented, and "" where the
// error belongs to no line.
func (e *Error) Snippet() string {
	if e.Text == "" {
		return ""
	}
	return fmt.Sprintf("%6d | %s", e.Line, e.Text)
}

// maxMessage bounds what a script can make us print.
const maxMessage = 400

// source is a policy file as it was read.
type source struct {
	file string
	text string
}

// line returns line n, without what does not belong on a terminal.
func (s *source) line(n int) string {
	rest := s.text
	for ; n > 1; n-- {
		_, after, found := strings.Cut(rest, "\n")
		if !found {
			return ""
		}
		rest = after
	}
	first, _, _ := strings.Cut(rest, "\n")
	return printable(strings.TrimRight(first, " \t\r"), 160)
}

func (s *source) errorf(line int, format string, args ...any) *Error {
	e := &Error{File: s.file, Line: line, Message: fmt.Sprintf(format, args...)}
	if line > 0 {
		e.Text = s.line(line)
	}
	return e
}

// printable returns s in at most n bytes, without control characters.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + " ..."
	}
	return s
}

// place is the prefix that the interpreter gives its messages.
var place = regexp.MustCompile(`^[^\n]*?:(\d+): *`)

// convert makes an Error of what the parser, the compiler or the interpreter says.
func (s *source) convert(err error) *Error {
	var syntax *parse.Error
	var compile *vm.CompileError
	var run *vm.ApiError
	switch {
	case errors.As(err, &syntax):
		line := syntax.Pos.Line
		if line == parse.EOF {
			return s.errorf(strings.Count(s.text, "\n")+1, "the file ends too early: is an end or a bracket missing?")
		}
		if syntax.Token == "" {
			return s.errorf(line, "%s", printable(syntax.Message, maxMessage))
		}
		return s.errorf(line, "%s near %q", printable(syntax.Message, maxMessage), printable(syntax.Token, 40))
	case errors.As(err, &compile):
		return s.errorf(compile.Line, "%s", printable(compile.Message, maxMessage))
	case errors.As(err, &run):
		if _, ok := run.Object.(*vm.LTable); ok {
			return s.errorf(0, "error with a table for a message: use a string")
		}
		e := s.located(run.Object.String())
		if e.Line == 0 {
			if m := traced.FindStringSubmatch(run.StackTrace); m != nil {
				e.Line, _ = strconv.Atoi(m[1])
				e.Text = s.line(e.Line)
			}
		}
		return e
	}
	return s.located(err.Error())
}

// traced is the first line of the file in a trace of the interpreter.
var traced = regexp.MustCompile(`(?m)^\t[^\n]*?:(\d+): in `)

// located takes the line out of a message of the interpreter.
func (s *source) located(message string) *Error {
	line := 0
	if strings.HasPrefix(message, s.file+":") {
		rest := message[len(s.file):]
		if m := place.FindStringSubmatch(rest); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = rest[len(m[0]):]
		}
	}
	return s.errorf(line, "%s", printable(strings.TrimSpace(message), maxMessage))
}
