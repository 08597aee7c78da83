package handlespace

import (
	"maps"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// options returns the options of the pool of a handle.
func (s *Space) options(h rserpool.Handle) *Options {
	if s.config.Options != nil {
		if o := s.config.Options(h); o != nil {
			return o
		}
	}
	return &none
}

// chainOf returns by which policies a pool goes, nil where nobody knows the one that
// its elements ask for.
func (s *Space) chainOf(o *Options, wire rserpool.PolicyType) *engine.ChainConfig {
	if len(o.Chain.Policies) > 0 {
		return &o.Chain
	}
	if c := s.standard[wire]; c != nil && o == &none {
		return c
	}
	p, known := s.config.Policies.ByType(wire)
	if !known {
		return nil
	}
	c := o.Chain
	c.Policies = []engine.Policy{p}
	if o == &none {
		s.standard[wire] = &c
	}
	return &c
}

// SetOptions changes the policies by which pools are made from now on, and their
// options. Those that are there stay as they are: see Pool.Adopt.
func (s *Space) SetOptions(policies *engine.Registry, options func(rserpool.Handle) *Options) {
	s.config.Policies, s.config.Options = policies, options
	clear(s.standard)
}

// Try reports why options are not fit for the pool as it is now. Nothing changes.
func (p *Pool) Try(now time.Time, o *Options) error {
	if o == nil {
		o = &none
	}
	if len(o.Chain.Policies) == 0 && o.Chain.Shadow == nil {
		return nil
	}
	return p.chain.Try(now, &o.Chain)
}

// Adopt lets the options apply that a pool of this handle would be made with now,
// and reports whether that changes by which policies elements are selected.
func (p *Pool) Adopt(now time.Time) bool {
	o := p.space.options(p.handle)
	before, tags := p.chain.Config(), p.options.Tags
	p.options = o
	if !tags.None() || !o.Tags.None() {
		for e := range p.Elements() {
			if t := o.tags(&e.element); !maps.Equal(t, e.member.Tags) {
				e.member.Tags = t
				p.chain.Retag(now, &e.member)
			}
		}
	}
	if chain := p.space.chainOf(o, p.policy); chain != nil {
		p.chain.Reconfigure(now, chain)
	}
	return p.chain.Config() != before
}

// Close lets the policies of all pools know that they are used no longer.
func (s *Space) Close() {
	for p := range s.All() {
		p.chain.Close()
	}
}

// count returns the counts of a policy in all pools.
func (s *Space) count(policy string) *engine.Counts {
	n := s.counts[policy]
	if n == nil {
		n = &engine.Counts{}
		s.counts[policy] = n
	}
	return n
}

// Counts returns what happened to policies in all pools, by their names. Those of
// the RFCs are there only if they are part of a chain.
func (s *Space) Counts() map[string]engine.Counts {
	all := make(map[string]engine.Counts, len(s.counts))
	for name, n := range s.counts {
		all[name] = *n
	}
	return all
}

func (p *Pool) notice(e engine.Event) {
	if p.space.config.Notice != nil {
		p.space.config.Notice(p, e)
	}
}

// tags returns the tags of an element: its own, and above them those by its
// addresses.
func (o *Options) tags(e *rserpool.Element) rserpool.Tags {
	for _, ip := range e.UserTransport.Addresses {
		if extra := o.Tags.Find(ip); extra != nil {
			tags := make(rserpool.Tags, len(e.Tags)+len(extra))
			maps.Copy(tags, e.Tags)
			maps.Copy(tags, extra)
			return tags
		}
	}
	return e.Tags
}

// addAttributes gives a request the attributes by the user's address.
func (o *Options) addAttributes(r *engine.Request) {
	extra := o.Requests.Find(r.UserAddress)
	if extra == nil {
		return
	}
	if r.Attributes == nil {
		r.Attributes = extra
		return
	}
	r.Attributes = maps.Clone(r.Attributes)
	maps.Copy(r.Attributes, extra)
}
