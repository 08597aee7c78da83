package engine

import (
	"cmp"
	"math"
)

// affine is the order of an Affine policy: a ring on which each member has points in
// proportion to its weight. The key of a member is its weight.
//
// How many points a weight stands for follows from the weights of all, but in large
// steps only, since then everybody's points change: as long as the mean of the
// weights, taken of their logarithms, stays within a factor of two, a member that
// comes, goes or changes moves its own share alone. That mean, unlike the sum, is
// not in the hands of a single member.
type affine struct {
	selector *Selector
	policy   Affine
	weights  interface{ Weight(*Member) float64 } // nil: all weigh the same
	points   float64                              // of a member that weighs 2 to the power of scale
	scale    float64
	logs     float64 // sum of the logarithms of the weights above zero
	weighing int     // number of those
	ring     ring

	// Of the present selection:
	wanted int
	chosen []*Member
	left   int                // members not come upon yet
	visit  func(*Member) bool // of walk
	taking func(*Member) bool // is take
	coming func(*Member) bool // is come
}

// maxShare bounds the points of one member to so many times those of the average.
const maxShare = 10

func newAffine(s *Selector, p Affine, d *Description) *affine {
	o := &affine{selector: s, policy: p, points: float64(cmp.Or(d.RingPoints, DefaultPoints))}
	o.weights, _ = p.(interface{ Weight(*Member) float64 })
	if q, ok := p.(Drawn); ok && !d.Trusted && !d.Guarded {
		o.weights = &guardedDrawn{q, s}
	}
	o.taking, o.coming = o.take, o.come
	return o
}

// number is how many points a weight stands for.
func (o *affine) number(weight float64) int {
	if weight == 0 {
		return 0
	}
	n := math.Round(o.points * weight * math.Exp2(-o.scale))
	return int(min(max(n, 1), maxShare*o.points))
}

// at is the hash of a member's point.
func at(m *Member, number int) uint64 { return mix(uint64(m.Element.ID)<<32 | uint64(number)) }

func (o *affine) weigh(m *Member, otherwise float64) float64 {
	if o.weights == nil {
		return 1
	}
	w := o.weights.Weight(m)
	if w >= 0 && w <= maxWeight {
		return w
	}
	o.selector.noResult(m, "weight", w)
	return otherwise
}

func (o *affine) add(m *Member) {
	o.enter(m, o.weigh(m, math.Exp2(o.scale)))
	o.rescale()
}

func (o *affine) remove(m *Member) {
	o.leave(m)
	o.rescale()
}

func (o *affine) update(m *Member) {
	w := o.weigh(m, m.key)
	if w == m.key {
		return
	}
	o.leave(m)
	o.enter(m, w)
	o.rescale()
}

func (o *affine) selected(m *Member, seq uint64) {
	m.seq = seq
	if o.weights != nil && o.selector.depends(Selections) {
		o.update(m)
	}
}

// enter gives m a weight and its points.
func (o *affine) enter(m *Member, weight float64) {
	m.key = weight
	if weight > 0 {
		o.logs += math.Log2(weight)
		o.weighing++
	}
	for i := range o.number(weight) {
		o.ring.insert(at(m, i), m)
	}
}

// leave takes the points of m away.
func (o *affine) leave(m *Member) {
	if m.key > 0 {
		o.logs -= math.Log2(m.key)
		o.weighing--
	}
	for i := range o.number(m.key) {
		o.ring.remove(at(m, i))
	}
}

// rescale follows the mean of the weights.
func (o *affine) rescale() {
	if o.weighing == 0 {
		return
	}
	mean := o.logs / float64(o.weighing)
	if math.Abs(mean-o.scale) <= 1 {
		return
	}
	o.scale = math.Round(mean)
	old := o.ring.table
	o.ring = ring{}
	o.selector.beginDraw()
	for _, p := range old {
		if p.member == nil || !o.selector.take(p.member) {
			continue
		}
		for i := range o.number(p.member.key) {
			o.ring.insert(at(p.member, i), p.member)
		}
	}
}

func (o *affine) renumbered([]*Member) {}

func (o *affine) choose(n int, r *Request, dst []*Member) []*Member {
	o.wanted, o.chosen = n, dst
	o.walk(r, o.taking)
	dst = o.chosen
	o.chosen = nil
	return dst
}

// take takes m into the answer, and reports whether more are wanted.
func (o *affine) take(m *Member) bool {
	o.chosen = append(o.chosen, m)
	o.wanted--
	return o.wanted > 0
}

func (o *affine) walk(r *Request, visit func(*Member) bool) {
	hash, err := affinity(o.policy, r)
	if err != nil {
		o.selector.fault(err)
		return
	}
	if o.ring.count == 0 {
		if !o.selector.strict {
			o.selector.shuffle(visit)
		}
		return
	}
	o.selector.beginDraw()
	o.left, o.visit = o.weighing, visit
	o.ring.from(hash, o.coming)
	o.visit = nil
}

// come comes upon a point of m, not always the first one.
func (o *affine) come(m *Member) bool {
	if !o.selector.take(m) {
		return true
	}
	o.left--
	return o.visit(m) && o.left > 0
}
