package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rspool/rspool/lua"
)

// maxScript is what is read of a script; package lua refuses less.
const maxScript = 1 << 20

// Compile reads and loads the scripts of all Lua policies, which sets their
// Program. Loading runs each file once, within its budget. What a script logs
// goes to log, with the policy's reference, then and later; it may be nil.
//
// The error is an *Error, which shows the scripts' own lines.
func (c *Config) Compile(log func(reference string, level lua.Level, text string)) error {
	r := c.late()
	for i := range c.Policies {
		if p := &c.Policies[i]; p.Kind == Lua {
			r.compile(p, log)
		}
	}
	if r.diags.HasErrors() {
		return newError(r)
	}
	return nil
}

// late returns a reader for complaints about what was read already.
func (c *Config) late() *reader {
	r := *c.reader
	r.diags = nil
	return &r
}

// behind is late for problems that follow those of err, if it has any.
func (c *Config) behind(err error) *reader {
	r := c.late()
	var before *Error
	if errors.As(err, &before) {
		r.diags = before.diags
	}
	return r
}

func (r *reader) compile(p *Policy, log func(string, lua.Level, string)) {
	text, err := readScript(p.Source)
	if err != nil {
		r.fail(p.place("source"), "Unreadable script", sentence(err))
		return
	}
	if sum := sha256.Sum256(text); p.SHA256 != "" && p.SHA256 != hex.EncodeToString(sum[:]) {
		r.fail(p.place("sha256"), "Wrong checksum", fmt.Sprintf("The file %s has the checksum %x. If its change is meant, write that.", p.Source, sum))
		return
	}
	opt := lua.Options{File: p.Source, Config: p.Config, Limits: p.Limits, Location: p.Timezone}
	if reference := p.Reference(); log != nil {
		opt.Log = func(level lua.Level, text string) { log(reference, level, text) }
	}
	if p.Program, err = lua.Load(p.Reference(), string(text), opt); err != nil {
		r.script(p, text, "Unsuitable script", err)
	}
}

// LoadScript loads one script that no block names, with the settings given. The error
// is an *Error where the script is at fault.
func LoadScript(file string, settings map[string]any) (*Policy, error) {
	text, err := readScript(file)
	if err != nil {
		return nil, err
	}
	p := &Policy{Kind: Lua, Name: strings.TrimSuffix(filepath.Base(file), ".lua"), Source: file, Config: settings}
	p.at = lineRange(file, text, 1) // for what belongs to no line
	if p.Program, err = lua.Load(p.Reference(), string(text), lua.Options{File: file, Config: settings}); err != nil {
		r := newReader(Options{})
		r.parser.AddFile(file, &hcl.File{Bytes: text})
		r.script(p, text, "Unsuitable script", err)
		return nil, newError(r)
	}
	return p, nil
}

// ParseValue reads a value as files have it: a number, a list, text in quotation
// marks. A word that is none of these is text.
func ParseValue(s string) (any, error) {
	if d := checkNesting([]byte(s), "value"); d != nil {
		return nil, errors.New(d.Detail)
	}
	expr, diags := hclsyntax.ParseExpression([]byte(s), "value", hcl.InitialPos)
	if diags.HasErrors() {
		return s, nil
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || !v.IsWhollyKnown() || !finite(v) {
		return s, nil
	}
	return plain(v), nil
}

func readScript(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return io.ReadAll(io.LimitReader(f, maxScript))
}

// script complains about a script, at its own line where there is one.
func (r *reader) script(p *Policy, text []byte, summary string, err error) {
	var e *lua.Error
	if !errors.As(err, &e) || e.Line == 0 {
		if e != nil {
			err = errors.New(e.Message) // the place names the file
		}
		r.fail(p.place("source"), summary, sentence(err))
		return
	}
	r.parser.AddFile(p.Source, &hcl.File{Bytes: text})
	// The message may begin with the name of a function, which keeps its case.
	detail := sentence(errors.New(e.Message))
	r.fail(lineRange(p.Source, text, e.Line), summary, e.Message[:1]+detail[1:])
}

// lineRange is what stands on a line, without the space around it.
func lineRange(file string, text []byte, line int) hcl.Range {
	start := 0
	for n := 1; n < line; n++ {
		i := strings.IndexByte(string(text[start:]), '\n')
		if i < 0 {
			break
		}
		start += i + 1
	}
	end := len(text)
	if i := strings.IndexByte(string(text[start:]), '\n'); i >= 0 {
		end = start + i
	}
	content := string(text[start:end])
	first := len(content) - len(strings.TrimLeft(content, " \t"))
	last := max(first, len(strings.TrimRight(content, " \t\r")))
	at := func(column int) hcl.Pos { return hcl.Pos{Line: line, Column: column + 1, Byte: start + column} }
	return hcl.Range{Filename: file, Start: at(first), End: at(last)}
}

// place is where an attribute of the policy's block stands, else the block.
func (p *Policy) place(name string) hcl.Range {
	if at, ok := p.places[name]; ok {
		return at
	}
	return p.at
}

// Refuse adds a complaint about a policy to an error, nil for the first one: what
// shows at work, such as tests that fail. It stands where the policy's source or
// block does.
func (c *Config) Refuse(err error, reference, summary, detail string) error {
	r := c.behind(err)
	for i := range c.Policies {
		if p := &c.Policies[i]; p.Reference() == reference {
			r.fail(p.place("source"), summary, detail)
		}
	}
	return newError(r)
}

// With returns a copy of c in which the policies that p contains replace those of
// the same references.
func (c *Config) With(p ...Policy) *Config {
	n := *c
	n.Policies = slices.Clone(c.Policies)
	for _, q := range p {
		for i := range n.Policies {
			if n.Policies[i].Reference() == q.Reference() {
				n.Policies[i] = q
			}
		}
	}
	return &n
}

// Only returns a copy of c with the policies of those references, and the plugins
// that these need, alone.
func (c *Config) Only(references ...string) *Config {
	n := *c
	n.Policies, n.Plugins = nil, nil
	for _, p := range c.Policies {
		if slices.Contains(references, p.Reference()) {
			n.Policies = append(n.Policies, p)
		}
	}
	for _, b := range c.Plugins {
		if slices.ContainsFunc(n.Policies, func(p Policy) bool { return p.Kind == Plugin && p.Plugin == b.Name }) {
			n.Plugins = append(n.Plugins, b)
		}
	}
	return &n
}
