package user

import (
	"container/list"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// cache holds answers of the registrar, to choose from without asking again
// (RFC 5352, Section 3.3). It is bounded by the number of its pools: the one that
// was learnt longest ago goes first, unless it is watched.
type cache struct {
	limit    int
	policies *engine.Registry
	setting  engine.Setting
	notice   func(rserpool.Handle, engine.Event)
	entries  map[rserpool.Handle]*entry
	age      list.List // of *entry, the one learnt longest ago first
	chained  []*view   // those with more than a built-in policy
}

// entry is a pool as a registrar told it.
type entry struct {
	handle   rserpool.Handle
	policy   rserpool.Policy
	asked    uint32 // Items of the request
	learnt   time.Time
	pushed   bool // kept up to date by the home registrar
	renew    bool // was kept up to date by a former one
	elements []rserpool.Element
	views    []*view
	place    *list.Element
}

// fresh reports whether an entry needs no question.
func (e *entry) fresh(now time.Time, cacheTime time.Duration) bool {
	return e.pushed || now.Sub(e.learnt) < cacheTime
}

// learn puts an answer into the cache. Elements that were known keep their place
// in the order of selection.
func (c *cache) learn(now time.Time, h rserpool.Handle, p rserpool.Policy, elements []rserpool.Element, asked uint32) *entry {
	e := c.entries[h]
	if e == nil {
		if len(c.entries) >= c.limit {
			c.forget(c.age.Front().Value.(*entry).handle)
		}
		e = &entry{handle: h}
		e.place = c.age.PushBack(e)
		c.entries[h] = e
	}
	c.age.MoveToBack(e.place)
	e.policy, e.asked, e.learnt = p, asked, now
	e.elements = slices.Clone(elements)
	e.views = slices.DeleteFunc(e.views, func(v *view) bool {
		stale := v.config == nil && v.kind != e.kind()
		if stale {
			c.close(v)
		}
		return stale
	})
	for _, v := range e.views {
		v.learn(now, e.elements)
	}
	return e
}

// kind is the policy type by which elements are chosen where nothing else is said.
func (e *entry) kind() rserpool.PolicyType {
	return selectionType(e.policy.Type, e.asked == AllItems && len(e.elements) < maxAnswer)
}

// maxAnswer is the number of elements at which registrars, deployed ones and this
// module's, end an answer. One of that size may not be the whole pool.
const maxAnswer = 128

// selectionType returns the policy by which a user chooses from an answer. Where
// the answer is the registrar's selection, and not the whole pool, its weights
// have had their effect already (RFC 5356, Sections 4.2.3, 4.4.3 and 5.4.3). An
// answer without a policy means round robin (RFC 5352, Section 2.2.6).
func selectionType(t rserpool.PolicyType, whole bool) rserpool.PolicyType {
	switch {
	case t == 0:
		return rserpool.RoundRobin
	case whole:
		return t
	}
	switch t {
	case rserpool.WeightedRoundRobin:
		return rserpool.RoundRobin
	case rserpool.WeightedRandom, rserpool.WeightedRandomDPF,
		rserpool.RandomizedLeastUsed, rserpool.RandomizedLeastUsedDegradation:
		return rserpool.Random
	}
	return t
}

// choose selects up to n elements but for those to avoid, by a policy or, without
// one, by that of the pool. Where there are some to avoid, more are drawn and left
// out.
func (c *cache) choose(now time.Time, e *entry, by caller) []rserpool.Element {
	want := int(min(max(by.items, 1), uint32(len(e.elements))))
	r := &engine.Request{Items: want + len(by.avoid), Now: now, Handle: e.handle, Attributes: by.attributes}
	drawn := c.view(now, e, by.policy).chain.Select(r, nil)
	chosen := make([]rserpool.Element, 0, want)
	for _, m := range drawn {
		if el := m.Owner.(*member).element; len(chosen) < want && !slices.Contains(by.avoid, el.ID) {
			chosen = append(chosen, el)
		}
	}
	return chosen
}

// serves reports whether the entry holds as many elements as are wanted, or all
// there are.
func (e *entry) serves(items uint32) bool {
	return e.asked == AllItems || items <= e.asked || uint64(items) <= uint64(len(e.elements))
}

// drop removes an element that does not serve.
func (c *cache) drop(now time.Time, h rserpool.Handle, id rserpool.ElementID) {
	e := c.entries[h]
	if e == nil {
		return
	}
	e.elements = slices.DeleteFunc(e.elements, func(el rserpool.Element) bool { return el.ID == id })
	for _, v := range e.views {
		if m := v.members[id]; m != nil {
			v.chain.Failed(now, &m.Member, engine.Unreachable)
			v.remove(id)
		}
	}
}

// forget removes an entry.
func (c *cache) forget(h rserpool.Handle) {
	e := c.entries[h]
	if e == nil {
		return
	}
	c.age.Remove(e.place)
	delete(c.entries, h)
	for _, v := range e.views {
		c.close(v)
	}
}
