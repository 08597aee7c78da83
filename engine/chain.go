package engine

import (
	"iter"
	"reflect"
	"slices"
	"time"
)

// ChainConfig says by which policies a pool goes.
type ChainConfig struct {
	// Policies are tried in this order. There is at least one. Where the last is
	// not Trusted, taking turns comes after it.
	Policies []Policy
	// WhenNone says what happens to a request for which nobody is eligible.
	WhenNone WhenNone
	// Breaker says when the pool goes by the next policy.
	Breaker Breaker
	// Shadow, if not nil, is asked about a share of the selections as well, from 0
	// to 1. Its answers are not used; differing ones are counted.
	Shadow Policy
	Sample float64
	// Mark is how many leading elements of an answer count as selected. If zero,
	// what the policy says.
	Mark int
}

// WhenNone says what happens to a request for which nobody is eligible: the filter
// admits none, say, or all weights are zero.
type WhenNone uint8

// What may happen.
const (
	Fallback WhenNone = iota // the next policy of the chain answers it
	Empty                    // it is answered with nobody
)

// String returns the word that configurations use.
func (w WhenNone) String() string { return [...]string{"fallback", "empty"}[w] }

// Chain chooses among the members of one pool by the first of several policies that
// works. A policy that fails does not fail a selection: the next one answers, and
// the last one is built in. It is not safe for concurrent use.
//
// The first policy keeps its order in the members themselves. Each further one that
// is at work, for whatever reason, has twins of them, which have the same slots.
type Chain struct {
	lanes     []*lane // nil for one trusted policy alone
	active    int     // of lanes: whose policy the pool goes by
	main      Selector
	config    *ChainConfig
	shadow    *lane // nil without
	twins     []*Selector
	unsettled bool      // something happened to a lane that has consequences
	now       time.Time // as last told, unless there is one trusted policy alone
	scratch   []*Member

	setting Setting
	run     func(func(now time.Time)) // of the owner
	notice  func(Event)
	counts  func(policy string) *Counts
}

// NewChain returns a chain without members. The configuration is not changed, and not
// to be changed. The functions, which may be nil, hear of events, and say where to
// count what happens to a policy in all pools.
func NewChain(now time.Time, config *ChainConfig, s Setting, notice func(Event), counts func(policy string) *Counts) *Chain {
	c := &Chain{setting: s, run: s.Run, notice: notice, counts: counts}
	c.setting.Run = c.call
	c.main = Selector{order: idle{}, setting: &c.setting, rand: s.Rand}
	c.Reconfigure(now, config)
	return c
}

// Reconfigure changes the policies. The members, their counters, and who was selected
// longest ago stay; an instance may take over what the one before it kept. A first
// policy that is the same and works goes on as if nothing had happened, and so does
// everything where nothing is changed.
func (c *Chain) Reconfigure(now time.Time, to *ChainConfig) {
	if c.config != nil && c.config.equal(to.filled()) {
		return
	}
	keep := c.main.working() && same(c.main.policy, to.Policies[0]) && (c.lanes == nil || c.lanes[0].usable())
	c.dismissTwins()
	c.now = now
	c.lanes, c.active, c.shadow, c.unsettled = nil, 0, nil, false
	if c.config = to.filled(); to.plain() {
		c.main.keeper = nil
		c.main.strict = to.WhenNone == Empty
		if !keep {
			_ = c.main.SetPolicy(now, to.Policies[0]) // it is trusted: there is nothing to open
		}
		c.mark(&c.main)
		return
	}
	for i, p := range c.config.Policies {
		l := c.newLane(p)
		l.last = i == len(c.config.Policies)-1
		c.lanes = append(c.lanes, l)
	}
	if keep {
		c.keep(c.lanes[0])
	}
	c.elect()
	if to.Shadow != nil {
		c.shadow = c.newLane(to.Shadow)
		c.engage(c.shadow)
	}
	c.settle()
}

// filled returns c with a chain that ends in a trusted policy, and with defaults. A
// plain one is complete.
func (c *ChainConfig) filled() *ChainConfig {
	if c.plain() {
		return c
	}
	f := *c
	f.Breaker = c.Breaker.filled()
	if !c.Policies[len(c.Policies)-1].Describe().Trusted {
		f.Policies = append(c.Policies[:len(c.Policies):len(c.Policies)], turns{})
	}
	return &f
}

// plain reports whether there is one trusted policy alone, which cannot fail.
func (c *ChainConfig) plain() bool {
	return len(c.Policies) == 1 && c.Shadow == nil && c.Policies[0].Describe().Trusted
}

// equal reports whether two configurations say the same.
func (c *ChainConfig) equal(o *ChainConfig) bool {
	return slices.EqualFunc(c.Policies, o.Policies, same) && same(c.Shadow, o.Shadow) && c.WhenNone == o.WhenNone &&
		c.Breaker == o.Breaker && c.Sample == o.Sample && c.Mark == o.Mark
}

