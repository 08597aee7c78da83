package engine

import (
	"math/rand/v2"
	"slices"
	"time"
)

// lane is one policy of a chain, or the one in its shadow.
type lane struct {
	chain       *Chain
	policy      Policy
	description Description
	last        bool      // of the chain, which has to serve
	selector    *Selector // the main one, or one of twins; nil: not at work
	breaker     breaker
	away        error     // why the instance is unavailable, nil if it is not
	tripped     error     // why the breaker is to open, nil if it is not
	failed      time.Time // when the latest fault came
	declined    bool      // the pool was found too large
	fault       error     // the latest one
	own, all    *Counts   // of this pool, and of all
}

func (c *Chain) newLane(p Policy) *lane {
	l := &lane{chain: c, policy: p, description: p.Describe(), own: &Counts{}, all: &Counts{}}
	if c.counts != nil {
		l.all = c.counts(l.description.Name)
	}
	return l
}

// counts are those of this pool and of all.
func (l *lane) counts() [2]*Counts { return [2]*Counts{l.own, l.all} }

// working reports whether the policy has an instance.
func (l *lane) working() bool { return l.selector != nil && l.selector.working() }

// usable reports whether the policy may be gone by.
func (l *lane) usable() bool {
	return l.last || l.breaker.phase == closed && l.tripped == nil && l.away == nil
}

// all visits the lanes, the shadow among them.
func (c *Chain) all(yield func(*lane) bool) {
	for _, l := range c.lanes {
		if !yield(l) {
			return
		}
	}
	if c.shadow != nil {
		yield(c.shadow)
	}
}

// bind makes s the selector of l.
func (c *Chain) bind(l *lane, s *Selector) {
	l.selector = s
	s.keeper = l
	s.strict = !l.last || c.config.WhenNone == Empty
}

// spare implements keeper: new members for which the policy fails are ranked by the
// next one that tells them from others and cannot fail itself.
func (l *lane) spare() Policy {
	i := slices.Index(l.chain.lanes, l)
	for _, o := range l.chain.lanes[i+1:] {
		if o.description.Trusted && !o.description.Uniform {
			return o.policy
		}
	}
	return nil
}

// faulted implements keeper.
func (l *lane) faulted(err error) bool {
	c := l.chain
	l.fault = err
	for _, n := range l.counts() {
		n.Faults++
	}
	if l.failed.IsZero() || c.now.Sub(l.failed) > c.config.Breaker.Window {
		c.tell(Event{Kind: PolicyFailed, Policy: l.description, Reason: err})
	}
	l.failed = c.now
	if l.last || !l.breaker.count(c.now, &c.config.Breaker) {
		return false
	}
	l.tripped = err
	c.unsettled = true
	return true
}

// wavered implements keeper.
func (l *lane) wavered(why error) {
	l.away = why
	l.chain.unsettled = true
}

func (c *Chain) tell(e Event) {
	if c.notice != nil {
		c.notice(e)
	}
}

// mark applies what the configuration says about marks.
func (c *Chain) mark(s *Selector) {
	if s.mark = c.config.Mark; s.mark == 0 && s.working() {
		s.mark = s.describe().Mark
	}
}

// keep goes on with the instance that the main selector has.
func (c *Chain) keep(l *lane) {
	c.bind(l, &c.main)
	c.mark(&c.main)
	if w := c.main.watch; w != nil && w.pool != nil {
		l.away = w.pool.why
	}
}

// engage puts the policy of l to work on all members. That fails where it cannot be
// opened, or fails for too many members.
func (c *Chain) engage(l *lane) {
	l.away = nil
	if l != c.shadow && l == c.lanes[0] {
		c.compact()
		c.bind(l, &c.main)
	} else {
		c.bind(l, c.newTwins(l))
		c.twins = append(c.twins, l.selector)
	}
	if err := l.selector.SetPolicy(c.now, l.policy); err != nil {
		l.faulted(err)
		l.tripped = err
		c.unsettled = true
		return
	}
	c.mark(l.selector)
}

