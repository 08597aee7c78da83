package engine

import (
	"cmp"
	"math"
	"slices"
)

// sampled is the order of a Ranked policy that looks at a few members only: each has
// its key, and nobody is sorted before a selection. An answer of n elements has the
// best n of Sample+n-1 members drawn at random, of which none is drawn twice.
type sampled struct {
	selector *Selector
	policy   Ranked
	size     int
	filters  bool // there is a filter
	max      int  // members that it is asked about

	// Of the present selection:
	request *Request
	scanned int
	wanted  int
	drawn   []*Member
	visit   func(*Member) bool // is consider
}

func newSampled(s *Selector, p Ranked, d *Description) *sampled {
	o := &sampled{selector: s, policy: p, size: d.Sample, filters: s.watch != nil && s.watch.filter != nil, max: cmp.Or(d.MaxScan, DefaultScan)}
	o.visit = o.consider
	return o
}

func (o *sampled) add(m *Member) {
	m.key = o.selector.firstKey(o.policy, m)
}

func (o *sampled) remove(*Member) {}

func (o *sampled) update(m *Member) {
	if k := o.policy.Key(m); k == k {
		m.key = k
	} else {
		o.selector.noResult(m, "key", k)
	}
}

func (o *sampled) selected(m *Member, seq uint64) {
	m.seq = seq
	if o.selector.depends(Selections) {
		o.update(m)
	}
}

func (o *sampled) renumbered([]*Member) {}

func (o *sampled) choose(n int, r *Request, dst []*Member) []*Member {
	o.request, o.scanned, o.wanted, o.drawn = r, 0, o.size+n-1, o.drawn[:0]
	o.selector.shuffle(o.visit)
	o.request = nil
	slices.SortFunc(o.drawn, func(a, b *Member) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	for i, m := range o.drawn {
		if i == n || m.key > math.MaxFloat64 && (i > 0 && o.drawn[0].key <= math.MaxFloat64 || o.selector.strict) {
			break
		}
		dst = append(dst, m)
	}
	clear(o.drawn)
	return dst
}

// consider takes m if it is admitted, and reports whether to go on.
func (o *sampled) consider(m *Member) bool {
	if o.filters {
		if o.scanned == o.max {
			o.selector.watch.truncated++
			return false
		}
		o.scanned++
		ok, err := o.selector.admit(m, o.request)
		if err != nil {
			o.selector.fault(err)
			return !o.selector.failing()
		}
		if !ok {
			return true
		}
	}
	o.drawn = append(o.drawn, m)
	o.wanted--
	return o.wanted > 0
}

// walk is not used: the order filters itself.
func (o *sampled) walk(*Request, func(*Member) bool) {}
