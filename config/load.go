package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
)

// maxFiles bounds how many files make one configuration.
const maxFiles = 1000

// Load reads the files named by paths, together, as if they were one. A path
// that is a folder stands for the files in it, not below it: *.hcl, then
// *.hcl.json, each in lexical order. Without any path Load returns Default.
//
// The error is an *Error where a file is at fault.
func Load(paths []string, opt Options) (*Config, error) {
	names, err := expand(paths)
	if err != nil {
		return nil, err
	}
	r := newReader(opt)
	for _, name := range names {
		src, err := readFile(name)
		if err != nil {
			return nil, err
		}
		r.parse(name, src)
	}
	c, err := r.finish(opt)
	if err == nil {
		c.Paths = paths
	}
	return c, err
}

// Parse reads one text as if it were the file of that name, which decides about
// the form (*.json is JSON) and where file("x") looks.
func Parse(name string, src []byte, opt Options) (*Config, error) {
	if len(src) > MaxFileSize {
		return nil, tooLarge(name)
	}
	r := newReader(opt)
	r.parse(name, src)
	return r.finish(opt)
}

// expand turns folders into the files in them.
func expand(paths []string) ([]string, error) {
	var names []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w; write a starting file with: rspool config init %s", err, path)
		}
		if !info.IsDir() {
			names = append(names, filepath.Clean(path))
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		found := len(names)
		for _, suffix := range []string{".hcl", ".hcl.json"} {
			for _, e := range entries { // in lexical order
				if strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
					names = append(names, filepath.Join(path, e.Name()))
				}
			}
		}
		if len(names) == found {
			return nil, fmt.Errorf("read configuration: folder %s holds no *.hcl or *.hcl.json file", path)
		}
	}
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return nil, fmt.Errorf("read configuration: %s is named twice", n)
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("read configuration: %d files exceed the limit of %d", len(names), maxFiles)
	}
	return names, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(src) > MaxFileSize {
		return nil, tooLarge(name)
	}
	return src, nil
}

func tooLarge(name string) error {
	return fmt.Errorf("read configuration: %s is larger than 1 MiB; divide it into several files in a folder", name)
}

// A reader makes one Config of files.
type reader struct {
	parser *hclparse.Parser
	bodies []*hcl.File
	eval   *evaluator
	diags  hcl.Diagnostics
	masked map[string]bool
	files  []string
}

func newReader(opt Options) *reader {
	env := opt.Env
	if env == nil {
		env = os.LookupEnv
	}
	return &reader{
		parser: hclparse.NewParser(),
		masked: map[string]bool{},
		eval: &evaluator{
			files:     map[string]*hcl.File{},
			env:       env,
			variables: map[string]cty.Value{},
			locals:    map[string]cty.Value{},
			contexts:  map[string]*hcl.EvalContext{},
			included:  map[string]bool{},
		},
	}
}

// parse adds one file. What is wrong with it is told by finish.
func (r *reader) parse(name string, src []byte) {
	isJSON := strings.HasSuffix(name, ".json")
	check := checkNesting
	if isJSON {
		check = checkJSONNesting
	}
	r.files = append(r.files, name)
	if d := check(src, name); d != nil {
		r.parser.AddFile(name, &hcl.File{Bytes: src}) // for the snippet
		r.diags = append(r.diags, d)
		return
	}
	parse := r.parser.ParseHCL
	if isJSON {
		if len(strings.TrimSpace(string(src))) == 0 {
			return // an empty file means defaults in either form
		}
		parse = r.parser.ParseJSON
	}
	f, diags := parse(src, name)
	explainHex(src, diags)
	r.diags = append(r.diags, diags...)
	if f != nil && f.Body != nil && !diags.HasErrors() {
		r.bodies = append(r.bodies, f)
		r.eval.files[name] = f
	}
}

// explainHex adds what is behind a strange message: HCL takes 0x17 for the number
// 0 and then a name.
func explainHex(src []byte, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Subject == nil || d.Subject.Start.Byte > len(src) {
			continue
		}
		line := src[bytes.LastIndexByte(src[:d.Subject.Start.Byte], '\n')+1 : d.Subject.Start.Byte]
		if _, value, ok := bytes.Cut(line, []byte{'='}); ok && string(bytes.TrimSpace(value)) == "0" {
			d.Detail += " There are no hexadecimal numbers: write identifiers as strings, as in \"0x2f1a93c4\"."
		}
	}
}

// finish decodes what was parsed.
func (r *reader) finish(opt Options) (*Config, error) {
	c := &Config{Files: r.files, masked: r.masked, reader: r}
	defer func() { c.Included = slices.Sorted(maps.Keys(r.eval.included)) }()
	if !r.diags.HasErrors() {
		r.decode(c, opt)
	}
	if r.diags.HasErrors() {
		return nil, newError(r)
	}
	return c, nil
}

// decode sets c from the parsed files.
func (r *reader) decode(c *Config, opt Options) {
	schema := new(hcl.BodySchema)
	for _, b := range c.blocks() {
		schema.Blocks = append(schema.Blocks, b.header())
	}
	schema.Blocks = append(schema.Blocks,
		hcl.BlockHeaderSchema{Type: "pool", LabelNames: []string{"pattern"}},
		hcl.BlockHeaderSchema{Type: "policy", LabelNames: []string{"kind", "name"}},
		hcl.BlockHeaderSchema{Type: "plugin", LabelNames: []string{"name"}},
		hcl.BlockHeaderSchema{Type: "variable", LabelNames: []string{"name"}},
		hcl.BlockHeaderSchema{Type: "locals"})
	content, diags := hcl.MergeFiles(r.bodies).Content(schema)
	r.diags = append(r.diags, diags...)
	if content == nil {
		return
	}
	before := len(r.diags)
	r.readVariables(content.Blocks.OfType("variable"), opt.Variables)
	r.readLocals(content.Blocks.OfType("locals"))
	if r.diags[before:].HasErrors() {
		return // the rest would only echo what is wrong with these
	}
	c.known = newReferences(opt.Policies, content.Blocks.OfType("policy"))
	singles := c.blocks()
	for i := range singles {
		b := &singles[i]
		if found := r.single(b.name, content.Blocks.OfType(b.name)); found != nil {
			r.read(b, found.Body, b.name)
			if b.name == "registrar" {
				r.locateFolders(&c.Registrar, found)
			}
		}
	}
	r.readPlugins(c, content.Blocks.OfType("plugin"))
	r.readPolicies(c, content.Blocks.OfType("policy"))
	r.readPools(c, content.Blocks.OfType("pool"))
}

// fail adds an error at a place.
func (r *reader) fail(at hcl.Range, summary, detail string) {
	r.diags = append(r.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
}
