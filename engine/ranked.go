package engine

// ranked is the order of a Ranked policy: a sorted list.
type ranked struct {
	selector *Selector
	policy   Ranked
	ranks    ranks
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

// add ranks a new member.
func (o *ranked) add(m *Member) {
	m.key = o.selector.firstKey(o.policy, m)
	o.ranks.insert(m)
}

func (o *ranked) remove(m *Member) { o.ranks.remove(m) }

func (o *ranked) update(m *Member) { o.ranks.move(m, o.key(m), m.seq) }

func (o *ranked) selected(m *Member, seq uint64) {
	k := m.key
	if o.selector.depends(Selections) {
		k = o.key(m)
	}
	o.ranks.move(m, k, seq)
}

func (o *ranked) choose(n int, _ *Request, dst []*Member) []*Member {
	return o.ranks.choose(o.selector.members, n, o.selector.strict, dst)
}

func (o *ranked) walk(_ *Request, visit func(*Member) bool) {
	o.ranks.walk(o.selector.members, o.selector.strict, visit)
}

func (o *ranked) renumbered(old []*Member) { o.ranks.rank(old) }
