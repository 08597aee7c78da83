package engine

import "cmp"

// filtered is an order that leaves out whom the policy's Filter does not admit.
type filtered struct {
	order
	selector *Selector
	max      int // members asked about in a selection

	// Of the present selection:
	request *Request
	scanned int
	wanted  int
	chosen  []*Member
	visit   func(*Member) bool // is consider
}

// filtered returns o, behind the policy's filter if it has one.
func (s *Selector) filtered(o order, d *Description) order {
	if s.watch == nil || s.watch.filter == nil {
		return o
	}
	f := &filtered{order: o, selector: s, max: cmp.Or(d.MaxScan, DefaultScan)}
	f.visit = f.consider
	return f
}

func (o *filtered) choose(n int, r *Request, dst []*Member) []*Member {
	o.request, o.scanned, o.wanted, o.chosen = r, 0, n, dst
	o.order.walk(r, o.visit)
	dst = o.chosen
	o.request, o.chosen = nil, nil
	return dst
}

// consider takes m if it is admitted, and reports whether to go on.
func (o *filtered) consider(m *Member) bool {
	if o.scanned == o.max {
		o.selector.watch.truncated++
		return false
	}
	o.scanned++
	ok, err := o.selector.admit(m, o.request)
	switch {
	case err != nil:
		o.selector.fault(err)
		return !o.selector.failing()
	case ok:
		o.chosen = append(o.chosen, m)
		o.wanted--
	}
	return o.wanted > 0
}
