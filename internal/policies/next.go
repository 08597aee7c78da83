package policies

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/plugins"
)

// Step is a set that could be the next one. Everything that can fail has been done;
// Commit or Undo ends it.
type Step struct {
	// Replaced are the policies of which another version is in the set, in the
	// order of the configuration; those that are gone come last.
	Replaced []Replaced
	// Remarks are sentences for a person.
	Remarks []string

	from, to *Set
	undo     []func() error
	started  map[string]*plugins.Plugin
}

// Replaced is a policy of which another version is at work. A version that is
// empty was or is not there.
type Replaced struct {
	Policy string `json:"policy"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Tests is the number of the script's own tests that were run.
	Tests int `json:"tests,omitempty"`
}

// Next makes the set for a changed configuration. Scripts that have changed are
// compiled and tested, plugins that are new or have changed are started, beside
// those that they replace. A version that a rollback has taken back stays away
// until its file or block changes again, unless insist is set. The error is a
// *config.Error; nothing has changed then.
func (s *Set) Next(ctx context.Context, c *config.Config, insist bool) (*Step, error) {
	return s.next(ctx, c, insist, false)
}

func (s *Set) next(ctx context.Context, c *config.Config, insist, first bool) (step *Step, err error) {
	if err := c.Compile(scriptLog(s.log)); err != nil {
		return nil, err
	}
	step = &Step{from: s, started: map[string]*plugins.Plugin{}}
	step.to = &Set{
		log: s.log, step: s.step + 1, versions: map[string]*Version{}, held: map[string]string{},
		plugins: map[string]*plugins.Plugin{}, blocks: map[string]*config.PluginConfig{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, step.Undo())
			step = nil
		}
	}()
	if err := step.plugins(ctx, c, first); err != nil {
		return step, err
	}
	for i := range c.Policies {
		p := &c.Policies[i]
		if p.Kind == config.Builtin {
			continue
		}
		v, failed := step.version(ctx, c, p, insist)
		if failed != nil {
			err = failed(err)
			continue
		}
		step.to.order = append(step.to.order, p.Reference())
		step.to.versions[p.Reference()] = v
	}
	if err != nil {
		return step, err
	}
	step.to.registry, err = registryOf(step.to.versions, step.to.order)
	step.compare()
	return step, err
}

// version returns the version of a policy that c asks for: the one at work if that
// is the same. Where it is not good, it returns how to complain.
func (step *Step) version(ctx context.Context, c *config.Config, p *config.Policy, insist bool) (*Version, func(error) error) {
	reference := p.Reference()
	print := printOf(p)
	old := step.from.versions[reference]
	switch {
	case old != nil && old.print == print && step.samePlugin(p):
		return old, nil
	case old != nil && !insist && step.from.held[reference] == print:
		step.to.held[reference] = print
		step.Remarks = append(step.Remarks, fmt.Sprintf("%s stays at version %s, to which it was rolled back; rspool policy reload takes the file's version over.", reference, old.Name()))
		return old, nil
	}
	v := &Version{Definition: *p, Since: time.Now(), Before: old, print: print, step: step.to.step}
	if old != nil {
		old = &Version{Definition: old.Definition, Policy: old.Policy, Since: old.Since, Tests: old.Tests, print: old.print}
		v.Before = old // one step back, not a chain of all
	}
	if p.Kind == config.Lua {
		passed, err := Test(p.Program)
		if err != nil {
			return nil, func(all error) error {
				return c.Refuse(all, reference, "Script fails its tests", capitalized(err))
			}
		}
		v.Policy, v.Tests = p.Program, passed
		return v, nil
	}
	q, remarks, err := step.to.plugins[p.Plugin].Policy(ctx, plugins.PolicyConfig{Name: reference, Policy: p.Offer, Config: p.Config})
	if err != nil {
		return nil, func(all error) error {
			before := all
			for _, r := range remarks {
				all = c.Complain(all, reference, r)
			}
			if all == before { //nolint:errorlint // identity is meant: nothing of it was about an attribute
				all = c.Refuse(all, reference, "Plugin refuses its policy", capitalized(err))
			}
			return all
		}
	}
	for _, r := range remarks {
		step.Remarks = append(step.Remarks, fmt.Sprintf("%s: %v", reference, r))
	}
	v.Policy = q
	return v, nil
}

// samePlugin reports whether the plugin behind a policy is the one that it was.
func (step *Step) samePlugin(p *config.Policy) bool {
	return p.Kind != config.Plugin || step.from.plugins[p.Plugin] == step.to.plugins[p.Plugin]
}

// plugins starts and replaces plugins so that they are as c wants them.
func (step *Step) plugins(ctx context.Context, c *config.Config, first bool) error {
	for i := range c.Plugins {
		b := &c.Plugins[i]
		cfg := b.Config
		cfg.Log = step.from.log
		step.to.blocks[b.Name] = b
		running, before := step.from.plugins[b.Name], step.from.blocks[b.Name]
		switch {
		case running == nil:
			p := plugins.New(cfg)
			step.to.plugins[b.Name] = p
			step.started[b.Name] = p
			if err := p.Start(ctx); err != nil {
				if !first {
					return c.RefusePlugin(b.Name, capitalized(err))
				}
				step.from.log.Error("plugin does not come up; its policies wait on their fallbacks", "plugin", b.Name, "error", err)
			}
		case reflect.DeepEqual(before.Config, b.Config):
			step.to.plugins[b.Name] = running
		default:
			if err := running.Reload(ctx, cfg); err != nil {
				return c.RefusePlugin(b.Name, capitalized(err))
			}
			old := before.Config
			old.Log = step.from.log
			step.undo = append(step.undo, func() error { return running.Reload(context.WithoutCancel(ctx), old) })
			step.to.plugins[b.Name] = running
		}
	}
	return c.CheckPlugins(func(p *config.PluginConfig) (*plugins.Description, error) {
		d, ok := step.to.plugins[p.Name].Description()
		if !ok {
			return nil, nil // it is checked when it comes up
		}
		return &d, nil
	})
}

// compare says what is different.
func (step *Step) compare() {
	for _, r := range step.to.order {
		if now, old := step.to.versions[r], step.from.versions[r]; now != old {
			step.Replaced = append(step.Replaced, Replaced{Policy: r, From: old.Name(), To: now.Name(), Tests: now.Tests})
		}
	}
	for _, r := range slices.Sorted(maps.Keys(step.from.versions)) {
		if step.to.versions[r] == nil {
			step.Replaced = append(step.Replaced, Replaced{Policy: r, From: step.from.versions[r].Name()})
		}
	}
}

// Set returns the set of the step, to be tried before it is committed.
func (step *Step) Set() *Set { return step.to }

// Commit ends what the set before had and this one does not, and returns this one.
// No pool may use the set before any more.
func (step *Step) Commit() *Set {
	for name, p := range step.from.plugins {
		if step.to.plugins[name] != p {
			if err := p.Close(); err != nil {
				step.from.log.Warn("plugin does not end in order", "plugin", name, "error", err)
			}
		}
	}
	return step.to
}

// Undo ends what the step has started; the set before is as it was.
func (step *Step) Undo() error {
	var errs []error
	for _, p := range step.started {
		errs = append(errs, p.Close())
	}
	for _, f := range slices.Backward(step.undo) {
		errs = append(errs, f())
	}
	step.started, step.undo = nil, nil
	return errors.Join(errs...)
}

// Rollback makes the set in which the policies named, or those that the last step
// has changed if none is, are at the version before.
func (s *Set) Rollback(references ...string) (*Step, error) {
	if len(references) == 0 {
		last := 0
		for _, r := range s.order {
			switch v := s.versions[r]; {
			case v.Before == nil || v.step < last:
			case v.step > last:
				last, references = v.step, []string{r}
			default:
				references = append(references, r)
			}
		}
		if len(references) == 0 {
			return nil, errors.New("no policy has a version before the present one")
		}
	}
	step := &Step{from: s, to: &Set{
		log: s.log, step: s.step + 1, order: s.order, versions: maps.Clone(s.versions),
		plugins: s.plugins, blocks: s.blocks, held: maps.Clone(s.held),
	}}
	if step.to.held == nil {
		step.to.held = map[string]string{}
	}
	for _, r := range references {
		v := s.versions[r]
		switch {
		case v == nil:
			return nil, fmt.Errorf("%w %q", ErrUnknown, r)
		case v.Before == nil:
			return nil, fmt.Errorf("policy %q has no version before the present one, %s", r, v.Name())
		}
		back := *v.Before
		back.Since = time.Now()
		step.to.versions[r], step.to.held[r] = &back, v.print
	}
	var err error
	step.to.registry, err = registryOf(step.to.versions, step.to.order)
	step.compare()
	for i := range step.Replaced {
		step.Replaced[i].Tests = 0 // they ran before
	}
	return step, err
}

// ErrUnknown is wrapped by errors about a policy that does not exist.
var ErrUnknown = errors.New("there is no policy")

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func capitalized(err error) string { return config.Sentence(err) }
