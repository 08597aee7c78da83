package status

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolPolicy is one of the policies that a pool may go by.
type PoolPolicy struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`
	// Standing is "in-use", "standing-by" (it answers what the one in use does
	// not), "idle", "open" (it failed, and is left alone), "trial" (it is asked
	// again, for nothing), "unavailable" or "shadowing".
	Standing string `json:"standing"`
	// Reason is why it is open or unavailable, LastFault the latest fault.
	Reason    string `json:"reason,omitempty"`
	LastFault string `json:"last_fault,omitempty"`
	// Truncated is the selections that ended before the filter had seen everybody.
	Truncated uint64 `json:"truncated,omitempty"`
	PolicyCounts
}

// PolicyCounts count what happened to a policy.
type PolicyCounts struct {
	Faults uint64 `json:"faults"`
	// Trips is how often a pool left the policy for the next one of its chain.
	Trips uint64 `json:"trips"`
	// Passed is the requests that the next policy answered instead.
	Passed uint64 `json:"passed"`
	// ShadowAsked is the selections that it was asked about in shadow, and
	// ShadowDiffered those for which it chose somebody else.
	ShadowAsked    uint64 `json:"shadow_asked,omitempty"`
	ShadowDiffered uint64 `json:"shadow_differed,omitempty"`
}

// Policy is a policy that is part of a chain in any pool.
type Policy struct {
	Name string `json:"name"`
	// Version and Hash are those in use, where the pools agree.
	Version string `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`
	// Pools is the number of pools by the standing that the policy has there.
	Pools map[string]int `json:"pools"`
	PolicyCounts
}

// Names of policies come from the configuration, so that they are few.
var (
	descPolicyInfo     = metric("policy_info", "Always 1; the labels tell which version of a policy is in use.", "policy", "version", "hash")
	descPolicyPools    = metric("policy_pools", "Pools that have the policy in their chain, by what it does there: in-use, standing-by, idle, open (it failed), trial, unavailable, shadowing.", "policy", "standing")
	descPolicyFaults   = metric("policy_faults_total", "Errors, panics and results that are none, by policy.", "policy")
	descPolicyTrips    = metric("policy_trips_total", "Times that a pool left the policy for the next one of its chain.", "policy")
	descPolicyPassed   = metric("policy_passed_total", "Resolutions that the next policy of the chain answered instead.", "policy")
	descPolicyAsked    = metric("policy_shadow_selections_total", "Selections that the policy was asked about in shadow.", "policy")
	descPolicyDiffered = metric("policy_shadow_differences_total", "Selections for which the policy in shadow chose another element.", "policy")
)

func (p *Policy) collect(ch chan<- prometheus.Metric) {
	g := gauges(ch)
	if p.Version != "" || p.Hash != "" {
		g(descPolicyInfo, 1, p.Name, p.Version, p.Hash)
	}
	for _, standing := range slices.Sorted(maps.Keys(p.Pools)) {
		g(descPolicyPools, float64(p.Pools[standing]), p.Name, standing)
	}
	c := counters(ch)
	for _, n := range []struct {
		desc *prometheus.Desc
		n    uint64
	}{
		{descPolicyFaults, p.Faults},
		{descPolicyTrips, p.Trips},
		{descPolicyPassed, p.Passed},
		{descPolicyAsked, p.ShadowAsked},
		{descPolicyDiffered, p.ShadowDiffered},
	} {
		c.one(n.desc, n.n, p.Name)
	}
}
