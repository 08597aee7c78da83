package handlespace

import (
	"cmp"
	"slices"

	rserpool "github.com/rspool/rspool"
)

// owner is what is known of a registrar that owns elements.
type owner struct {
	id         rserpool.RegistrarID
	generation uint32
	count      int
	sum        uint64 // unfolded; see Checksum
}

// share is the number of elements of a pool that one registrar owns.
type share struct {
	owner rserpool.RegistrarID
	count int32
}

// own makes id the owner of e, which has none.
func (s *Space) own(e *Entry, id rserpool.RegistrarID) {
	o := s.owners[id]
	if o == nil {
		o = &owner{id: id}
		s.owners[id] = o
	}
	o.count++
	o.sum += e.sum()
	e.owner, e.generation = o, o.generation

	p := e.pool
	i, found := p.share(id)
	if !found {
		p.shares = slices.Insert(p.shares, i, share{owner: id})
	}
	p.shares[i].count++
}

// disown is the reverse of own.
func (s *Space) disown(e *Entry) {
	o := e.owner
	o.count--
	o.sum -= e.sum()
	e.owner = nil
	if o.count == 0 {
		delete(s.owners, o.id)
	}
	p := e.pool
	i, _ := p.share(o.id)
	if p.shares[i].count--; p.shares[i].count == 0 {
		p.shares = slices.Delete(p.shares, i, i+1)
	}
}

func (p *Pool) share(id rserpool.RegistrarID) (int, bool) {
	return slices.BinarySearchFunc(p.shares, id, func(s share, id rserpool.RegistrarID) int {
		return cmp.Compare(s.owner, id)
	})
}

// SetHome makes id the home registrar of e: after a takeover, say.
func (s *Space) SetHome(e *Entry, id rserpool.RegistrarID) {
	if e.pool == nil || e.element.Home == id {
		return
	}
	s.disown(e)
	e.element.Home = id
	s.own(e, id)
}

// Owned returns the number of elements that a registrar owns.
func (s *Space) Owned(id rserpool.RegistrarID) int {
	if o := s.owners[id]; o != nil {
		return o.count
	}
	return 0
}

// Mark marks all elements that a registrar owns, at the cost of one. A
// registration, SetHome to that registrar, and Unmark take the mark off
// (RFC 5353, Section 3.6.2).
func (s *Space) Mark(id rserpool.RegistrarID) {
	if o := s.owners[id]; o != nil {
		o.generation++
	}
}

// Unmark takes the mark off e.
func (s *Space) Unmark(e *Entry) {
	if e.owner != nil {
		e.generation = e.owner.generation
	}
}

// Marked appends the elements of a registrar that are still marked to dst, in
// order of handle and identifier.
func (s *Space) Marked(id rserpool.RegistrarID, dst []*Entry) []*Entry {
	s.Walk(id, Cursor{}, func(e *Entry) bool {
		if e.generation != e.owner.generation {
			dst = append(dst, e)
		}
		return true
	})
	return dst
}
