package engine

import (
	"cmp"
	"errors"
	"slices"
)

// picked is the order of a Chooser: a plain list.
type picked struct {
	selector *Selector
	policy   Chooser
	max      int
	members  []*Member // in order of registration
	answer   []*Member
}

func newPicked(s *Selector, p Chooser, d *Description) *picked {
	return &picked{selector: s, policy: p, max: cmp.Or(d.MaxElements, DefaultElements)}
}

func (o *picked) add(m *Member) { o.members = append(o.members, m) }

func (o *picked) remove(m *Member) {
	i, _ := slices.BinarySearchFunc(o.members, m.slot, func(o *Member, slot int32) int { return cmp.Compare(o.slot, slot) })
	o.members = slices.Delete(o.members, i, i+1)
}

func (o *picked) update(*Member)                    {}
func (o *picked) selected(m *Member, seq uint64)    { m.seq = seq }
func (o *picked) renumbered([]*Member)              {}
func (o *picked) walk(*Request, func(*Member) bool) {} // a Chooser has no Filter

// The ways in which an answer is none.
var (
	errStranger = errors.New("the answer has somebody who is not in the pool")
	errTwice    = errors.New("the answer has somebody twice")
)

func (o *picked) choose(n int, r *Request, dst []*Member) []*Member {
	if len(o.members) > o.max {
		o.selector.watch.declined = true
		return dst
	}
	answer, err := choose(o.policy, o.members, r, o.answer[:0])
	if err == nil {
		err = o.check(answer)
	}
	if err != nil {
		o.selector.fault(err)
		return dst
	}
	dst = append(dst, answer[:min(len(answer), n)]...)
	clear(answer)
	o.answer = answer
	return dst
}

// check returns what is wrong with an answer.
func (o *picked) check(answer []*Member) error {
	o.selector.beginDraw()
	for _, m := range answer {
		if !o.selector.has(m) {
			return errStranger
		}
		if !o.selector.take(m) {
			return errTwice
		}
	}
	return nil
}
