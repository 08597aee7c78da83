package engine

// newOrder returns the order for the form of p, without members.
func (s *Selector) newOrder(p Policy, d *Description) order {
	guarded := d.Trusted || d.Guarded
	switch q := p.(type) {
	case Chooser:
		return newPicked(s, q, d)
	case Affine:
		return s.filtered(newAffine(s, q, d), d)
	case Paced:
		if !guarded {
			q = &guardedPaced{q, s}
		}
		return s.filtered(&paced{selector: s, policy: q}, d)
	case Drawn:
		if d.Uniform {
			return s.filtered(&uniform{selector: s}, d)
		}
		if !guarded {
			q = &guardedDrawn{q, s}
		}
		return s.filtered(&drawn{selector: s, policy: q}, d)
	case Ranked:
		if !guarded {
			q = &guardedRanked{q, s}
		}
		if d.Sample > 1 {
			return newSampled(s, q, d)
		}
		return s.filtered(&ranked{selector: s, policy: q}, d)
	}
	panic("engine: policy " + d.Name + " has none of the forms")
}

// formed reports whether a policy has one of the forms.
func formed(p Policy) bool {
	switch p.(type) {
	case Ranked, Paced, Drawn, Affine, Chooser:
		return true
	}
	return false
}

// idle is the order of a selector without an instance: nobody is selected.
type idle struct{}

func (idle) add(*Member)                                       {}
func (idle) remove(*Member)                                    {}
func (idle) update(*Member)                                    {}
func (idle) selected(m *Member, seq uint64)                    { m.seq = seq }
func (idle) choose(_ int, _ *Request, dst []*Member) []*Member { return dst }
func (idle) walk(*Request, func(*Member) bool)                 {}
func (idle) renumbered([]*Member)                              {}
