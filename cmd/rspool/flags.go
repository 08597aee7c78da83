package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rspool/rspool/internal/suggest"
)

// A choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }
func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		hint := ""
		if n := suggest.Nearest(s, c.allowed); n != "" {
			hint = fmt.Sprintf("; did you mean %q?", n)
		}
		return fmt.Errorf("want %s%s", strings.Join(c.allowed, ", "), hint)
	}
	*c.value = s
	return nil
}

// assignments are a flag of the form NAME=VALUE that may be repeated.
type assignments map[string]string

func (a assignments) String() string { return "" }
func (a assignments) Type() string   { return "NAME=VALUE" }
func (a assignments) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	if _, ok := a[name]; ok {
		return fmt.Errorf("%s is set twice", name)
	}
	a[name] = value
	return nil
}

// A portFlag is a flag that takes a port number, or the word "any" for a free
// one.
type portFlag struct {
	port *int
	free int // what "any" becomes
}

func (p portFlag) String() string {
	switch *p.port {
	case p.free:
		return "any"
	case 0:
		return ""
	}
	return strconv.Itoa(*p.port)
}

func (p portFlag) Type() string { return "port" }
func (p portFlag) Set(s string) error {
	if s == "any" {
		*p.port = p.free
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("want a port from 1 to 65535, or \"any\" for a free one")
	}
	*p.port = int(n)
	return nil
}

// A textFlag is a flag whose text is understood by parse and given back by
// format.
type textFlag[T any] struct {
	value  *T
	kind   string
	parse  func(string) (T, error)
	format func(T) string
}

func (f textFlag[T]) String() string {
	if f.value == nil {
		return ""
	}
	return f.format(*f.value)
}
func (f textFlag[T]) Type() string { return f.kind }
func (f textFlag[T]) Set(s string) error {
	v, err := f.parse(s)
	if err == nil {
		*f.value = v
	}
	return err
}
