// Package lua runs selection policies written as Lua scripts. It loads a file,
// checks it, and behaves as an engine policy whose functions the script brings,
// with budgets for instructions and memory.
//
// It is not a boundary against those who mean harm: it protects a registrar from
// mistakes and from mildly hostile scripts. What is not trusted belongs into a
// plugin, a process of its own. It reads no files, looks at no clock and starts
// nothing.
package lua

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/yuin/gopher-lua/parse"

	vm "github.com/yuin/gopher-lua"
)

// Limits bound what a script may use.
type Limits struct {
	// Instructions of one call of a function. If zero, 20,000.
	Instructions int
	// LoadInstructions, to run the file. If zero, 2,000,000.
	LoadInstructions int
	// TestInstructions of all calls in one test case. If zero, 2,000,000.
	TestInstructions int
	// Memory in bytes that a policy may hold in one pool. If zero, 16 MiB.
	Memory int64
	// String is the length of a string in bytes. If zero, 64 KiB.
	String int
}

func (l Limits) filled() Limits {
	for _, d := range []struct {
		limit   *int
		instead int
	}{
		{&l.Instructions, 20_000},
		{&l.LoadInstructions, 2_000_000},
		{&l.TestInstructions, 2_000_000},
		{&l.String, 64 << 10},
	} {
		if *d.limit <= 0 {
			*d.limit = d.instead
		}
	}
	if l.Memory <= 0 {
		l.Memory = 16 << 20
	}
	return l
}

// Options say what a script finds around it. The zero value works.
type Options struct {
	// File is how messages call the file. If "", the policy's name with .lua.
	File string
	// Config becomes the global config: maps by string, lists, strings, numbers
	// and booleans.
	Config map[string]any
	// Limits bound what the script may use.
	Limits Limits
	// Location is the timezone of hour, minute and weekday. If nil, UTC.
	Location *time.Location
	// Log takes the lines that the script logs, already limited in number. It
	// is called from the goroutines that use the policy. If nil, they are lost.
	Log func(level Level, text string)
}

// Program is a loaded policy. It does not change, so that any number of pools and
// goroutines may share it; each pool opens an instance of its own.
type Program struct {
	name     string
	source   *source
	hash     [sha256.Size]byte
	options  Options
	limits   Limits
	proto    *vm.FunctionProto
	analysis *analysis // until the file is loaded
	rules
}

// Load checks a policy file and runs it once. The name is the policy's. The error
// is an *Error that says where and why.
func Load(name, text string, o Options) (*Program, error) {
	if o.File == "" {
		o.File = name + ".lua"
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	p := &Program{
		name:    name,
		source:  &source{file: o.File, text: text},
		hash:    sha256.Sum256([]byte(text)),
		options: o,
		limits:  o.Limits.filled(),
	}
	if e := p.source.check(); e != nil {
		return nil, e
	}
	if e := p.compile(); e != nil {
		return nil, e
	}
	// The numbers that the file may draw while it is loaded are arbitrary.
	random := rand.New(rand.NewPCG(0, 0))
	s, e := newState(p, o.Config, random, nil, nil)
	if e != nil {
		return nil, cmp.Or(p.analysis.unset, e) // the cause, rather than what it led to
	}
	if e := cmp.Or(p.read(s.policy), p.analysis.unset); e != nil {
		return nil, e
	}
	p.analysis.drawn, p.analysis.shown = s.meter.host.drawn, join(elementInputs, p.tags)
	p.purify(s)
	p.analysis = nil
	return p, nil
}

// compile parses the file twice: the guard changes one tree, and the interpreter's
// compiler too; the other stays as it was written.
func (p *Program) compile() (e *Error) {
	defer func() {
		if r := recover(); r != nil {
			e = p.source.errorf(0, "the file can not be compiled: %s", printable(fmt.Sprint(r), maxMessage))
		}
	}()
	stmts, err := parse.Parse(strings.NewReader(p.source.text), p.source.file)
	if err != nil {
		return p.source.convert(err)
	}
	written, err := parse.Parse(strings.NewReader(p.source.text), p.source.file)
	if err != nil {
		return p.source.convert(err)
	}
	p.proto, err = vm.Compile(guarded(stmts), p.source.file)
	if err != nil {
		return p.source.convert(err)
	}
	if e := p.trim(p.proto); e != nil {
		return e
	}
	p.analysis = analyse(written, p.options.Config)
	p.analysis.pair(written, p.proto.FunctionPrototypes[0])
	p.analysis.unset = p.unset(written)
	return nil
}

// trim gives back what the interpreter's compiler sets aside for each function,
// which is some 16 KiB.
func (p *Program) trim(f *vm.FunctionProto) *Error {
	if n := len(f.DbgUpvalues); n > 200 {
		return p.source.errorf(f.LineDefined, "a function uses %d variables from around it, more than 200", n)
	}
	f.Code = slices.Clone(f.Code)
	f.Constants = slices.Clone(f.Constants)
	f.DbgSourcePositions = slices.Clone(f.DbgSourcePositions)
	f.DbgLocals = slices.Clone(f.DbgLocals)
	f.DbgCalls = slices.Clone(f.DbgCalls)
	f.DbgUpvalues = slices.Clone(f.DbgUpvalues)
	f.FunctionPrototypes = slices.Clone(f.FunctionPrototypes)
	for _, inner := range f.FunctionPrototypes {
		if e := p.trim(inner); e != nil {
			return e
		}
	}
	return nil
}

// purify compiles the functions that can be.
func (p *Program) purify(s *state) {
	for _, h := range []hookID{keyHook, weightHook, filterHook} {
		b := p.functions[h]
		if b == nil {
			continue
		}
		f := s.policy.RawGetString(b.hook.name).(*vm.LFunction)
		b.pure, b.reason = purify(p.analysis, f, b.inputs, b.hook.name == "filter", p.limits.Instructions)
	}
	p.simple = p.form == byKey || p.form == byWeight
	for h, b := range p.functions {
		if b == nil {
			continue
		}
		p.interpreted = p.interpreted || b.pure == nil
		p.simple = p.simple && hookID(h) == p.form.hook() && b.pure != nil && b.pure.total
	}
}

// Name returns the policy's name.
func (p *Program) Name() string { return p.name }

// Hash returns the SHA-256 of the file in hexadecimal digits.
func (p *Program) Hash() string { return hex.EncodeToString(p.hash[:]) }

// Version returns the first twelve digits of Hash, by which people tell two
// versions of a file apart.
func (p *Program) Version() string { return p.Hash()[:12] }

// File returns how messages call the file.
func (p *Program) File() string { return p.source.file }
