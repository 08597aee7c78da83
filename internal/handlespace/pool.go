package handlespace

import (
	"iter"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Pool is the elements that are registered under one handle. It exists while it
// has any.
type Pool struct {
	handle   rserpool.Handle
	space    *Space
	chain    *engine.Chain
	elements index[rserpool.ElementID, *Entry]
	shares   []share
	sum      uint64 // of the handle, for checksums
	options  *Options
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

// Policy returns the policy by which elements are selected at present.
func (p *Pool) Policy() engine.Policy { return p.chain.Policy() }

// Status returns what became of the policies that the pool may go by.
func (p *Pool) Status() engine.Status { return p.chain.Status() }

// Chained reports whether there is more to the pool's policy than one that is built
// in.
func (p *Pool) Chained() bool { return p.chain.Chained() }

// NextTick returns when Tick is due, the zero time for never.
func (p *Pool) NextTick() time.Time { return p.chain.NextTick() }

// Tick lets the policies do what has become due.
func (p *Pool) Tick(now time.Time) { p.chain.Tick(now) }

// Options returns the options that apply to the pool.
func (p *Pool) Options() *Options { return p.options }

// Len returns the number of elements.
func (p *Pool) Len() int { return p.chain.Len() }

// Find returns the element with the identifier, nil where there is none.
func (p *Pool) Find(id rserpool.ElementID) *Entry {
	e, _ := p.elements.find(id)
	return e
}

// Elements visits the elements in order of registration. They must not change
// meanwhile.
func (p *Pool) Elements() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for m := range p.chain.All() {
			if !yield(m.Owner.(*Entry)) {
				return
			}
		}
	}
}

// Select appends up to n elements to dst, in the order of the pool's policy and
// none twice, and counts the leading ones as selected.
func (p *Pool) Select(n int, dst []*Entry) []*Entry {
	p.space.request.Items = n // and nothing else, ever
	return p.choose(&p.space.request, dst)
}

// Answer is Select with all that there is to say about a request. The handle is set
// here, and attributes that the pool's options have for the user's address are added.
func (p *Pool) Answer(r *engine.Request, dst []*Entry) []*Entry {
	r.Handle = p.handle
	if !p.options.Requests.None() {
		p.options.addAttributes(r)
	}
	return p.choose(r, dst)
}

func (p *Pool) choose(r *engine.Request, dst []*Entry) []*Entry {
	chosen := p.space.scratch[:0]
	if s := p.chain.Plain(); s != nil {
		chosen = s.Select(r, chosen)
	} else {
		chosen = p.chain.Select(r, chosen)
	}
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
