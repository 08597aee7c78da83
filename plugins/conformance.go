package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Conformance starts a plugin and plays membership churn against all its policies: it
// tells an author whether the plugin does what a registrar expects. The configs, by
// policy, are for those that cannot do with their defaults; nil is fine. It takes some
// seconds, and fails early only where the plugin does not start.
func Conformance(ctx context.Context, cfg Config, configs map[string]map[string]any) *Report {
	c := &conformance{ctx: ctx, configs: configs, report: &Report{Plugin: cfg.Name}}
	cfg.Restart.MaxIn5m = -1 // an end is an end
	if cfg.SHA256 == "" {
		cfg.AllowUnpinned = true
	}
	c.plugin = New(cfg)
	defer func() { _ = c.plugin.Close() }() // it was closed by the last check
	if !c.check("", "starts and describes itself", c.starts) {
		return c.report
	}
	d, _ := c.plugin.Description()
	c.check("", "has a summary and help texts", func() (Verdict, string) { return helpful(&d) })
	for i := range d.Policies {
		c.policy(&d.Policies[i])
	}
	c.check("", "answers ticks when there is nothing to do", c.idles)
	c.check("", "ends when its host ends", c.ends)
	return c.report
}

// conformance is a test at work.
type conformance struct {
	ctx     context.Context
	plugin  *Plugin
	configs map[string]map[string]any
	report  *Report
}

// check tries one thing and reports whether to go on.
func (c *conformance) check(policy, name string, try func() (Verdict, string)) bool {
	began := time.Now()
	var v Verdict
	var detail string
	if err := c.ctx.Err(); err != nil {
		v, detail = Skipped, err.Error()
	} else {
		v, detail = try()
	}
	c.report.Checks = append(c.report.Checks, Check{policy, name, v, detail, time.Since(began)})
	return v != FailedCheck
}

func (c *conformance) starts() (Verdict, string) {
	began := time.Now()
	if err := c.plugin.Start(c.ctx); err != nil {
		return FailedCheck, err.Error()
	}
	d, _ := c.plugin.Description()
	var offers []string
	for _, p := range d.Policies {
		offers = append(offers, p.Name)
	}
	detail := fmt.Sprintf("%s %s with %s", d.Name, d.Version, strings.Join(offers, ", "))
	if took := time.Since(began); took > 2*time.Second {
		return Warned, fmt.Sprintf("%s; it took %v, which pools wait for after each restart", detail, took.Round(time.Millisecond))
	}
	return Passed, detail
}

func helpful(d *Description) (Verdict, string) {
	var missing []string
	if d.Summary == "" {
		missing = append(missing, "the plugin has no summary")
	}
	for _, p := range d.Policies {
		if p.Summary == "" {
			missing = append(missing, fmt.Sprintf("policy %s has no summary", p.Name))
		}
		for _, a := range p.Schema {
			if a.Help == "" {
				missing = append(missing, fmt.Sprintf("policy %s, attribute %s has no help", p.Name, a.Name))
			}
		}
	}
	if len(missing) > 0 {
		return Warned, strings.Join(missing, "\n")
	}
	return Passed, ""
}

// policy tries one policy.
func (c *conformance) policy(info *PolicyInfo) {
	try := func(name string, f func() (Verdict, string)) bool { return c.check(info.Name, name, f) }
	if !try("takes its config", func() (Verdict, string) { return c.configures(info) }) {
		return
	}
	if last := c.report.Checks[len(c.report.Checks)-1]; last.Verdict == Skipped {
		return
	}
	what := map[Mode]string{Rank: "ranks", Queue: "queues", Direct: "chooses from"}[info.Mode]
	for _, n := range []int{1, 10, 1000, 10_000} {
		if !try(fmt.Sprintf("%s %d elements", what, n), func() (Verdict, string) { return c.covers(info, n) }) {
			return
		}
	}
	try("takes strange elements", func() (Verdict, string) { return c.strange(info) })
	try("keeps up with churn", func() (Verdict, string) { return c.churns(info) })
	try("keeps two pools apart", func() (Verdict, string) { return c.separates(info) })
	if info.Deterministic {
		try("is deterministic, as it says", func() (Verdict, string) { return c.repeats(info) })
	}
}

func (c *conformance) configures(info *PolicyInfo) (Verdict, string) {
	config, given := c.configs[info.Name]
	if !given {
		var required []string
		for _, a := range info.Schema {
			if a.Required {
				required = append(required, a.Name)
			}
		}
		if len(required) > 0 {
			return Skipped, fmt.Sprintf("it needs values for %s: give it a config", strings.Join(required, ", "))
		}
	}
	_, remarks, err := c.plugin.Policy(c.ctx, PolicyConfig{Name: "plugin." + info.Name, Policy: info.Name, Config: config})
	if err != nil {
		return FailedCheck, err.Error()
	}
	for _, r := range remarks {
		return Warned, r.Error()
	}
	return Passed, ""
}

// nonsense returns what was dropped since before, but for what is nobody's fault. What
// comes in a flood is used, if late.
func (c *conformance) nonsense(before map[string]uint64) error {
	after := c.plugin.Status().Dropped
	delete(after, Stale.String())
	delete(after, Flooded.String())
	for reason, n := range after {
		if n > before[reason] {
			return fmt.Errorf("%d times something was dropped as %s", n-before[reason], reason)
		}
	}
	return nil
}

