package handlespace

import rserpool "github.com/rspool/rspool"

// Cursor is a place in a walk: behind the element that it names, whether that
// still exists or not. The zero Cursor is the beginning.
type Cursor struct {
	Handle rserpool.Handle
	ID     rserpool.ElementID
}

// Everybody is the owner of a Walk over all elements.
const Everybody rserpool.RegistrarID = 0

// Walk visits the elements that a registrar owns, in order of handle and then of
// identifier, from a cursor on. Where visit returns false, having no room for
// the element, the walk ends in front of it. Walk returns where to go on, and
// whether there is more.
//
// Any change is allowed between two walks, none within. An element that is there
// from the first walk to the last is visited exactly once.
func (s *Space) Walk(id rserpool.RegistrarID, from Cursor, visit func(*Entry) bool) (Cursor, bool) {
	if id != Everybody && s.owners[id] == nil {
		return from, false
	}
	more := false
	s.sorted.from(from.Handle, func(h rserpool.Handle, p *Pool) bool {
		if id != Everybody {
			if _, found := p.share(id); !found {
				return true
			}
		}
		var first rserpool.ElementID
		if h == from.Handle {
			if from.ID == ^rserpool.ElementID(0) {
				return true
			}
			first = from.ID + 1
		}
		p.elements.from(first, func(_ rserpool.ElementID, e *Entry) bool {
			if id != Everybody && e.element.Home != id {
				return true
			}
			if !visit(e) {
				more = true
				return false
			}
			from = Cursor{Handle: h, ID: e.element.ID}
			return true
		})
		return !more
	})
	return from, more
}
