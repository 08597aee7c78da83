package plugins

import (
	"fmt"
	"strings"
)

// Markdown returns a page about the plugin: its policies, what they look at, and the
// attributes of their config blocks, with an example of each.
func (d *Description) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n", d.Name, d.Version)
	if d.Summary != "" {
		fmt.Fprintf(&b, "%s\n\n", sentence(d.Summary))
	}
	for i := range d.Policies {
		p := &d.Policies[i]
		fmt.Fprintf(&b, "## %s\n\n", p.Name)
		if p.Summary != "" {
			fmt.Fprintf(&b, "%s\n\n", sentence(p.Summary))
		}
		b.WriteString(p.behaviour() + "\n\n")
		p.attributes(&b)
		fmt.Fprintf(&b, "```hcl\npolicy \"plugin\" %q {\n  plugin = %q\n%s}\n```\n\n", p.Name, d.Name, p.example())
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// behaviour says in sentences how the policy selects and by what.
func (i *PolicyInfo) behaviour() string {
	s := map[Mode]string{
		Rank:   map[Order]string{ByKey: "Selects the least key.", ByPace: "Takes turns.", ByWeight: "Draws by weight."}[i.Order],
		Queue:  "Selects from a list that the plugin keeps.",
		Direct: "Asks the plugin for each selection, which is slow: for experiments.",
	}[i.Mode]
	var needs []string
	for _, f := range i.Needs {
		if len(i.Tags) == 0 || f.String() != "tags" {
			needs = append(needs, f.String())
		}
	}
	for _, t := range i.Tags {
		needs = append(needs, "the tag `"+code(t)+"`")
	}
	if len(needs) > 0 {
		s += " Looks at " + strings.Join(needs, ", ") + "."
	}
	if i.Deterministic {
		s += " The same events lead to the same selections."
	}
	return s
}

func (i *PolicyInfo) attributes(b *strings.Builder) {
	if len(i.Schema) == 0 {
		return
	}
	b.WriteString("| attribute | type | default | meaning |\n|---|---|---|---|\n")
	for _, a := range i.Schema {
		def := "-"
		switch {
		case a.Required:
			def = "required"
		case a.Default != nil:
			def = "`" + code(hcl(a.Default)) + "`"
		}
		help := a.Help
		if len(a.OneOf) > 0 {
			help += " One of " + strings.Join(a.OneOf, ", ") + "."
		}
		if a.Minimum != nil {
			help += fmt.Sprintf(" At least %g.", *a.Minimum)
		}
		if a.Maximum != nil {
			help += fmt.Sprintf(" At most %g.", *a.Maximum)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.Type, def, cell(strings.TrimSpace(help)))
	}
	b.WriteString("\n")
}

// example is a config block with all attributes.
func (i *PolicyInfo) example() string {
	if len(i.Schema) == 0 {
		return ""
	}
	width := 0
	for _, a := range i.Schema {
		width = max(width, len(a.Name))
	}
	var b strings.Builder
	b.WriteString("  config {\n")
	for _, a := range i.Schema {
		fmt.Fprintf(&b, "    %-*s = %s\n", width, a.Name, hcl(a.sample()))
	}
	b.WriteString("  }\n")
	return b.String()
}

// sample is the default, or a value of the right type.
func (a *Attribute) sample() any {
	switch {
	case a.Default != nil:
		return a.Default
	case len(a.OneOf) > 0:
		return a.OneOf[0]
	}
	switch a.Type {
	case Number, Integer:
		if a.Minimum != nil {
			return *a.Minimum
		}
		return 1.0
	case Bool:
		return true
	case Duration:
		return "30s"
	case ListOfStrings, ListOfNumbers:
		return []any{}
	case MapOfStrings, MapOfNumbers:
		return map[string]any{}
	}
	return "..."
}

// hcl writes a value as a configuration does.
func hcl(v any) string {
	switch v := v.(type) {
	case string:
		return quoteHCL(v)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, hcl(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range sorted(v) {
			parts = append(parts, quoteHCL(k)+" = "+hcl(v[k]))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}

func quoteHCL(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "${", "$${", "%{", "%%{").Replace(s)
	return `"` + s + `"`
}

func sentence(s string) string {
	s = cell(s)
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// cell and code keep a plugin's texts from being more than text on the page.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "'").Replace(s)
}

func code(s string) string { return strings.NewReplacer("`", "'", "|", `\|`).Replace(s) }
