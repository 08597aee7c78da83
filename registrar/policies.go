package registrar

import (
	"maps"
	"slices"

	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/status"
)

// policiesOf returns the policies that are part of a chain, with what happened to
// them in all pools there were.
func policiesOf(space *handlespace.Space) []status.Policy {
	all := map[string]*status.Policy{}
	for name, n := range space.Counts() {
		all[name] = &status.Policy{Name: name, Pools: map[string]int{}, PolicyCounts: countsOf(n)}
	}
	seen := map[string]bool{}
	note := func(p *engine.PolicyStatus) {
		s := all[p.Name]
		if !seen[p.Name] {
			seen[p.Name], s.Version, s.Hash = true, p.Version, p.Hash
		} else if s.Version != p.Version || s.Hash != p.Hash {
			s.Version, s.Hash = "", ""
		}
		s.Pools[p.Standing.String()]++
	}
	for p := range space.All() {
		if !p.Chained() {
			continue
		}
		s := p.Status()
		for i := range s.Policies {
			note(&s.Policies[i])
		}
		if s.Shadow != nil {
			note(s.Shadow)
		}
	}
	var list []status.Policy
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}

func chainStatus(s engine.Status) (chain []status.PoolPolicy, shadow *status.PoolPolicy) {
	for i := range s.Policies {
		chain = append(chain, poolPolicyOf(&s.Policies[i]))
	}
	if s.Shadow != nil {
		p := poolPolicyOf(s.Shadow)
		shadow = &p
	}
	return chain, shadow
}

func poolPolicyOf(p *engine.PolicyStatus) status.PoolPolicy {
	return status.PoolPolicy{
		Name: p.Name, Version: p.Version, Hash: p.Hash,
		Standing: p.Standing.String(), Reason: text(p.Reason), LastFault: text(p.LastFault),
		Truncated: p.Truncated, PolicyCounts: countsOf(p.Counts),
	}
}

func countsOf(n engine.Counts) status.PolicyCounts {
	return status.PolicyCounts{Faults: n.Faults, Trips: n.Trips, Passed: n.Passed, ShadowAsked: n.Asked, ShadowDiffered: n.Differed}
}

// text returns an error in words, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
