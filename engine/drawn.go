package engine

import "math"

// maxWeight keeps the sum of all weights finite, however many there are.
const maxWeight = math.MaxFloat64 / (1 << 31)

// drawn is the order of a Drawn policy: a tree of sums over the weights of all
// slots. The key of a member is its weight.
type drawn struct {
	selector *Selector
	policy   Drawn
	sums     sums
	visited  []*Member // by walk
}

// weigh asks the policy; in a fault the member keeps its weight.
func (o *drawn) weigh(m *Member) {
	if w := o.policy.Weight(m); w >= 0 && w <= maxWeight {
		m.key = w
	} else {
		o.selector.noResult(m, "weight", w)
	}
	o.sums.set(int(m.slot), m.key)
}

// add weighs a new member. In a fault it has the weight that it would have by the
// next policy of the chain, and without one what an average member weighs.
func (o *drawn) add(m *Member) {
	w := o.policy.Weight(m)
	if !(w >= 0 && w <= maxWeight) {
		o.selector.noResult(m, "weight", w)
		if w = o.selector.spareWeight(m); w != w {
			w = 1
			if others := o.selector.length - 1; others > 0 {
				w = o.sums.total() / float64(others)
			}
		}
	}
	m.key = w
	o.sums.set(int(m.slot), w)
}

func (o *drawn) remove(m *Member) { o.sums.set(int(m.slot), 0) }

func (o *drawn) update(m *Member) { o.weigh(m) }

func (o *drawn) selected(m *Member, seq uint64) {
	m.seq = seq
	if o.selector.depends(Selections) {
		o.weigh(m)
	}
}

func (o *drawn) renumbered([]*Member) {
	o.sums = sums{}
	for m := range o.selector.All() {
		o.sums.set(int(m.slot), m.key)
	}
}

// walk draws one after the other. Those drawn weigh nothing until it is over.
func (o *drawn) walk(_ *Request, visit func(*Member) bool) {
	if !(o.sums.total() > 0) {
		if !o.selector.strict {
			o.selector.shuffle(visit)
		}
		return
	}
	visited := o.visited[:0]
	for more := true; more; {
		slot := o.sums.find(o.selector.rand.Float64() * o.sums.total())
		if slot < 0 {
			break
		}
		m := o.selector.members[slot]
		visited = append(visited, m)
		o.sums.set(slot, 0)
		more = visit(m)
	}
	for _, m := range visited {
		o.sums.set(int(m.slot), m.key)
	}
	clear(visited)
	o.visited = visited
}

func (o *drawn) choose(n int, _ *Request, dst []*Member) []*Member {
	total := o.sums.total()
	if !(total > 0) {
		if o.selector.strict {
			return dst
		}
		return o.selector.draw(n, dst)
	}
	o.selector.beginDraw()
	start, taken := len(dst), 0.0

	// While at most half of the weight is taken, whoever is drawn twice is drawn
	// again: that leaves the others in proportion.
	for tries := 8 + 4*n; n > 0 && tries > 0 && taken <= total/2; tries-- {
		m := o.selector.members[o.sums.find(o.selector.rand.Float64()*total)]
		if o.selector.take(m) {
			taken += m.key
			dst = append(dst, m)
			n--
		}
	}
	if n == 0 {
		return dst
	}

	// Beyond that, those taken weigh nothing until the draw is over.
	for _, m := range dst[start:] {
		o.sums.set(int(m.slot), 0)
	}
	for ; n > 0; n-- {
		slot := o.sums.find(o.selector.rand.Float64() * o.sums.total())
		if slot < 0 {
			break
		}
		dst = append(dst, o.selector.members[slot])
		o.sums.set(slot, 0)
	}
	for _, m := range dst[start:] {
		o.sums.set(int(m.slot), m.key)
	}
	return dst
}
