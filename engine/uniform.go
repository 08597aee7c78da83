package engine

// uniform is the order of a Drawn policy that gives everybody the same weight:
// there is none.
type uniform struct {
	selector *Selector
	draw     draw
}

func (o *uniform) add(*Member)                    {}
func (o *uniform) remove(*Member)                 {}
func (o *uniform) update(*Member)                 {}
func (o *uniform) selected(m *Member, seq uint64) { m.seq = seq }
func (o *uniform) renumbered()                    {}

func (o *uniform) choose(n int, dst []*Member) []*Member {
	return o.draw.uniform(o.selector, n, dst)
}

// draw numbers the draws of a Selector, so that a member can be stamped with the
// one that returned it.
type draw struct{ number uint32 }

// begin starts a draw. Numbers come around after four billion; then all stamps
// are wiped.
func (d *draw) begin(s *Selector) {
	if d.number++; d.number == 0 {
		for m := range s.All() {
			m.stamp = 0
		}
		d.number = 1
	}
}

// take stamps m and reports whether this draw had not returned it yet.
func (d *draw) take(m *Member) bool {
	if m.stamp == d.number {
		return false
	}
	m.stamp = d.number
	return true
}

// uniform appends n different members, each set and order being as likely as any
// other. There are at least n.
func (d *draw) uniform(s *Selector, n int, dst []*Member) []*Member {
	if n > s.length/2 {
		return d.most(s, n, dst)
	}
	// At most every other try finds a member that is taken, at most every
	// third a gap: a handful of tries each, whatever the size.
	d.begin(s)
	for n > 0 {
		m := s.members[s.rand.IntN(len(s.members))]
		if m != nil && d.take(m) {
			dst = append(dst, m)
			n--
		}
	}
	return dst
}

// most is uniform for a large share of the members: it goes through all of them,
// takes each with the probability that fills the answer, and shuffles.
func (d *draw) most(s *Selector, n int, dst []*Member) []*Member {
	start, left := len(dst), s.length
	for m := range s.All() {
		if n == 0 {
			break
		}
		if s.rand.IntN(left) < n {
			dst = append(dst, m)
			n--
		}
		left--
	}
	chosen := dst[start:]
	for i := len(chosen) - 1; i > 0; i-- {
		j := s.rand.IntN(i + 1)
		chosen[i], chosen[j] = chosen[j], chosen[i]
	}
	return dst
}
