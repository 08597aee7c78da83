package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Explanation says how the members of a pool come in their order.
type Explanation struct {
	// Policy is the one that the pool goes by.
	Policy Description
	// Form is what it goes by: "key", "turns", "weight", "chance", "affinity",
	// "sample" or "choice".
	Form string
	// Members are in the order in which they would be selected, where that is
	// decided, and those that are out of the question come last. Where chance
	// decides, the likeliest come first.
	Members []Explained
	// Total is the number of members, of which there may be fewer in Members.
	Total int
	// Fault is why the policy says nothing about the request, nil if it does.
	Fault error
}

// Explained is a member in an Explanation.
type Explained struct {
	*Member
	// Key is the member's key, position or weight, by the Form.
	Key float64
	// Eligible says that the member may be selected while somebody else may be.
	Eligible bool
	// Reason is why it stands where it does, as the end of a sentence about it.
	Reason string
}

// Explain says how the members come in their order for a request, of which up to limit
// are listed. Nothing counts as selected, and no fault counts. The members belong to
// the chain, or to its policy: they are to be looked at before anything else happens.
func (c *Chain) Explain(r *Request, limit int) Explanation {
	s := &c.main
	if c.lanes != nil && c.lanes[c.active].selector != nil {
		s = c.lanes[c.active].selector
	}
	e := s.Explain(r, limit)
	if s != &c.main {
		for i := range e.Members {
			e.Members[i].Member = e.Members[i].Owner.(*Member)
		}
	}
	return e
}

// Explain is Chain.Explain for one policy.
func (s *Selector) Explain(r *Request, limit int) Explanation {
	e := Explanation{Policy: s.policy.Describe(), Total: s.length}
	if !s.working() {
		e.rest(slices.Collect(s.All()), "the policy is not at work")
		return e
	}
	o := s.order
	if f, ok := o.(*filtered); ok {
		o = f.order
	}
	all := slices.Collect(s.All())
	switch o := o.(type) {
	case *ranked:
		e.byKey("key", all)
	case *paced:
		e.byKey("turns", all)
	case *sampled:
		e.byKey("sample", all)
		for i := range e.Members {
			if m := &e.Members[i]; m.Eligible {
				m.Reason = fmt.Sprintf("taken if it has the smallest key of %d that are drawn", o.size)
			}
		}
	case *uniform:
		e.byChance("chance", all, func(*Member) float64 { return 1 })
	case *drawn:
		e.byChance("weight", all, func(m *Member) float64 { return m.key })
	case *affine:
		e.byRing(o, all, r)
	case *picked:
		e.byChoice(o, all, r)
	}
	if s.watch != nil && s.watch.filter != nil {
		e.filter(s, r)
	}
	e.Members = e.Members[:min(len(e.Members), max(0, limit))]
	return e
}

// byKey is for members that are sorted.
func (e *Explanation) byKey(form string, all []*Member) {
	e.Form = form
	slices.SortFunc(all, func(a, b *Member) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq)) })
	for i, m := range all {
		x := Explained{Member: m, Key: m.key, Eligible: m.key < math.Inf(1)}
		switch {
		case !x.Eligible && form == "turns":
			x.Reason = "cannot serve: the policy gives it an infinite step"
		case !x.Eligible:
			x.Reason = "cannot serve: the policy gives it an infinite key"
		case i > 0 && all[i-1].key == m.key:
			x.Reason = "equal to the one before, and selected or registered later"
		case form == "turns":
			x.Reason = "has its turn at this position"
		case i == 0:
			x.Reason = "the smallest key"
		default:
			x.Reason = "a larger key than those before"
		}
		e.Members = append(e.Members, x)
	}
}

// byChance is for members that are drawn.
func (e *Explanation) byChance(form string, all []*Member, weight func(*Member) float64) {
	e.Form = form
	total := 0.0
	for _, m := range all {
		total += weight(m)
	}
	slices.SortStableFunc(all, func(a, b *Member) int { return cmp.Compare(weight(b), weight(a)) })
	for _, m := range all {
		w := weight(m)
		x := Explained{Member: m, Key: w, Eligible: w > 0}
		if x.Reason = "cannot serve: the policy gives it the weight 0"; x.Eligible {
			x.Reason = fmt.Sprintf("drawn with a chance of %.3g %%", 100*w/total)
		}
		e.Members = append(e.Members, x)
	}
}

// byRing is for members that are found by the request.
func (e *Explanation) byRing(o *affine, all []*Member, r *Request) {
	e.Form = "affinity"
	hash, err := affinity(o.policy, r)
	if err != nil {
		e.Fault = err
		e.rest(all, "its place depends on the request")
		return
	}
	var found []*Member
	if o.ring.count > 0 {
		o.selector.beginDraw()
		left := o.weighing
		o.ring.from(hash, func(m *Member) bool {
			if o.selector.take(m) {
				found = append(found, m)
				left--
			}
			return left > 0
		})
	}
	for i, m := range found {
		reason := "the next on the ring, if those before cannot serve"
		if i == 0 {
			reason = "the first on the ring behind the place of the request"
		}
		e.Members = append(e.Members, Explained{m, m.key, true, reason})
	}
	e.rest(all, "cannot serve: the policy gives it the weight 0")
}

// byChoice is for a policy that is asked about the whole pool.
func (e *Explanation) byChoice(o *picked, all []*Member, r *Request) {
	e.Form = "choice"
	if len(o.members) > o.max {
		e.Fault = fmt.Errorf("the pool has %d elements, more than the %d that the policy looks at", len(o.members), o.max)
		e.rest(all, "the pool is too large for the policy")
		return
	}
	whole := *r
	whole.Items = len(o.members)
	answer, err := choose(o.policy, o.members, &whole, nil)
	if err == nil {
		err = o.check(answer)
	}
	if err != nil {
		e.Fault = err
		answer = nil
	}
	for i, m := range answer {
		e.Members = append(e.Members, Explained{m, math.NaN(), true, fmt.Sprintf("number %d of the policy's answer", i+1)})
	}
	e.rest(all, "not in the policy's answer")
}

// rest adds those who are not there yet.
func (e *Explanation) rest(all []*Member, reason string) {
	there := make(map[*Member]bool, len(e.Members))
	for _, x := range e.Members {
		there[x.Member] = true
	}
	for _, m := range all {
		if !there[m] {
			e.Members = append(e.Members, Explained{m, m.key, false, reason})
		}
	}
}

// filter says whom the policy's filter leaves out. They come last.
func (e *Explanation) filter(s *Selector, r *Request) {
	asked := cmp.Or(s.describe().MaxScan, DefaultScan)
	for i := range e.Members {
		m := &e.Members[i]
		if i >= asked {
			m.Eligible, m.Reason = false, fmt.Sprintf("not reached: the filter is asked about %d elements at most", asked)
			continue
		}
		switch ok, err := s.admit(m.Member, r); {
		case err != nil:
			m.Eligible, m.Reason = false, "left out: its filter fails: "+err.Error()
		case !ok:
			m.Eligible, m.Reason = false, "left out by the filter"
		}
	}
	slices.SortStableFunc(e.Members, func(a, b Explained) int { return boolean(b.Eligible) - boolean(a.Eligible) })
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
