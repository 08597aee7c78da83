package engine

// uniform is the order of a Drawn policy that gives everybody the same weight:
// there is none.
type uniform struct{ selector *Selector }

func (o *uniform) add(*Member)                    {}
func (o *uniform) remove(*Member)                 {}
func (o *uniform) update(*Member)                 {}
func (o *uniform) selected(m *Member, seq uint64) { m.seq = seq }
func (o *uniform) renumbered([]*Member)           {}

func (o *uniform) choose(n int, _ *Request, dst []*Member) []*Member {
	return o.selector.draw(n, dst)
}

func (o *uniform) walk(_ *Request, visit func(*Member) bool) { o.selector.shuffle(visit) }

// draw appends n different members, each set and order being as likely as any
// other. There are at least n.
func (s *Selector) draw(n int, dst []*Member) []*Member {
	if n > s.length/2 {
		return s.drawMost(n, dst)
	}
	// At most every other try finds a member that is taken, at most every
	// third a gap: a handful of tries each, whatever the size.
	s.beginDraw()
	for n > 0 {
		m := s.members[s.rand.IntN(len(s.members))]
		if m != nil && s.take(m) {
			dst = append(dst, m)
			n--
		}
	}
	return dst
}

// drawMost is draw for a large share of the members: it goes through all of them,
// takes each with the probability that fills the answer, and shuffles.
func (s *Selector) drawMost(n int, dst []*Member) []*Member {
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

// shuffle visits the members in random order until visit returns false.
func (s *Selector) shuffle(visit func(*Member) bool) {
	s.beginDraw()
	for left := s.length; left > s.length/2; {
		m := s.members[s.rand.IntN(len(s.members))]
		if m == nil || !s.take(m) {
			continue
		}
		if left--; !visit(m) {
			return
		}
	}
	// Too many are taken to come upon the others by chance.
	rest := s.rest[:0]
	for m := range s.All() {
		if s.take(m) {
			rest = append(rest, m)
		}
	}
	for i := len(rest); i > 0; i-- {
		j := s.rand.IntN(i)
		rest[i-1], rest[j] = rest[j], rest[i-1]
		if !visit(rest[i-1]) {
			break
		}
	}
	clear(rest)
	s.rest = rest
}

// beginDraw numbers a draw, so that members can be stamped with it. Numbers come
// around after four billion; then all stamps are wiped.
func (s *Selector) beginDraw() {
	if s.draws++; s.draws == 0 {
		for m := range s.All() {
			m.stamp = 0
		}
		s.draws = 1
	}
}

// take stamps m and reports whether the present draw had not taken it yet.
func (s *Selector) take(m *Member) bool {
	if m.stamp == s.draws {
		return false
	}
	m.stamp = s.draws
	return true
}
