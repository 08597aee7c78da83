package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"

	"github.com/rspool/rspool/plugins"
)

// CheckPlugins compares the plugin policies with what the plugins say of
// themselves: describe asks one of them, and may return nil for one that cannot
// say it yet. The policies' Offer and Config are completed by that. Plugins that no
// policy names are not asked.
//
// The error is an *Error, which shows the config blocks.
func (c *Config) CheckPlugins(describe func(*PluginConfig) (*plugins.Description, error)) error {
	r := c.late()
	for i := range c.Plugins {
		p := &c.Plugins[i]
		var of []*Policy
		for j := range c.Policies {
			if q := &c.Policies[j]; q.Kind == Plugin && q.Plugin == p.Name {
				of = append(of, q)
			}
		}
		if len(of) == 0 {
			continue
		}
		d, err := describe(p)
		if err != nil {
			r.fail(p.place("command"), "Plugin does not work", sentence(err))
			continue
		}
		for _, q := range of {
			if d != nil {
				r.checkOffer(q, d)
			}
		}
	}
	if r.diags.HasErrors() {
		return newError(r)
	}
	return nil
}

// CheckPrograms compares the programs of the plugins with their checksums, without
// starting them. The error is an *Error.
func (c *Config) CheckPrograms() error {
	r := c.late()
	for i := range c.Plugins {
		p := &c.Plugins[i]
		if p.Command == "" || p.Attach != "" {
			continue
		}
		sum, err := plugins.Checksum(p.Command)
		switch {
		case err != nil:
			r.fail(p.place("command"), "Plugin is not there", sentence(err))
		case p.SHA256 != "" && sum != p.SHA256:
			r.fail(p.place("sha256"), "Wrong checksum", fmt.Sprintf("The file %s has the checksum %s. If its change is meant, write that; rspool plugin add prints the block.", p.Command, sum))
		}
	}
	if r.diags.HasErrors() {
		return newError(r)
	}
	return nil
}

// RefusePlugin returns a complaint about a plugin that does not work.
func (c *Config) RefusePlugin(name, detail string) error {
	r := c.late()
	for i := range c.Plugins {
		if p := &c.Plugins[i]; p.Name == name {
			r.fail(p.place("command"), "Plugin does not work", detail)
		}
	}
	return newError(r)
}

// place is where an attribute of the plugin's block stands, else the block.
func (p *PluginConfig) place(name string) hcl.Range {
	if at, ok := p.places[name]; ok {
		return at
	}
	return p.at
}

// checkOffer compares one policy with what its plugin offers.
func (r *reader) checkOffer(p *Policy, d *plugins.Description) {
	var names []string
	for _, o := range d.Policies {
		names = append(names, o.Name)
	}
	switch {
	case p.Offer != "":
	case d.Policy(p.Name) != nil:
		p.Offer = p.Name
	case len(names) == 1:
		p.Offer = names[0]
	default:
		r.fail(p.at, "Missing attribute", fmt.Sprintf("Plugin %q offers %s: say which one, as in policy = %q.", p.Plugin, quoteAll(names), names[0]))
		return
	}
	o := d.Policy(p.Offer)
	if o == nil {
		r.fail(p.place("policy"), "Unknown policy", sentence(fmt.Errorf("plugin %q has no policy %s; it offers %s%s", p.Plugin, quote(p.Offer), quoteAll(names), didYouMean(p.Offer, names))))
		return
	}
	before := len(r.diags)
	r.decodeSettings(p, o.Schema)
	if r.diags[before:].HasErrors() {
		return
	}
	full, wrong := o.Schema.Complete(p.Config)
	for _, w := range wrong {
		r.complain(p, w)
	}
	p.Config = full
}

// Complain adds what is wrong with the config block of a policy to an error, nil
// for the first one. It is for what shows at work: a plugin may refuse a block
// that fits its schema.
func (c *Config) Complain(err error, reference string, wrong *plugins.ConfigError) error {
	r := c.behind(err)
	for i := range c.Policies {
		if p := &c.Policies[i]; p.Reference() == reference {
			r.complain(p, wrong)
		}
	}
	if !r.diags.HasErrors() {
		return err
	}
	return newError(r)
}

// complain shows what is wrong with a config block at the attribute.
func (r *reader) complain(p *Policy, w *plugins.ConfigError) {
	if w.Warning {
		return // for the log: the block works
	}
	at, ok := p.settings.places[w.Attribute]
	if !ok {
		at = p.at
	}
	detail := sentence(errors.New(w.Summary))
	if w.Attribute != "" && !ok {
		detail = sentence(fmt.Errorf("attribute %s: %s", w.Attribute, w.Summary))
	}
	if w.Detail != "" {
		detail += " " + sentence(errors.New(w.Detail))
	}
	r.fail(at, "Unsuitable configuration of a plugin's policy", detail)
}

// decodeSettings decodes the policy's config block by the plugin's schema, which
// converts values and finds names and types that are wrong.
func (r *reader) decodeSettings(p *Policy, schema plugins.Schema) {
	body := p.settings.body
	if body == nil {
		return // what is required is missing; Complete says so
	}
	spec := hcldec.ObjectSpec{}
	for _, a := range schema {
		spec[a.Name] = &hcldec.AttrSpec{Name: a.Name, Type: ctyType(a.Type), Required: a.Required}
	}
	v, diags := hcldec.Decode(body, spec, r.eval.context(p.at.Filename))
	for _, d := range diags {
		d.Detail = strings.ReplaceAll(d.Detail, "inappropriate value", "Inappropriate value")
	}
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return
	}
	v, _ = v.UnmarkDeep() // what is sensitive is known from the first reading
	p.Config = map[string]any{}
	for name, e := range v.AsValueMap() {
		if !e.IsNull() {
			p.Config[name] = plain(e)
		}
	}
	for _, a := range schema {
		if file, ok := p.Config[a.Name].(string); ok && a.Type == plugins.File && !filepath.IsAbs(file) {
			p.Config[a.Name] = absolute(filepath.Join(filepath.Dir(p.at.Filename), file))
		}
	}
}

// absolute is for programs that work in another folder.
func absolute(file string) string {
	if a, err := filepath.Abs(file); err == nil {
		return a
	}
	return file
}

// ctyType is the type of HCL for one of a plugin.
func ctyType(t plugins.Type) cty.Type {
	switch t {
	case plugins.Number, plugins.Integer:
		return cty.Number
	case plugins.Bool:
		return cty.Bool
	case plugins.ListOfStrings:
		return cty.List(cty.String)
	case plugins.ListOfNumbers:
		return cty.List(cty.Number)
	case plugins.MapOfStrings:
		return cty.Map(cty.String)
	case plugins.MapOfNumbers:
		return cty.Map(cty.Number)
	}
	return cty.String
}
