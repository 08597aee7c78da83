package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/lua"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/registrar"
)

var _ admin.Orders = (*Daemon)(nil)

// Reload implements admin.Orders.
func (d *Daemon) Reload(ctx context.Context, dry bool) (*admin.Report, error) {
	return d.reload(ctx, dry, true)
}

// reload reads the files and takes them over. Where insist is set, versions that were
// rolled back come again.
func (d *Daemon) reload(ctx context.Context, dry, insist bool) (*admin.Report, error) {
	d.change.Lock()
	defer d.change.Unlock()
	began := time.Now()
	c, err := d.cfg.Load()
	if err != nil {
		return nil, d.concluded(dry, "refused", err)
	}
	step, err := d.set.Next(ctx, c, insist)
	if err != nil {
		return nil, d.concluded(dry, "refused", err)
	}
	// Only now, since the step has completed what policies leave to their plugins.
	report := &admin.Report{Changes: ours(config.Compare(d.running, c)), Policies: []policies.Replaced{}}
	report.Policies = append(report.Policies, step.Replaced...)
	report.Remarks = step.Remarks
	if dry {
		return report, step.Undo()
	}
	done, err := d.registrar.Reconfigure(step.Set().Registry(), c.Registrar.Pools)
	if err != nil {
		return nil, d.concluded(dry, "refused", errors.Join(err, step.Undo()))
	}
	report.Applied = true
	d.adopt(restored(c, step.Set()), step.Commit())
	if d.cfg.Level != nil {
		d.cfg.Level(c.Log.Level)
	}
	d.watcher.Set(d.paths(c), began)
	outcome := "changed"
	if len(report.Changes)+len(report.Policies) == 0 {
		outcome = "unchanged"
	}
	_ = d.concluded(false, outcome, nil)
	d.tell(report, done.Count, time.Since(began))
	return report, nil
}

// ours leaves out what is no business of a registrar.
func ours(changes []config.Change) []config.Change {
	return slices.DeleteFunc(changes, func(c config.Change) bool {
		return strings.HasPrefix(c.Attribute, "element.") || strings.HasPrefix(c.Attribute, "user.")
	})
}

// adopt makes a configuration and a set the ones at work.
func (d *Daemon) adopt(c *config.Config, set *policies.Set) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running, d.set = c, set
}

// concluded notes how a reload ended, and says why it did not go well.
func (d *Daemon) concluded(dry bool, outcome string, err error) error {
	if dry {
		return err
	}
	d.mu.Lock()
	d.reloads[outcome]++
	d.last, d.failure = time.Now(), ""
	if err != nil {
		d.failure = err.Error()
	}
	d.mu.Unlock()
	if err != nil {
		d.refused(err)
	}
	return err
}

// tell logs what has changed.
func (d *Daemon) tell(r *admin.Report, pools int, took time.Duration) {
	for _, p := range r.Policies {
		d.log.Info("policy is replaced", "policy", p.Policy, "from", p.From, "version", p.To, "tests", p.Tests)
	}
	for _, c := range r.Changes {
		if c.Live {
			d.log.Info("attribute is reloaded", "attribute", c.Attribute, "from", c.Before, "to", c.After)
		} else {
			d.log.Warn("attribute needs a restart", "attribute", c.Attribute, "from", c.Before, "to", c.After)
		}
	}
	for _, s := range r.Remarks {
		d.log.Warn("configuration has a remark", "remark", s)
	}
	d.log.Info("configuration is reloaded", "changes", len(r.Changes), "policies", len(r.Policies), "pools", pools, "took", took.Round(time.Millisecond))
}

// Rollback implements admin.Orders.
func (d *Daemon) Rollback(_ context.Context, reference string) (*admin.Report, error) {
	d.change.Lock()
	defer d.change.Unlock()
	var references []string
	if reference != "" {
		references = []string{reference}
	}
	step, err := d.set.Rollback(references...)
	if err != nil {
		if errors.Is(err, policies.ErrUnknown) {
			err = admin.ErrMissing{Err: err}
		}
		return nil, err
	}
	done, err := d.registrar.Reconfigure(step.Set().Registry(), d.running.Registrar.Pools)
	if err != nil {
		return nil, err
	}
	set := step.Commit()
	d.adopt(restored(d.running, set), set)
	for _, p := range step.Replaced {
		d.log.Warn("policy is rolled back", "policy", p.Policy, "from", p.From, "version", p.To, "pools", done.Count)
	}
	return &admin.Report{Applied: true, Changes: []config.Change{}, Policies: step.Replaced}, nil
}