// newTwins returns a selector with a twin of each member, for l or, with nil, for a
// trial outside the chain.
func (c *Chain) newTwins(l *lane) *Selector {
	c.compact()
	s := &Selector{order: idle{}, setting: &c.setting, rand: c.main.rand, length: c.main.length, loads: c.main.loads, seq: c.main.seq}
	if l == nil || l == c.shadow { // whose draws are not to change those of the others
		own := c.setting
		own.Rand = rand.New(rand.NewPCG(s.rand.Uint64(), s.rand.Uint64()))
		s.setting, s.rand = &own, own.Rand
	}
	s.members = make([]*Member, s.length, s.length+s.length/4)
	all := make([]Member, s.length)
	for i, m := range c.main.members {
		s.members[i] = twin(m, &all[i])
	}
	return s
}

// compact gives all members new slots without gaps, so that one selector that begins
// anew leaves none of its twins behind.
func (c *Chain) compact() {
	c.main.compact()
	for _, t := range c.twins {
		t.compact()
	}
}

// twin makes n what m is to another policy.
func twin(m, n *Member) *Member {
	*n = Member{
		seq:             m.seq,
		Element:         m.Element,
		Owner:           m,
		Tags:            m.Tags,
		selectionsTotal: m.selectionsTotal,
		lastFailure:     m.lastFailure,
		since:           m.since,
		selections:      m.selections,
		failures:        m.failures,
		slot:            m.slot,
		load:            m.load,
	}
	return n
}

// dismiss takes the policy of l from its work.
func (c *Chain) dismiss(l *lane) {
	s := l.selector
	if s == nil {
		return
	}
	s.suspend()
	if s != &c.main {
		c.twins = slices.DeleteFunc(c.twins, func(t *Selector) bool { return t == s })
		l.selector = nil
	}
	l.away = nil
}

func (c *Chain) dismissTwins() {
	for _, t := range c.twins {
		t.suspend()
	}
	c.twins = nil
}

// settle draws the consequences of what happened to the lanes.
func (c *Chain) settle() {
	for c.unsettled {
		c.unsettled = false
		for l := range c.all {
			if err := l.tripped; err != nil {
				l.tripped = nil
				c.dismiss(l)
				l.breaker.trip(c.now, err, &c.config.Breaker)
			}
		}
		c.elect()
	}
}

// elect finds the policy that the pool goes by.
func (c *Chain) elect() {
	was := c.lanes[c.active]
	for i, l := range c.lanes {
		if !l.working() && (l.last || l.breaker.phase == closed && l.tripped == nil) {
			c.engage(l)
		}
		if l.usable() {
			c.active = i
			break
		}
	}
	now := c.lanes[c.active]
	switch i := slices.Index(c.lanes, was); {
	case c.active > i:
		for _, n := range was.counts() {
			n.Trips++
		}
		c.tell(Event{Kind: PolicyLeft, Policy: was.description, Next: now.description.Name, Reason: was.trouble()})
	case c.active < i:
		for _, l := range c.lanes[c.active+1:] {
			c.dismiss(l)
		}
		c.tell(Event{Kind: PolicyReturned, Policy: now.description})
	}
}

// trouble is why a policy is not gone by.
func (l *lane) trouble() error {
	switch {
	case l.away != nil:
		return l.away
	case l.tripped != nil:
		return l.tripped
	}
	return l.breaker.cause
}

// retry follows the end of a breaker's time.
func (c *Chain) retry(l *lane) {
	switch {
	case l.breaker.phase == trial || l == c.shadow:
		l.breaker.heal()
		c.unsettled = true
		if l == c.shadow {
			c.engage(l)
		}
	default:
		l.breaker.try(c.now, &c.config.Breaker)
		c.tell(Event{Kind: PolicyTried, Policy: l.description})
		c.engage(l)
	}
}
