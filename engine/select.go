package engine

// Select appends up to the number of members asked for to dst, best first and none
// twice, and counts the leading ones as selected. It finds at least one where there
// is one, unless the chain is configured otherwise.
func (c *Chain) Select(r *Request, dst []*Member) []*Member {
	if c.lanes == nil {
		return c.main.Select(r, dst)
	}
	c.at(r.Now)
	start := len(dst)
	dst, mark := c.answer(r, dst)
	chosen := dst[start:]
	c.rehearse(r, chosen)
	if !r.Preview {
		for _, m := range chosen[:min(mark, len(chosen))] {
			slot := m.slot
			c.main.markSelected(m)
			for _, t := range c.twins {
				t.markSelected(t.members[slot])
			}
		}
	}
	c.settle()
	return dst
}

// answer asks the policy in use, and those after it as long as there is no answer. It
// returns how many leading elements count as selected.
func (c *Chain) answer(r *Request, dst []*Member) ([]*Member, int) {
	start := len(dst)
	for _, l := range c.lanes[c.active:] {
		if !l.working() && (l.last || l.breaker.phase == closed) {
			c.engage(l) // to stand by
		}
		if !l.usable() || !l.working() {
			continue
		}
		s := l.selector
		before := s.faults
		if s.watch != nil {
			s.watch.declined = false
		}
		dst = s.choose(r, dst)
		if len(dst) > start {
			if s != &c.main {
				for i, m := range dst[start:] {
					dst[start+i] = m.Owner.(*Member)
				}
			}
			return dst, s.mark
		}
		declined := s.watch != nil && s.watch.declined
		if declined && !l.declined {
			l.declined = true
			c.tell(Event{Kind: PoolTooLarge, Policy: l.description})
		}
		if s.faults == before && !declined && c.config.WhenNone == Empty {
			break
		}
		if !l.last {
			for _, n := range l.counts() {
				n.Passed++
			}
		}
	}
	return dst, 0
}

// rehearse asks the policies whose answers are not used: one in a trial, and the one
// in the shadow about a share of the requests.
func (c *Chain) rehearse(r *Request, chosen []*Member) {
	for _, l := range c.lanes[:c.active] {
		if l.breaker.phase == trial && l.working() && l.away == nil {
			c.ask(l, r)
		}
	}
	l := c.shadow
	if l == nil || !l.working() || l.away != nil || r.Preview || l.selector.rand.Float64() >= c.config.Sample {
		return
	}
	first := c.ask(l, r)
	differs := (first == nil) != (len(chosen) == 0) || first != nil && first.Owner != any(chosen[0])
	for _, n := range l.counts() {
		n.Asked++
		if differs {
			n.Differed++
		}
	}
}

// ask returns whom the policy of l would choose first, nil for nobody.
func (c *Chain) ask(l *lane, r *Request) *Member {
	c.scratch = l.selector.choose(r, c.scratch[:0])
	if len(c.scratch) == 0 {
		return nil
	}
	return c.scratch[0]
}
