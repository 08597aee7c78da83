package engine

import "math"

// ranked is the order of a Ranked policy: a sorted list.
type ranked struct {
	selector *Selector
	policy   Ranked
	tree     tree
}

// key asks the policy; in a fault the member keeps its key.
func (o *ranked) key(m *Member) float64 {
	k := o.policy.Key(m)
	if k != k {
		o.selector.faults++
		return m.key
	}
	return k
}

func (o *ranked) add(m *Member) {
	m.key = math.MaxFloat64 // in case of a fault: after all others that can serve
	m.key = o.key(m)
	o.tree.insert(m)
}

func (o *ranked) remove(m *Member) { o.tree.remove(m) }

func (o *ranked) update(m *Member) { o.tree.move(m, o.key(m), m.seq) }

func (o *ranked) selected(m *Member, seq uint64) {
	k := m.key
	if o.selector.depends(Selections) {
		k = o.key(m)
	}
	o.tree.move(m, k, seq)
}

func (o *ranked) choose(r Request, dst []*Member) []*Member { return o.tree.choose(r.Items, dst) }

func (o *ranked) renumbered() {}

// choose appends the first n members. Those with an infinite key are left out,
// unless the first one has it already.
func (t *tree) choose(n int, dst []*Member) []*Member {
	last := t.first.key
	if last < math.Inf(1) {
		last = math.MaxFloat64
	}
	for m := t.first; m != nil && n > 0 && m.key <= last; m = m.next {
		dst = append(dst, m)
		n--
	}
	return dst
}
