package engine

import "math"

// rebase is the position beyond which all keys are set back. Below it, a key
// still resolves the smallest step that a 32-bit weight can ask for.
const rebase = 1024

// golden is the golden ratio's fraction. Its multiples, less their whole parts,
// fall far from each other however many there are.
const golden = 0.6180339887498949

// paced is the order of a Paced policy: stride scheduling. The key of a member is
// the position at which its next turn comes. Members join at different fractions
// of their first step, so that light ones do not come up all at once and leave
// the rest of the round to the heavy ones.
type paced struct {
	selector *Selector
	policy   Paced
	ranks    ranks
	joined   uint32
}

// position is where the pool stands: at its next turn.
func (o *paced) position() float64 {
	if k, ok := o.ranks.first(); ok && k < math.Inf(1) {
		return k
	}
	return 0
}

// step asks the policy; in a fault the member moves on by the largest step.
func (o *paced) step(m *Member) float64 {
	d := o.policy.Step(m)
	if d > 0 && d <= 1 || d > math.MaxFloat64 {
		return d
	}
	o.selector.noResult(m, "step", d)
	return 1
}

func (o *paced) add(m *Member) {
	_, phase := math.Modf(golden * float64(o.joined))
	o.joined++
	if d := o.step(m); d <= 1 {
		m.key = o.position() + phase*d
	} else {
		m.key = d
	}
	o.ranks.insert(m)
}

func (o *paced) remove(m *Member) { o.ranks.remove(m) }

// update keeps the turn of m where it is, unless m could not serve and now can, or
// the reverse. A shorter step brings a turn forward that lies beyond it.
func (o *paced) update(m *Member) {
	k := o.step(m)
	if k <= 1 {
		k = min(m.key, o.position()+k)
	}
	o.ranks.move(m, k, m.seq)
}

func (o *paced) selected(m *Member, seq uint64) {
	o.ranks.move(m, m.key+o.step(m), seq)
	if p := o.position(); p >= rebase {
		o.setBack(p)
	}
}

func (o *paced) choose(n int, _ *Request, dst []*Member) []*Member {
	return o.ranks.choose(o.selector.members, n, o.selector.strict, dst)
}

func (o *paced) walk(_ *Request, visit func(*Member) bool) {
	o.ranks.walk(o.selector.members, o.selector.strict, visit)
}

func (o *paced) renumbered(old []*Member) { o.ranks.rank(old) }

// setBack takes p from all keys. That keeps their order: the differences lie on a
// grid at least as fine as that of the keys, so that no two become equal.
func (o *paced) setBack(p float64) {
	for m := range o.selector.All() {
		m.key -= p
	}
	o.ranks.rank(o.selector.members)
}
