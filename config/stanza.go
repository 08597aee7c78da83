package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins"
)

// PluginStanza writes the plugin block of a plugin, and a policy block for each
// policy that it says it has: what is required is there to be filled in, the rest
// stands in comments. The settings are for the policy that they name; nil is fine.
func PluginStanza(p *plugins.Config, d *plugins.Description, settings map[string]map[string]any) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\nplugin %s {\n", d.Name, d.Version, text(p.Name))
	fmt.Fprintf(&b, "command = %s\nsha256 = %s\n", text(p.Command), text(p.SHA256))
	if len(p.Args) > 0 {
		fmt.Fprintf(&b, "args = %s\n", literal(tuple(p.Args)))
	}
	if len(p.Env) > 0 {
		env := make(map[string]any, len(p.Env))
		for k, v := range p.Env {
			env[k] = v
		}
		fmt.Fprintf(&b, "env = %s\n", literal(ctyOf(env)))
	}
	if p.NoMTLS {
		b.WriteString("auto_mtls = false\n")
	}
	b.WriteString("}\n")
	for i := range d.Policies {
		o := &d.Policies[i]
		b.WriteByte('\n')
		if o.Summary != "" {
			fmt.Fprintf(&b, "# %s\n", o.Summary)
		}
		fmt.Fprintf(&b, "policy \"plugin\" %s {\n", text(o.Name))
		if p.Name != o.Name {
			fmt.Fprintf(&b, "plugin = %s\n", text(p.Name))
			if len(o.Schema) > 0 {
				b.WriteByte('\n')
			}
		}
		writeSettings(&b, o.Schema, settings[o.Name])
		b.WriteString("}\n")
	}
	return hclwrite.Format([]byte(b.String()))
}

func writeSettings(b *strings.Builder, schema plugins.Schema, given map[string]any) {
	if len(schema) == 0 && len(given) == 0 {
		return
	}
	b.WriteString("config {\n")
	for i, a := range schema {
		if i > 0 {
			b.WriteByte('\n')
		}
		if a.Help != "" {
			fmt.Fprintf(b, "# %s\n", a.Help)
		}
		v, ok := given[a.Name]
		switch {
		case ok:
			fmt.Fprintf(b, "%s = %s\n", a.Name, literal(ctyOf(v)))
		case a.Required:
			fmt.Fprintf(b, "%s = null # required: a %s\n", a.Name, a.Type)
		case a.Default != nil:
			fmt.Fprintf(b, "# %s = %s\n", a.Name, literal(ctyOf(a.Default)))
		default:
			fmt.Fprintf(b, "# %s = a %s\n", a.Name, a.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(schema, func(a plugins.Attribute) bool { return a.Name == name }) {
			fmt.Fprintf(b, "%s = %s\n", name, literal(ctyOf(given[name]))) // the plugin will complain
		}
	}
	b.WriteString("}\n")
}

func text(s string) string { return literal(cty.StringVal(s)) }

func tuple(l []string) cty.Value {
	vals := make([]cty.Value, len(l))
	for i, s := range l {
		vals[i] = cty.StringVal(s)
	}
	return cty.TupleVal(vals)
}

// ScriptStanza writes the policy block of a script.
func ScriptStanza(name, file string, settings map[string]any) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "policy \"lua\" %s {\nsource = %s\n\n", text(name), text(file))
	writeSettings(&b, nil, settings)
	b.WriteString("}\n")
	return hclwrite.Format([]byte(b.String()))
}

// PoolStanza writes a pool block that chooses a policy. The pattern is a handle, or
// has wildcards.
func PoolStanza(pattern, policy string, wire rserpool.PolicyType, fallback ...string) []byte {
	return hclwrite.Format(fmt.Appendf(nil, "pool %s {\npolicy = %s\nwire_policy = %s\nfallback = %s\n}\n",
		text(pattern), text(policy), text(wire.String()), literal(tuple(fallback))))
}
