package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Report is the outcome of a conformance test.
type Report struct {
	Plugin string // as configured
	Checks []Check
}

// Check is one thing that was tried.
type Check struct {
	// Policy is what it was tried with, empty for the plugin as a whole.
	Policy string
	// Name says what is expected, as in "ranks 1,000 elements".
	Name    string
	Verdict Verdict
	Detail  string // what was seen
	Took    time.Duration
}

// Verdict is how a check went.
type Verdict uint8

// The verdicts.
const (
	Passed Verdict = iota
	Skipped
	Warned // it works, and could be better
	FailedCheck
)

// String returns the verdict as reports show it.
func (v Verdict) String() string { return [...]string{"ok", "skip", "warn", "FAIL"}[v] }

// OK reports whether no check failed.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Verdict == FailedCheck })
}

// WriteTo writes the report for people, a line for each check.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	counts := map[Verdict]int{}
	policy := ""
	for _, c := range r.Checks {
		counts[c.Verdict]++
		if c.Policy != policy {
			policy = c.Policy
			fmt.Fprintf(&b, "\npolicy %s\n", policy)
		}
		fmt.Fprintf(&b, "%-4s  %-48s", c.Verdict, c.Name)
		if c.Took >= time.Millisecond {
			fmt.Fprintf(&b, "  %v", c.Took.Round(time.Millisecond))
		}
		b.WriteString("\n")
		if c.Detail != "" {
			fmt.Fprintf(&b, "      %s\n", strings.ReplaceAll(c.Detail, "\n", "\n      "))
		}
	}
	word := "conforms"
	if !r.OK() {
		word = "does not conform"
	}
	fmt.Fprintf(&b, "\n%s %s: %d ok, %d failed, %d warnings, %d skipped\n", r.Plugin, word,
		counts[Passed], counts[FailedCheck], counts[Warned], counts[Skipped])
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

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
	detail := fmt.Sprintf("%s %s, %d policies", d.Name, d.Version, len(d.Policies))
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

// trial is a pool in which a policy is tried.
type trial struct {
	c        *conformance
	info     *PolicyInfo
	policy   *Policy
	mu       sync.Mutex
	selector *engine.Selector
	pool     *pool
	members  map[uint32]*engine.Member
	random   *rand.Rand
}

// tryout opens a pool of n elements.
func (c *conformance) tryout(info *PolicyInfo, handle rserpool.Handle, n int) (*trial, error) {
	p, _, err := c.plugin.Policy(c.ctx, PolicyConfig{Name: "plugin." + info.Name, Policy: info.Name, Config: c.configs[info.Name]})
	if err != nil {
		return nil, err
	}
	t := &trial{c: c, info: info, policy: p, members: map[uint32]*engine.Member{}, random: rand.New(rand.NewPCG(1, 2))}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selector, err = engine.NewSelector(time.Now(), t, engine.Setting{Handle: handle, Rand: rand.New(rand.NewPCG(3, 4)), Run: t.run})
	if err != nil {
		return nil, err
	}
	for i := range n {
		t.add(uint32(i + 1))
	}
	return t, nil
}

// run calls f as the owner of the pool.
func (t *trial) run(f func(time.Time)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(time.Now())
}

// Describe and Open make the trial a policy that notes which instance was opened.
func (t *trial) Describe() engine.Description { return t.policy.Describe() }

func (t *trial) Open(e *engine.Pool) (engine.Policy, error) {
	i, err := t.policy.Open(e)
	if p, ok := i.(interface{ itself() *pool }); ok {
		t.pool = p.itself()
	}
	return i, err
}

func (p *pool) itself() *pool { return p }

func (t *trial) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selector.Close()
}

// add registers an element with values that depend on its identifier alone.
func (t *trial) add(id uint32) {
	r := rand.New(rand.NewPCG(uint64(id), 7))
	t.register(id, rserpool.Policy{
		Type: rserpool.WeightedRoundRobin, Weight: 1 + r.Uint32N(100), Priority: r.Uint32N(10), Load: rserpool.Load(r.Uint32()),
		Degradation: rserpool.Load(r.Uint32N(1 << 24)), LoadDPF: rserpool.Load(r.Uint32N(1 << 20)), Distance: r.Uint32N(300),
	})
}

func (t *trial) register(id uint32, v rserpool.Policy) {
	if m := t.members[id]; m != nil {
		m.Element.Policy = v
		t.selector.Update(time.Now(), m)
		return
	}
	m := &engine.Member{Element: &rserpool.Element{ID: rserpool.ElementID(id), Policy: v}}
	t.members[id] = m
	t.selector.Add(time.Now(), m)
}

func (t *trial) remove(id uint32) {
	if m := t.members[id]; m != nil {
		t.selector.Remove(m)
		delete(t.members, id)
	}
}

// unanswered says what is missing for everybody to be known, empty if nothing is.
func (t *trial) unanswered() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pool
	p.mu.Lock()
	l := p.active
	var behind uint64
	pending := l == nil || l.pending || l.epoch == 0
	if l != nil {
		behind = l.epoch - l.answered
	}
	p.mu.Unlock()
	if pending || behind > 0 {
		return fmt.Sprintf("%d events are not answered", behind)
	}
	switch t.info.Mode {
	case Rank:
		n := 0
		for _, r := range p.records {
			if !r.ranked {
				n++
			}
		}
		if n > 0 {
			return fmt.Sprintf("%d of %d elements have no rank", n, len(p.records))
		}
	case Queue:
		if len(p.records) > 0 && p.queue.left == 0 {
			return "the queue is empty"
		}
	}
	return ""
}

// settle waits until everybody is known, and then looks for faults.
func (t *trial) settle() error {
	patience := t.c.plugin.config().StartTimeout
	end := time.Now().Add(patience)
	for {
		missing := t.unanswered()
		if missing == "" {
			break
		}
		s := t.c.plugin.Status()
		switch {
		case s.State != Running.String():
			return fmt.Errorf("the plugin ended: %s\n%s", s.LastEnd, strings.Join(t.c.plugin.Logs(), "\n"))
		case t.c.ctx.Err() != nil:
			return t.c.ctx.Err()
		case time.Now().After(end):
			return fmt.Errorf("after %v, %s", patience, missing)
		}
		time.Sleep(time.Millisecond)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.selector.LastFault(); err != nil {
		return err
	}
	return nil
}

// nonsense returns what was dropped since before, but for what is nobody's fault.
func (c *conformance) nonsense(before map[string]uint64) error {
	after := c.plugin.Status().Dropped
	delete(after, Stale.String())
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

// selects makes some selections.
func (t *trial) selects() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := engine.Request{Items: 3, Now: time.Now()}
	var dst []*engine.Member
	for range 10 {
		dst = t.selector.Select(&r, dst[:0])
		if len(dst) == 0 && t.selector.Len() > 0 && t.info.Mode != Direct {
			return errors.New("a selection found nobody")
		}
	}
	if err := t.selector.LastFault(); err != nil {
		return err
	}
	return nil
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
