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
		o.selector.noResult(m, "key", k)
		return m.key
	}
	return k
}

// add ranks a new member. In a fault it has the key that it would have by the next
// policy of the chain, and without one it comes after all others that can serve.
func (o *ranked) add(m *Member) {
	k := o.policy.Key(m)
	if k != k {
		o.selector.noResult(m, "key", k)
		if k = o.selector.spareKey(m); k != k {
			k = math.MaxFloat64
		}
	}
	m.key = k
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

func (o *ranked) choose(n int, _ *Request, dst []*Member) []*Member {
	return o.tree.choose(n, o.selector.strict, dst)
}

func (o *ranked) walk(_ *Request, visit func(*Member) bool) { o.tree.walk(o.selector.strict, visit) }

func (o *ranked) renumbered() {}

// last returns the largest key with which a member may be chosen: those with an
// infinite key are left out, unless the first one has it already and somebody has
// to be chosen.
func (t *tree) lastKey(strict bool) float64 {
	if t.first.key < math.Inf(1) || strict {
		return math.MaxFloat64
	}
	return t.first.key
}

// choose appends the first n members that may be chosen.
func (t *tree) choose(n int, strict bool, dst []*Member) []*Member {
	last := t.lastKey(strict)
	for m := t.first; m != nil && n > 0 && m.key <= last; m = m.next {
		dst = append(dst, m)
		n--
	}
	return dst
}

// walk visits the members that may be chosen, in order, until visit returns false.
func (t *tree) walk(strict bool, visit func(*Member) bool) {
	if t.first == nil {
		return
	}
	last := t.lastKey(strict)
	for m := t.first; m != nil && m.key <= last && visit(m); m = m.next {
	}
}
