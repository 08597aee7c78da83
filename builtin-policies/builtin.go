// Package builtin holds the selection policies of RFC 5356 and the published
// extensions of them. Each is a value without state; the formulas are the
// RFC's, and the distance terms those of deployed registrars.
//
// It is not where policies are put to work: that is package engine.
package builtin

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// All returns all policies, in the order of their wire types.
func All() []engine.Policy {
	return []engine.Policy{
		RoundRobin{},
		WeightedRoundRobin{},
		Random{},
		WeightedRandom{},
		Priority{},
		LeastUsed{},
		LeastUsedDegradation{},
		PriorityLeastUsed{},
		RandomizedLeastUsed{},
		RandomizedPriorityLeastUsed{},
		RandomizedLeastUsedDegradation{},
		PriorityLeastUsedDegradation{},
		RandomizedPriorityLeastUsedDegradation{},
		WeightedRandomDPF{},
		LeastUsedDPF{},
		LeastUsedDegradationDPF{},
		PriorityLeastUsedDPF{},
		PriorityLeastUsedDegradationDPF{},
	}
}

// describe returns the description of a policy that is named by its wire type.
func describe(t rserpool.PolicyType, mark int, in engine.Inputs, summary string) engine.Description {
	return engine.Description{
		Name:    t.String(),
		Types:   []rserpool.PolicyType{t},
		Summary: summary,
		Inputs:  in,
		Mark:    mark,
		Trusted: true,
	}
}
