package user

import (
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// view is the elements of an entry as one policy sorts them. It works by the same
// engine as the registrar does.
type view struct {
	config  *engine.ChainConfig // nil: by the pool's policy
	kind    rserpool.PolicyType // which that is
	chain   *engine.Chain
	members map[rserpool.ElementID]*member
}

type member struct {
	engine.Member
	element rserpool.Element
	seen    bool
}

// maxViews bounds the policies by which one pool is looked at. The one that was made
// longest ago goes first.
const maxViews = 8

// view returns the entry as a policy sorts it.
func (c *cache) view(now time.Time, e *entry, by *engine.ChainConfig) *view {
	for _, v := range e.views {
		if v.config == by {
			return v
		}
	}
	if len(e.views) == maxViews {
		c.close(e.views[0])
		e.views = slices.Delete(e.views, 0, 1)
	}
	v := &view{config: by, kind: e.kind(), members: map[rserpool.ElementID]*member{}}
	if by == nil {
		by = &engine.ChainConfig{Policies: []engine.Policy{c.policy(v.kind)}}
	}
	setting := c.setting
	setting.Handle = e.handle
	v.chain = engine.NewChain(now, by, setting, func(ev engine.Event) { c.notice(e.handle, ev) }, nil)
	if v.chain.Chained() {
		c.chained = append(c.chained, v)
	}
	e.views = append(e.views, v)
	v.learn(now, e.elements)
	return v
}

// policy returns the policy of a type, round robin where it is not known: the
// registrar's order is as good as any.
func (c *cache) policy(t rserpool.PolicyType) engine.Policy {
	if p, ok := c.policies.ByType(t); ok {
		return p
	}
	p, _ := c.policies.ByType(rserpool.RoundRobin)
	return p
}

// close lets the policies of a view know that they are used no longer.
func (c *cache) close(v *view) {
	v.chain.Close()
	c.chained = slices.DeleteFunc(c.chained, func(o *view) bool { return o == v })
}

// nextTick returns when a policy has something to do, the zero time for never.
func (c *cache) nextTick() time.Time {
	var next time.Time
	for _, v := range c.chained {
		next = earlier(next, v.chain.NextTick())
	}
	return next
}

// tick lets the policies do what has become due.
func (c *cache) tick(now time.Time) {
	for _, v := range c.chained {
		if at := v.chain.NextTick(); !at.IsZero() && !at.After(now) {
			v.chain.Tick(now)
		}
	}
}

// learn takes over what a registrar said. Elements that were known keep their place.
func (v *view) learn(now time.Time, elements []rserpool.Element) {
	for i := range elements {
		v.put(now, &elements[i])
	}
	for id, m := range v.members {
		if !m.seen {
			v.remove(id)
		}
		m.seen = false
	}
}

func (v *view) put(now time.Time, el *rserpool.Element) {
	if m := v.members[el.ID]; m != nil {
		m.seen, m.element, m.Tags = true, *el, el.Tags
		v.chain.Update(now, &m.Member)
		return
	}
	m := &member{element: *el, seen: true}
	m.Element, m.Owner, m.Tags = &m.element, m, el.Tags
	v.members[el.ID] = m
	v.chain.Add(now, &m.Member)
}

func (v *view) remove(id rserpool.ElementID) {
	if m := v.members[id]; m != nil {
		v.chain.Remove(&m.Member)
		delete(v.members, id)
	}
}
