package user

import (
	"container/list"
	"math/rand/v2"
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
	rand     *rand.Rand
	entries  map[rserpool.Handle]*entry
	age      list.List // of *entry, the one learnt longest ago first
}

// entry is a pool as a registrar told it. Elements are chosen by the same engine
// as in the registrar.
type entry struct {
	handle  rserpool.Handle
	policy  rserpool.Policy
	asked   uint32 // Items of the request
	learnt  time.Time
	pushed  bool // kept up to date by the home registrar
	renew   bool // was kept up to date by a former one
	chain   *engine.Chain
	kind    rserpool.PolicyType // that chain works by
	members map[rserpool.ElementID]*member
	place   *list.Element
}

type member struct {
	engine.Member
	element rserpool.Element
	seen    bool
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
	whole := asked == AllItems && len(elements) < maxAnswer
	if kind := selectionType(p.Type, whole); e.chain == nil || e.kind != kind {
		e.kind, e.members = kind, map[rserpool.ElementID]*member{}
		e.chain = c.chain(now, h, kind)
	}
	e.policy, e.asked, e.learnt = p, asked, now
	for i := range elements {
		e.put(now, &elements[i])
	}
	for id, m := range e.members {
		if !m.seen {
			e.remove(id)
		}
		m.seen = false
	}
	return e
}

// chain returns what chooses by the policy of a type, by round robin where it is not
// known: the registrar's order is as good as any.
func (c *cache) chain(now time.Time, h rserpool.Handle, t rserpool.PolicyType) *engine.Chain {
	p, ok := c.policies.ByType(t)
	if !ok {
		p, _ = c.policies.ByType(rserpool.RoundRobin)
	}
	return engine.NewChain(now, &engine.ChainConfig{Policies: []engine.Policy{p}}, engine.Setting{Handle: h, Rand: c.rand}, nil, nil)
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

func (e *entry) put(now time.Time, el *rserpool.Element) {
	if m := e.members[el.ID]; m != nil {
		m.seen, m.element = true, *el
		e.chain.Update(now, &m.Member)
		return
	}
	m := &member{element: *el, seen: true}
	m.Element, m.Owner = &m.element, m
	e.members[el.ID] = m
	e.chain.Add(now, &m.Member)
}

func (e *entry) remove(id rserpool.ElementID) {
	if m := e.members[id]; m != nil {
		e.chain.Remove(&m.Member)
		delete(e.members, id)
	}
}

// choose selects up to n elements but for those to avoid. Where there are some to
// avoid, more are drawn and left out.
func (e *entry) choose(n uint32, avoid []rserpool.ElementID) []rserpool.Element {
	want := int(min(max(n, 1), uint32(e.chain.Len())))
	drawn := e.chain.Select(&engine.Request{Items: want + len(avoid)}, nil)
	chosen := make([]rserpool.Element, 0, want)
	for _, m := range drawn {
		if el := m.Owner.(*member).element; len(chosen) < want && !slices.Contains(avoid, el.ID) {
			chosen = append(chosen, el)
		}
	}
	return chosen
}

// serves reports whether the entry holds as many elements as are wanted, or all
// there are.
func (e *entry) serves(items uint32) bool {
	return e.asked == AllItems || items <= e.asked || uint64(items) <= uint64(e.chain.Len())
}

// drop removes an element that does not serve.
func (c *cache) drop(h rserpool.Handle, id rserpool.ElementID) {
	if e := c.entries[h]; e != nil {
		e.remove(id)
	}
}

// forget removes an entry.
func (c *cache) forget(h rserpool.Handle) {
	if e := c.entries[h]; e != nil {
		c.age.Remove(e.place)
		delete(c.entries, h)
	}
}