// turns is what a chain ends in if nothing else is said.
type turns struct{}

func (turns) Describe() Description {
	return Description{Name: "round-robin", Summary: "in turn", Mark: 1, Uniform: true, Trusted: true}
}
func (turns) Key(*Member) float64 { return 0 }

// same reports whether two policies are one and the same value.
func same(a, b Policy) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t.Comparable() && a == b
}

// Close says that the pool is gone.
func (c *Chain) Close() {
	c.dismissTwins()
	c.main.Close()
}

// Len returns the number of members.
func (c *Chain) Len() int { return c.main.length }

// Load returns the arithmetic mean of the registered loads, zero without members.
func (c *Chain) Load() float64 { return c.main.Load() }

// All visits the members in order of registration. They must not change meanwhile.
func (c *Chain) All() iter.Seq[*Member] { return c.main.All() }

// Config returns by which policies the pool goes.
func (c *Chain) Config() *ChainConfig { return c.config }

// Plain returns the selector that does all the work where there is one trusted policy
// alone, nil elsewhere. It is for those in a hurry.
func (c *Chain) Plain() *Selector {
	if c.lanes == nil {
		return &c.main
	}
	return nil
}

// Policy returns the policy that the pool goes by at present.
func (c *Chain) Policy() Policy {
	if c.lanes == nil {
		return c.main.policy
	}
	return c.lanes[c.active].policy
}

// Add takes in m with its Element, Owner and Tags set, and without a history. It
// comes after its equals.
func (c *Chain) Add(now time.Time, m *Member) {
	if c.lanes == nil {
		c.main.Add(now, m)
		return
	}
	c.at(now)
	c.main.Add(now, m)
	for _, t := range c.twins {
		t.seq = c.main.seq
		t.join(now, twin(m, &Member{}))
	}
	c.settle()
}

// Update ranks m anew after a re-registration, which also resets its selections.
func (c *Chain) Update(now time.Time, m *Member) {
	if c.lanes == nil {
		c.main.Update(now, m)
		return
	}
	c.at(now)
	c.main.Update(now, m)
	for _, t := range c.twins {
		n := t.members[m.slot]
		n.Tags = m.Tags
		t.Update(now, n)
	}
	c.settle()
}

// Retag ranks m anew after a change of its tags alone.
func (c *Chain) Retag(now time.Time, m *Member) {
	c.at(now)
	c.main.reenter(m)
	for _, t := range c.twins {
		n := t.members[m.slot]
		n.Tags = m.Tags
		t.reenter(n)
	}
	c.settle()
}

// Failed notes that m has failed.
func (c *Chain) Failed(now time.Time, m *Member, why Reason) {
	if c.lanes == nil {
		c.main.Failed(now, m, why)
		return
	}
	c.at(now)
	c.main.Failed(now, m, why)
	for _, t := range c.twins {
		t.Failed(now, t.members[m.slot], why)
	}
	c.settle()
}

// Remove forgets m.
func (c *Chain) Remove(m *Member) {
	for _, t := range c.twins {
		t.Remove(t.members[m.slot])
	}
	c.main.Remove(m)
	c.settle()
}

// Refresh ranks all members anew by the policies that depend on any of the inputs.
func (c *Chain) Refresh(now time.Time, changed Inputs) {
	c.at(now)
	c.main.Refresh(now, changed)
	for _, t := range c.twins {
		t.Refresh(now, changed)
	}
	c.settle()
}

// NextTick returns when Tick is due, the zero time for never.
func (c *Chain) NextTick() time.Time {
	if c.lanes == nil {
		return time.Time{}
	}
	next := c.main.NextTick()
	for _, t := range c.twins {
		next = earlier(next, t.NextTick())
	}
	for l := range c.all {
		next = earlier(next, l.breaker.until)
	}
	return next
}

// Tick does what has become due.
func (c *Chain) Tick(now time.Time) {
	if c.lanes == nil {
		return
	}
	c.at(now)
	c.main.Tick(now)
	for _, t := range c.twins {
		t.Tick(now)
	}
	c.settle()
	for l := range c.all {
		if due(l.breaker.until, now) {
			c.retry(l)
		}
	}
	c.settle()
}

// at notes the present time, where it is told.
func (c *Chain) at(now time.Time) {
	if now.IsZero() {
		return
	}
	c.now = now
	c.main.at(now)
	for _, t := range c.twins {
		t.at(now)
	}
}

// call has f called by the owner, and settles what comes of it.
func (c *Chain) call(f func(now time.Time)) {
	then := func(now time.Time) {
		c.at(now)
		f(now)
		c.settle()
	}
	if c.run == nil {
		then(time.Time{})
		return
	}
	c.run(then)
}