// Policies implements admin.Orders.
func (d *Daemon) Policies() []admin.Policy {
	d.mu.Lock()
	set, c := d.set, d.running
	d.mu.Unlock()
	all := []admin.Policy{}
	at := map[string]*status.Policy{}
	counted := d.registrar.Status(status.Query{Limit: -1}).(*status.Registrar).Policies
	for i := range counted {
		at[counted[i].Name] = &counted[i]
	}
	for _, v := range set.Versions() {
		p := admin.PolicyOf(&v.Definition, v.Policy.Describe())
		if s := at[p.Reference]; s != nil {
			p.Standings, p.Faults = s.Pools, s.Faults
		}
		p.Version, p.Before = v.Name(), v.Before.Name()
		p.Since = float64(v.Since.UnixMilli()) / 1000
		for i := range c.Registrar.Pools {
			if b := &c.Registrar.Pools[i]; b.Policy == p.Reference || slices.Contains(b.Fallback, p.Reference) || b.Shadow == p.Reference {
				p.Patterns = append(p.Patterns, b.Pattern)
			}
		}
		all = append(all, p)
	}
	return all
}

// Plugins implements admin.Orders.
func (d *Daemon) Plugins() []plugins.Status { return d.policies().Plugins() }

func (d *Daemon) policies() *policies.Set {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.set
}

func (d *Daemon) plugin(name string) (*plugins.Plugin, error) {
	set := d.policies()
	if p := set.Plugin(name); p != nil {
		return p, nil
	}
	var names []string
	for _, s := range set.Plugins() {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return nil, admin.ErrMissing{Err: fmt.Errorf("there is no plugin %q, nor any other", name)}
	}
	return nil, admin.ErrMissing{Err: fmt.Errorf("there is no plugin %q; there are: %s", name, strings.Join(names, ", "))}
}

// ReloadPlugin implements admin.Orders.
func (d *Daemon) ReloadPlugin(ctx context.Context, name string) error {
	d.change.Lock()
	defer d.change.Unlock()
	p, err := d.plugin(name)
	if err != nil {
		return err
	}
	for i := range d.running.Plugins {
		if b := &d.running.Plugins[i]; b.Name == name {
			cfg := b.Config
			cfg.Log = d.log
			err = p.Reload(ctx, cfg)
		}
	}
	if err != nil {
		d.log.Error("plugin is not reloaded; the running one stays", "plugin", name, "error", err)
	}
	return err
}

// PluginLogs implements admin.Orders.
func (d *Daemon) PluginLogs(name string) ([]string, error) {
	p, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	return p.Logs(), nil
}

// requestOf understands a question.
func requestOf(q admin.Question) (engine.Request, error) {
	r := engine.Request{Handle: rserpool.Handle(q.Pool), Items: q.Items, Attributes: q.Attributes, Preview: true}
	if q.UserAddress != "" {
		var err error
		if r.UserAddress, err = netip.ParseAddr(q.UserAddress); err != nil {
			return r, fmt.Errorf("user address %q: want an IP address, as in 192.0.2.7", q.UserAddress)
		}
	}
	return r, nil
}

// Explain implements admin.Orders. Of what elements have, a script's explanation shows
// what its functions take.
func (d *Daemon) Explain(q admin.Question) (*status.Explanation, error) {
	r, err := requestOf(q)
	if err != nil {
		return nil, err
	}
	e, err := d.registrar.Explain(r)
	if errors.Is(err, registrar.ErrNoPool) {
		return nil, admin.ErrMissing{Err: err}
	}
	if err != nil {
		return nil, err
	}
	for _, v := range d.policies().Versions() {
		if v.Definition.Reference() == e.Policy && v.Definition.Program != nil {
			narrow(e, v.Definition.Program.Report())
		}
	}
	return e, nil
}

// narrow leaves the inputs that functions name. A function that takes the element as
// a whole may look at all of them.
func narrow(e *status.Explanation, report []lua.HookReport) {
	named := map[string]bool{}
	for _, f := range report {
		for _, name := range f.Inputs {
			if name == "pe" || name == "pool" {
				return
			}
			named[name] = true
		}
	}
	for i := range e.Elements {
		in := e.Elements[i].Inputs
		for name := range in {
			if !named[name] {
				delete(in, name)
			}
		}
		for name, byDefault := range map[string]float64{"load": 0, "degradation": 0, "priority": 0, "distance": 0, "weight": 1} {
			if _, ok := in[name]; named[name] && !ok {
				in[name] = byDefault // what the element did not register
			}
		}
	}
}