// run opens a pool of n elements, has something done to it and waits until it is
// settled.
func (c *conformance) run(info *PolicyInfo, n int, play func(*trial)) (Verdict, string) {
	before := c.plugin.Status().Dropped
	t, err := c.tryout(info, "conformance", n)
	if err != nil {
		return FailedCheck, err.Error()
	}
	defer t.close()
	if play != nil {
		if err := t.settle(); err != nil {
			return FailedCheck, err.Error()
		}
		play(t)
	}
	err = errors.Join(t.settle(), c.nonsense(before))
	if err == nil {
		err = t.selects()
	}
	if err != nil {
		return FailedCheck, err.Error()
	}
	if n := c.plugin.Status().Dropped[Flooded.String()] - before[Flooded.String()]; n > 0 {
		return Warned, fmt.Sprintf("it had to wait %d times, since it says more than anybody needs: rank anew only what has changed", n)
	}
	return Passed, ""
}

func (c *conformance) covers(info *PolicyInfo, n int) (Verdict, string) {
	began := time.Now()
	v, detail := c.run(info, n, nil)
	if took := time.Since(began); v == Passed && took > time.Second {
		return Warned, fmt.Sprintf("it took %v: elements without a rank wait for it", took.Round(time.Millisecond))
	}
	return v, detail
}

// strange registers what is at the edge of what may be.
func (c *conformance) strange(info *PolicyInfo) (Verdict, string) {
	return c.run(info, 0, func(t *trial) {
		t.mu.Lock()
		defer t.mu.Unlock()
		const all = 0xffffffff
		t.register(1, rserpool.Policy{Type: rserpool.WeightedRoundRobin})
		t.register(2, rserpool.Policy{Type: rserpool.WeightedRoundRobin, Weight: all, Priority: all, Load: all, Degradation: all, WeightDPF: all, LoadDPF: all, Distance: all})
		t.register(0, rserpool.Policy{Type: rserpool.RoundRobin})
		t.register(all, rserpool.Policy{Type: rserpool.LeastUsed, Load: 1})
		for range 5 { // somebody who comes and goes
			t.register(7, rserpool.Policy{Type: rserpool.RoundRobin})
			t.remove(7)
		}
	})
}

// churns has elements come, go, change, fail and be selected for a while.
func (c *conformance) churns(info *PolicyInfo) (Verdict, string) {
	return c.run(info, 200, func(t *trial) {
		for end := time.Now().Add(time.Second); time.Now().Before(end) && c.ctx.Err() == nil; time.Sleep(time.Millisecond) {
			t.mu.Lock()
			for range 10 {
				id := 1 + t.random.Uint32N(400)
				switch t.random.IntN(4) {
				case 0:
					t.remove(id)
				case 1:
					if m := t.members[id]; m != nil {
						t.selector.Failed(time.Now(), m, engine.Unreachable)
					}
				default:
					t.add(id)
				}
			}
			if info.Mode != Direct { // whose answers are waited for
				t.selector.Select(&engine.Request{Items: 2, Now: time.Now()}, nil)
			}
			t.mu.Unlock()
		}
	})
}

// separates follows two pools with different elements at once.
func (c *conformance) separates(info *PolicyInfo) (Verdict, string) {
	before := c.plugin.Status().Dropped
	a, err := c.tryout(info, "conformance-a", 20)
	if err != nil {
		return FailedCheck, err.Error()
	}
	defer a.close()
	b, err := c.tryout(info, "conformance-b", 0)
	if err != nil {
		return FailedCheck, err.Error()
	}
	defer b.close()
	b.mu.Lock()
	for id := range uint32(20) {
		b.add(1000 + id)
	}
	b.mu.Unlock()
	if err := errors.Join(a.settle(), b.settle(), c.nonsense(before)); err != nil {
		return FailedCheck, err.Error()
	}
	return Passed, ""
}

// repeats compares the ranks of two pools with the same elements.
func (c *conformance) repeats(info *PolicyInfo) (Verdict, string) {
	var ranks [2]map[rserpool.ElementID]rank
	for i := range ranks {
		t, err := c.tryout(info, "conformance", 50)
		if err != nil {
			return FailedCheck, err.Error()
		}
		err = t.settle()
		t.mu.Lock()
		ranks[i] = map[rserpool.ElementID]rank{}
		for id, r := range t.pool.records {
			ranks[i][id] = r.rank
		}
		t.mu.Unlock()
		t.close()
		if err != nil {
			return FailedCheck, err.Error()
		}
	}
	for id, r := range ranks[0] {
		if o := ranks[1][id]; o != r {
			return FailedCheck, fmt.Sprintf("element %s has the rank %+v, and %+v the second time", id, r, o)
		}
	}
	return Passed, ""
}

// idles waits for some ticks.
func (c *conformance) idles() (Verdict, string) {
	pid := c.plugin.Status().PID
	select {
	case <-time.After(2 * c.plugin.config().TickInterval):
	case <-c.ctx.Done():
	}
	if s := c.plugin.Status(); s.State != Running.String() || s.PID != pid {
		return FailedCheck, s.LastEnd
	}
	return Passed, ""
}

// ends closes the plugin and sees whether it had to be killed.
func (c *conformance) ends() (Verdict, string) {
	cfg := c.plugin.config()
	began := time.Now()
	_ = c.plugin.Close()
	if took := time.Since(began); took >= cfg.StopTimeout {
		return Warned, fmt.Sprintf("it did not end within %v of the end of its standard input, and was killed", cfg.StopTimeout)
	}
	return Passed, ""
}
