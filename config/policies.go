package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/lua"
)

// The kinds of policies, which are the first part of a reference.
const (
	Builtin = "builtin"
	Lua     = "lua"
	Plugin  = "plugin"
)

// maxDefinitions bounds the policy blocks, and the plugin blocks.
const maxDefinitions = 1000

// Policy is a policy block: a selection policy and the name by which pools and
// users refer to it.
type Policy struct {
	Kind string // Builtin, Lua or Plugin
	Name string

	// Source is the script's file.
	Source string
	// SHA256 is the checksum that the file must have, in hexadecimal digits. If
	// empty, any.
	SHA256 string
	// Timezone is where the script's hour, minute and weekday are. If nil, UTC.
	Timezone *time.Location
	Limits   lua.Limits
	// Program is the compiled script, once Compile was called.
	Program *lua.Program

	// Plugin names the plugin block, Offer the policy of that plugin.
	Plugin, Offer string

	// Config is the config block: strings, booleans, float64, []any and
	// map[string]any by name.
	Config map[string]any

	settings free
	at       hcl.Range            // the block
	places   map[string]hcl.Range // of the attributes
}

// Reference is how pools and users call the policy, as in "lua.energy".
func (p *Policy) Reference() string { return p.Kind + "." + p.Name }

func (p *Policy) path() string { return "policy " + p.Kind + " " + p.Name }

func (p *Policy) block() block {
	b := block{name: "policy", labels: []string{"kind", "name"}, sample: []string{p.Kind, "NAME"}}
	config := block{name: "config", free: &p.settings}
	switch p.Kind {
	case Lua:
		config.doc = "What the script sees as config."
		b.sample[1] = "energy"
		b.doc = "A selection policy written in Lua; see docs/lua-policies.md. Pools refer to it as \"lua.NAME\"."
		b.fields = []field{
			{name: "source", example: `"energy.lua"`, doc: "The script's file. A relative name counts from policy_dir, else from the folder of this file. It may not be absent.", value: name(&p.Source)},
			{name: "sha256", example: `"` + strings.Repeat("5f0c", 16) + `"`, doc: "The checksum that the file must have. If absent, any will do.", value: checksum(&p.SHA256)},
			{name: "timezone", def: `"UTC"`, doc: "Where hour, minute and weekday are, as in \"Europe/Berlin\".", value: timezone(&p.Timezone)},
		}
		b.blocks = []block{config, limitsBlock(&p.Limits)}
	case Plugin:
		config.doc = "What the plugin's policy is told. It is checked against what the plugin says of itself."
		b.sample[1] = "greenest"
		b.doc = "A selection policy that a plugin computes; see docs/plugins.md. Pools refer to it as \"plugin.NAME\"."
		b.fields = []field{
			{name: "plugin", example: `"carbon"`, doc: "The name of a plugin block. If absent, that of this block.", value: name(&p.Plugin)},
			{name: "policy", example: `"greenest"`, doc: "Which of the plugin's policies. If absent, the one of this block's name, or the only one.", value: name(&p.Offer)},
		}
		b.blocks = []block{config}
	default:
		config.doc = "Nothing: built-in policies have no settings."
		b.sample[1] = "least-used"
		b.doc = "A built-in selection policy. It needs no block; one that is there must be empty."
		b.blocks = []block{config}
	}
	return reloaded(b)
}

func limitsBlock(l *lua.Limits) block {
	return block{
		name: "limits",
		doc:  "What the script may take. They protect against mistakes, not against attackers.",
		fields: []field{
			{name: "instructions", def: "20000", doc: "Instructions of one call of a function.", value: integer(&l.Instructions, 100, 10_000_000)},
			{name: "load_instructions", def: "2000000", doc: "Instructions for running the file itself.", value: integer(&l.LoadInstructions, 1000, 100_000_000)},
			{name: "memory", def: "16777216", doc: "Bytes that it may keep for one pool, as a number or as in \"16MiB\".", value: size(&l.Memory, 64<<10, 1<<30)},
			{name: "string", def: "65536", doc: "Bytes of the longest string, as a number or as in \"64KiB\".", value: size(&l.String, 64, 1<<20)},
		},
	}
}

// reloaded marks everything in b as taken over by a running registrar.
func reloaded(b block) block {
	for i := range b.fields {
		b.fields[i].live = true
	}
	for i := range b.blocks {
		b.blocks[i] = reloaded(b.blocks[i])
	}
	return b
}

// readPolicies decodes the policy blocks.
func (r *reader) readPolicies(c *Config, blocks hcl.Blocks) {
	if len(blocks) > maxDefinitions {
		r.fail(blocks[maxDefinitions].DefRange, "Too many policy blocks", fmt.Sprintf("A configuration may have %d of them.", maxDefinitions))
		return
	}
	first := map[string]hcl.Range{}
	kinds := []string{Builtin, Lua, Plugin}
	for _, b := range blocks {
		p := Policy{Kind: b.Labels[0], Name: b.Labels[1], at: b.DefRange}
		if !slices.Contains(kinds, p.Kind) {
			r.fail(b.LabelRanges[0], "Unknown kind of policy", sentence(fmt.Errorf("%s is not one of %s%s", quote(p.Kind), quoteAll(kinds), didYouMean(p.Kind, kinds))))
			continue
		}
		if at, ok := first[p.Reference()]; ok {
			r.fail(b.DefRange, "Duplicate policy block", fmt.Sprintf("Policy %s has a block at %s already. Rename one.", quote(p.Reference()), place(at)))
			continue
		}
		first[p.Reference()] = b.DefRange
		if err := checkName(p.Name); err != nil {
			r.fail(b.LabelRanges[1], "Unsuitable name", sentence(err))
			continue
		}
		r.readPolicy(c, &p, b)
		c.Policies = append(c.Policies, p)
	}
}

