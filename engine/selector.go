package engine

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Request is what a selection is asked for.
type Request struct {
	// Items is the number of elements wanted.
	Items int
	// Preview says that nobody is about to use the answer: nothing in it
	// counts as selected.
	Preview bool
}

// Selector chooses among the members of one pool. It is not safe for concurrent
// use.
type Selector struct {
	policy Policy
	hooks  Hooks // nil without
	order  order
	inputs Inputs
	mark   int
	rand   *rand.Rand

	members []*Member // in order of registration; nil where one was removed
	length  int
	seq     uint64 // of the latest addition or selection
	faults  uint64
	draws   uint32 // see Selector.draw
}

// order is what a form of policy keeps to choose quickly.
type order interface {
	// add takes in m, whose slot is set and whose seq is newer than all.
	add(m *Member)
	remove(m *Member)
	// update ranks m anew: its values, or the inputs of its policy, changed.
	update(m *Member)
	// selected ranks m anew after a selection that gave it a newer seq.
	selected(m *Member, seq uint64)
	// choose appends up to r.Items different members, best first. There are
	// as many in the pool, and at least one.
	choose(r Request, dst []*Member) []*Member
	// renumbered follows a change of slots.
	renumbered()
}

// NewSelector returns a Selector without members. Chance comes from r, which
// several selectors may share if one goroutine uses them all.
func NewSelector(p Policy, r *rand.Rand) *Selector {
	s := &Selector{rand: r}
	s.SetPolicy(p)
	return s
}

// SetPolicy changes the policy, and with it the number of elements that count as
// selected. All members are ranked by the new policy, whose hooks take them for
// registered. Their counters, and who was selected longest ago, stay.
func (s *Selector) SetPolicy(p Policy) {
	d := p.Describe()
	s.policy, s.inputs, s.mark = p, d.Inputs, d.Mark
	if o, ok := p.(PerPool); ok {
		p = o.Open(s.rand)
	}
	s.hooks, _ = p.(Hooks)
	switch p := p.(type) {
	case Paced:
		s.order = &paced{selector: s, policy: p}
	case Drawn:
		s.order = &drawn{selector: s, policy: p}
		if d.Uniform {
			s.order = &uniform{selector: s}
		}
	case Ranked:
		s.order = &ranked{selector: s, policy: p}
	default:
		panic("engine: policy " + d.Name + " is neither Ranked nor Paced nor Drawn")
	}
	s.closeGaps()
	for _, m := range s.members {
		s.enter(m)
	}
}

// enter hands m to the policy.
func (s *Selector) enter(m *Member) {
	if s.hooks != nil {
		s.hooks.Registered(m)
	}
	s.order.add(m)
}

// Policy returns the policy in use.
func (s *Selector) Policy() Policy { return s.policy }

// SetMark changes how many leading elements of an answer count as selected; see
// Description.Mark. A new policy brings its own number.
func (s *Selector) SetMark(n int) { s.mark = n }

// Len returns the number of members.
func (s *Selector) Len() int { return s.length }

// Faults returns how many results of the policy were none: NaN, or a weight or
// step out of range. The member kept its last good rank.
func (s *Selector) Faults() uint64 { return s.faults }

// Add takes in m with its Element and Owner set, and without a history. It comes
// after its equals.
func (s *Selector) Add(m *Member) {
	*m = Member{
		Element:  m.Element,
		Owner:    m.Owner,
		slot:     int32(len(s.members)),
		priority: s.rand.Uint32(),
		seq:      s.nextSeq(),
	}
	s.members = append(s.members, m)
	s.length++
	s.enter(m)
}

// Update ranks m anew after a re-registration, which also resets its selections.
func (s *Selector) Update(m *Member) {
	m.selections = 0
	if s.hooks != nil {
		s.hooks.Registered(m)
	}
	s.order.update(m)
}

// Failed notes that m was reported unreachable at the time given.
func (s *Selector) Failed(m *Member, at time.Time) {
	m.countFailure(at)
	if s.hooks != nil {
		s.hooks.Failed(m)
	}
	if s.depends(Failures) {
		s.order.update(m)
	}
}

// Remove forgets m.
func (s *Selector) Remove(m *Member) {
	s.order.remove(m)
	s.members[m.slot] = nil
	s.length--
	if gaps := len(s.members) - s.length; gaps > s.length/2+fan {
		s.closeGaps()
		s.order.renumbered()
	}
	if s.hooks != nil {
		s.hooks.Deregistered(m)
	}
}

// closeGaps gives the members new slots without gaps. Remove does so after as many
// removals as make up a share of the members, so that its cost is spread over them.
func (s *Selector) closeGaps() {
	if len(s.members) == s.length {
		return
	}
	members := make([]*Member, 0, s.length+s.length/4)
	for m := range s.All() {
		m.slot = int32(len(members))
		members = append(members, m)
	}
	s.members = members
}

// Refresh ranks all members anew if the policy depends on any of the inputs.
func (s *Selector) Refresh(changed Inputs) {
	if s.inputs&changed == 0 {
		return
	}
	for m := range s.All() {
		s.order.update(m)
	}
}

// All visits the members in order of registration. They must not change meanwhile.
func (s *Selector) All() iter.Seq[*Member] {
	return func(yield func(*Member) bool) {
		for _, m := range s.members {
			if m != nil && !yield(m) {
				return
			}
		}
	}
}

// Select appends up to the number of members asked for to dst, best first and
// none twice, and counts the leading ones as selected. It finds at least one
// where there is one.
func (s *Selector) Select(r Request, dst []*Member) []*Member {
	r.Items = min(r.Items, s.length)
	if r.Items <= 0 {
		return dst
	}
	start := len(dst)
	dst = s.order.choose(r, dst)
	if r.Preview {
		return dst
	}
	chosen := dst[start:]
	for _, m := range chosen[:min(s.mark, len(chosen))] {
		m.countSelection()
		if s.hooks != nil {
			s.hooks.Selected(m)
		}
		s.order.selected(m, s.nextSeq())
	}
	return dst
}

func (s *Selector) nextSeq() uint64 {
	s.seq++
	return s.seq
}

// depends reports whether the policy has the input, or keeps state in hooks that
// were just told.
func (s *Selector) depends(in Inputs) bool {
	return s.inputs&in != 0 || s.hooks != nil && s.inputs&State != 0
}
