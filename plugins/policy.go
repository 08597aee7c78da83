package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// PolicyConfig names a policy of a plugin and gives it a config.
type PolicyConfig struct {
	// Name is how pools refer to it, as in "plugin.greenest".
	Name string
	// Policy is what the plugin calls it. If empty, what follows the last dot of
	// Name, or the only policy there is.
	Policy string
	// Config is the config block: strings, numbers, bool, []any and map[string]any
	// by attribute. Paths in it are absolute.
	Config map[string]any
}

// Policy is a policy of a plugin with a config. It implements engine.PerPool.
type Policy struct {
	plugin *Plugin
	cfg    PolicyConfig

	mu    sync.Mutex
	terms *terms       // nil before the plugin was described
	by    *Description // of which the terms are
}

// terms are a policy once it is known what it is.
type terms struct {
	plugin     *Plugin
	name       string
	info       *PolicyInfo
	config     *structpb.Struct
	selections bool // the policy needs them
	failures   bool
}

// Policy returns a policy of the plugin. Where the plugin is described, the config
// is checked by its schema and by the plugin itself; what is wrong or strange is
// returned attribute by attribute, and the error, which sums it up, is nil if
// nothing is wrong. Where the plugin never came up, the policy is returned
// unchecked, for pools to wait for it on their fallbacks.
func (p *Plugin) Policy(ctx context.Context, cfg PolicyConfig) (*Policy, []*ConfigError, error) {
	q := &Policy{plugin: p, cfg: cfg}
	p.mu.Lock()
	d, s := p.description, p.current
	p.mu.Unlock()
	if d == nil {
		return q, nil, nil
	}
	t, remarks, err := resolve(p, d, cfg)
	if err != nil {
		return nil, remarks, err
	}
	if s != nil {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
		defer cancel()
		r, err := s.client.Validate(ctx, &protocol.ValidateRequest{Policy: t.info.Name, Config: t.config})
		if err != nil {
			return nil, remarks, fmt.Errorf("policy %q: plugin %q does not check the config: %s", cfg.Name, p.Name(), line(status.Convert(err).Message()))
		}
		said := diagnostics(r)
		remarks = append(remarks, said...)
		if err := refusal(said); err != nil {
			return nil, remarks, fmt.Errorf("policy %q: plugin %q: %w", cfg.Name, p.Name(), err)
		}
	}
	q.terms, q.by = t, d
	return q, remarks, nil
}

// resolve finds a policy in a description and checks the config by its schema.
func resolve(p *Plugin, d *Description, cfg PolicyConfig) (*terms, []*ConfigError, error) {
	info := d.Policy(cfg.Policy)
	if cfg.Policy == "" {
		if info = d.Policy(cfg.Name[strings.LastIndexByte(cfg.Name, '.')+1:]); info == nil && len(d.Policies) == 1 {
			info = &d.Policies[0]
		}
	}
	if info == nil {
		var names []string
		for _, i := range d.Policies {
			names = append(names, i.Name)
		}
		return nil, nil, fmt.Errorf("policy %q: plugin %q %s has no policy %q: it has %s", cfg.Name, p.Name(), d.Version, cfg.Policy, strings.Join(names, ", "))
	}
	full, remarks := info.Schema.Complete(cfg.Config)
	if err := refusal(remarks); err != nil {
		return nil, remarks, fmt.Errorf("policy %q: %w", cfg.Name, err)
	}
	config, err := asStruct(full)
	if err != nil {
		return nil, remarks, fmt.Errorf("policy %q: %w", cfg.Name, err)
	}
	return &terms{
		plugin: p, name: cfg.Name, info: info, config: config,
		selections: info.needs(fieldSelections), failures: info.needs(fieldFailures),
	}, remarks, nil
}

// fits reports why a plugin that describes itself so cannot go on with the policy.
func (t *terms) fits(d *Description) error {
	info := d.Policy(t.info.Name)
	switch {
	case info == nil:
		return fmt.Errorf("version %s has no policy %q", d.Version, t.info.Name)
	case info.Mode != t.info.Mode || info.Order != t.info.Order:
		return fmt.Errorf("in version %s, policy %q is %s by %s instead of %s by %s: restart to use it",
			d.Version, t.info.Name, info.Mode, info.Order, t.info.Mode, t.info.Order)
	}
	_, wrong := info.Schema.Complete(t.config.AsMap())
	if err := refusal(wrong); err != nil {
		return fmt.Errorf("version %s, policy %q: %w", d.Version, t.info.Name, err)
	}
	return nil
}

// known returns the terms, or why there are none: the plugin is not described, or it
// does not have the policy as configured.
func (p *Policy) known() (*terms, error) {
	p.plugin.mu.Lock()
	d, ended := p.plugin.description, p.plugin.ended
	p.plugin.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terms != nil && p.by == d {
		return p.terms, nil
	}
	if d == nil {
		if ended == nil {
			ended = errors.New("it is not started")
		}
		return nil, fmt.Errorf("plugin %q: %w", p.plugin.Name(), ended)
	}
	t, _, err := resolve(p.plugin, d, p.cfg)
	p.terms, p.by = t, d
	return t, err
}

// Plugin returns the plugin that the policy is of.
func (p *Policy) Plugin() *Plugin { return p.plugin }

// Describe implements engine.Policy.
func (p *Policy) Describe() engine.Description {
	d := engine.Description{Name: p.cfg.Name, Mark: 1, Summary: "of plugin " + p.plugin.Name()}
	t, _ := p.known()
	if t == nil {
		return d
	}
	if t.info.Summary != "" {
		d.Summary = t.info.Summary
	}
	switch {
	case t.info.Mode == Direct:
		d.MaxElements = engine.All
	case t.info.Mode == Queue || t.info.Order == ByKey:
		d.Inputs = engine.Selections
	}
	p.plugin.mu.Lock()
	defer p.plugin.mu.Unlock()
	if p.plugin.description != nil {
		d.Version = p.plugin.description.Version
	}
	if p.plugin.current != nil {
		d.Hash = p.plugin.current.hash
	}
	return d
}