func (r *reader) readPolicy(c *Config, p *Policy, b *hcl.Block) {
	table := p.block()
	r.read(&table, b.Body, p.path())
	p.places = places(b.Body, &table)
	p.Config = p.settings.plain()
	switch p.Kind {
	case Lua:
		if p.Source == "" {
			r.missing(b, p.places, "source", `Name the script's file, as in source = "energy.lua"; write one with: rspool policy new energy`)
		} else {
			p.Source = r.locate(p.Source, c.Registrar.PolicyDir, b)
		}
	case Plugin:
		if p.Plugin == "" {
			p.Plugin = p.Name
		}
		var names []string
		for i := range c.Plugins {
			names = append(names, c.Plugins[i].Name)
		}
		if !slices.Contains(names, p.Plugin) {
			at, ok := p.places["plugin"]
			if !ok {
				at = b.DefRange
			}
			r.fail(at, "Unknown plugin", sentence(fmt.Errorf("no plugin block is called %s%s", quote(p.Plugin), didYouMean(p.Plugin, names))))
		}
	case Builtin:
		if names := builtinNames(); !slices.Contains(names, p.Name) {
			r.fail(b.LabelRanges[1], "Unknown policy", sentence(fmt.Errorf("there is no built-in policy %s%s", quote(p.Name), didYouMean(p.Name, names))))
		}
		if len(p.settings.values) > 0 {
			n := p.settings.names()[0]
			r.fail(p.settings.places[n], "Unsupported argument", "Built-in policies have no settings; what they look at is what elements register.")
		}
	}
}

// missing complains of an attribute that must be there, unless it is there and
// was complained about.
func (r *reader) missing(b *hcl.Block, places map[string]hcl.Range, name, remedy string) {
	if _, ok := places[name]; !ok {
		r.fail(b.DefRange, "Missing attribute", fmt.Sprintf("This block needs %s. %s.", name, remedy))
	}
}

// places returns where the attributes of a block stand, for complaints about
// values that are found to be wrong later.
func places(body hcl.Body, b *block) map[string]hcl.Range {
	content, _, _ := body.PartialContent(b.schema()) // what is wrong was said
	m := map[string]hcl.Range{}
	if content != nil {
		for name, attr := range content.Attributes {
			m[name] = attr.Expr.Range()
		}
	}
	return m
}

// locate makes a path of a file's name: a relative one counts from folder, or
// from that of the file in which the block stands.
func (r *reader) locate(file, folder string, b *hcl.Block) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	if folder == "" {
		folder = filepath.Dir(b.DefRange.Filename)
	}
	return filepath.Join(folder, file)
}

// locateFolders has the folders of the registrar block count from that of its file.
func (r *reader) locateFolders(c *Registrar, b *hcl.Block) {
	for _, folder := range []*string{&c.PolicyDir, &c.PluginDir} {
		if *folder != "" {
			*folder = r.locate(*folder, "", b)
		}
	}
}

// checkName refuses names that would not do in references and on command lines.
func checkName(s string) error {
	good := s != "" && len(s) <= 64 && s[0] != '-'
	for _, c := range s {
		good = good && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if !good {
		return fmt.Errorf("%s is not a name: use 1 to 64 letters, digits, _ and -", quote(s))
	}
	return nil
}

// checksum is a SHA-256 in hexadecimal digits.
func checksum(s *string) value {
	return parsed("checksum", s,
		func(text string) (string, error) {
			t := strings.ToLower(text)
			if len(t) != 64 || strings.Trim(t, "0123456789abcdef") != "" {
				return "", fmt.Errorf("%s is not a SHA-256 checksum, which has 64 hexadecimal digits; sha256sum FILE prints it", quote(text))
			}
			return t, nil
		},
		func(s string) string { return s })
}

// timezone is a name of the IANA database.
func timezone(l **time.Location) value {
	return parsed("time zone", l,
		func(s string) (*time.Location, error) {
			if s == "UTC" {
				return nil, nil
			}
			zone, err := time.LoadLocation(s)
			if err != nil || s == "" || s == "Local" {
				return nil, fmt.Errorf("%s is not a time zone; write one as in \"Europe/Berlin\"", quote(s))
			}
			return zone, nil
		},
		func(l *time.Location) string {
			if l == nil {
				return "UTC"
			}
			return l.String()
		})
}

// builtinNames are the names of the built-in policies.
func builtinNames() []string {
	var names []string
	for _, p := range builtin.All() {
		names = append(names, p.Describe().Name)
	}
	return names
}
