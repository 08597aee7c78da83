package handlespace

import (
	"maps"

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
