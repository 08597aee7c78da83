package handlespace

import (
	"iter"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Pool is the elements that are registered under one handle. It exists while it
// has any.
type Pool struct {
	handle   rserpool.Handle
	space    *Space
	selector *engine.Selector
	elements index[rserpool.ElementID, *Entry]
	shares   []share
	sum      uint64 // of the handle, for checksums
	options  Options
	policy   rserpool.PolicyType
	protocol rserpool.Protocol
	use      rserpool.TransportUse

	// Attachment is for the owner of the Space, as Entry.Attachment is.
	Attachment any
}

// Handle returns the pool's handle.
func (p *Pool) Handle() rserpool.Handle { return p.handle }

// Type returns the policy type that the elements register and that users are told.
func (p *Pool) Type() rserpool.PolicyType { return p.policy }

// Policy returns the policy by which elements are selected.
func (p *Pool) Policy() engine.Policy { return p.selector.Policy() }

// Selector returns what chooses among the elements, for changing the policy and
// telling it of what it depends on. The elements are not to be changed through it.
func (p *Pool) Selector() *engine.Selector { return p.selector }

// Options returns the options that the pool was made with.
func (p *Pool) Options() Options { return p.options }

// Len returns the number of elements.
func (p *Pool) Len() int { return p.selector.Len() }

// Find returns the element with the identifier, nil where there is none.
func (p *Pool) Find(id rserpool.ElementID) *Entry {
	e, _ := p.elements.find(id)
	return e
}

// Elements visits the elements in order of registration. They must not change
// meanwhile.
func (p *Pool) Elements() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for m := range p.selector.All() {
			if !yield(m.Owner.(*Entry)) {
				return
			}
		}
	}
}

// Select appends up to n elements to dst, in the order of the pool's policy and
// none twice, and counts the leading ones as selected.
func (p *Pool) Select(n int, dst []*Entry) []*Entry {
	return p.Answer(engine.Request{Items: n}, dst)
}

// Answer is Select with all that there is to say about a request.
func (p *Pool) Answer(r engine.Request, dst []*Entry) []*Entry {
	chosen := p.selector.Select(r, p.space.scratch[:0])
	for _, m := range chosen {
		dst = append(dst, m.Owner.(*Entry))
	}
	p.space.scratch = chosen[:0]
	return dst
}

// limit returns the number of elements that the pool may have, zero for any.
func (p *Pool) limit() int {
	if p.options.MaxElements > 0 {
		return p.options.MaxElements
	}
	return p.space.config.MaxPoolElements
}
