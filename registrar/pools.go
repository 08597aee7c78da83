package registrar

import (
	"cmp"
	"fmt"
	"net/netip"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
)

// poolOptions returns what the configuration says about the pool of a handle.
func poolOptions(pools []PoolConfig, maxIncrement int, policies *engine.Registry) (func(rserpool.Handle) *handlespace.Options, error) {
	var patterns handlespace.Patterns[*handlespace.Options]
	for i := range pools {
		o, err := optionsOf(&pools[i], maxIncrement, policies)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", pools[i].Pattern, err)
		}
		if err := patterns.Add(pools[i].Pattern, o); err != nil {
			return nil, err
		}
	}
	var rest *handlespace.Options
	if maxIncrement != 0 {
		rest = &handlespace.Options{Chain: engine.ChainConfig{Mark: maxIncrement}}
	}
	return func(h rserpool.Handle) *handlespace.Options {
		if o, ok := patterns.Find(h); ok {
			return o
		}
		return rest
	}, nil
}

// optionsOf returns the options that a PoolConfig describes.
func optionsOf(p *PoolConfig, maxIncrement int, policies *engine.Registry) (*handlespace.Options, error) {
	o := &handlespace.Options{
		Chain: engine.ChainConfig{
			WhenNone: p.WhenNone,
			Breaker:  p.Breaker,
			Sample:   p.ShadowSample,
			Mark:     cmp.Or(p.MaxIncrement, maxIncrement),
		},
		WirePolicy:  p.WirePolicy,
		MaxItems:    p.MaxItems,
		MaxElements: p.MaxElements,
	}
	if err := chainOf(&o.Chain, p, policies); err != nil {
		return nil, err
	}
	if err := checkPrefixes(p.Tags); err != nil {
		return nil, err
	}
	if err := checkPrefixes(p.Requests); err != nil {
		return nil, err
	}
	for prefix, tags := range p.Tags {
		if err := tags.Check(); err != nil {
			return nil, fmt.Errorf("tags of %s: %w", prefix, err)
		}
	}
	o.Tags, o.Requests = handlespace.NewPrefixes(p.Tags), handlespace.NewPrefixes(p.Requests)
	return o, nil
}

// chainOf finds the policies by their names.
func chainOf(c *engine.ChainConfig, p *PoolConfig, policies *engine.Registry) error {
	if p.Policy == "" {
		if len(p.Fallback) > 0 {
			return fmt.Errorf("there is a fallback without a policy: name the policy")
		}
	} else {
		for _, name := range append([]string{p.Policy}, p.Fallback...) {
			policy, err := policies.Find(name)
			if err != nil {
				return err
			}
			for _, other := range c.Policies {
				if other.Describe().Name == policy.Describe().Name {
					return fmt.Errorf("policy %q is in the chain twice: remove one", name)
				}
			}
			c.Policies = append(c.Policies, policy)
		}
	}
	if p.Shadow == "" {
		return nil
	}
	if p.ShadowSample < 0 || p.ShadowSample > 1 || p.ShadowSample != p.ShadowSample {
		return fmt.Errorf("shadow sample %v: want a share from 0 to 1", p.ShadowSample)
	}
	var err error
	c.Shadow, err = policies.Find(p.Shadow)
	return err
}

// checkPrefixes refuses prefixes that are the same.
func checkPrefixes[V any](m map[netip.Prefix]V) error {
	for prefix := range m {
		if !prefix.IsValid() || prefix != prefix.Masked() {
			return fmt.Errorf("prefix %s: want the address of a network, as in 192.0.2.0/24", prefix)
		}
	}
	return nil
}
