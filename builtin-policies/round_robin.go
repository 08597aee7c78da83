package builtin

import (
	"math"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// RoundRobin selects the elements in turn (RFC 5356, Section 4.1).
type RoundRobin struct{}

// Describe implements engine.Policy.
func (RoundRobin) Describe() engine.Description {
	d := describe(rserpool.RoundRobin, 1, 0, "in turn")
	d.Uniform = true
	return d
}

// Key implements engine.Ranked: all are equal, so that the turn decides.
func (RoundRobin) Key(*engine.Member) float64 { return 0 }

// WeightedRoundRobin selects the elements in turn, each as often in a round as
// its weight says, spread evenly over the round (RFC 5356, Section 4.2).
type WeightedRoundRobin struct{}

// Describe implements engine.Policy.
func (WeightedRoundRobin) Describe() engine.Description {
	return describe(rserpool.WeightedRoundRobin, 1, 0, "in turn, in proportion to the weight")
}

// Step implements engine.Paced. An element of weight zero cannot serve
// (RFC 5356, Section 3.2).
func (WeightedRoundRobin) Step(m *engine.Member) float64 {
	if m.Element.Policy.Weight == 0 {
		return math.Inf(1)
	}
	return 1 / float64(m.Element.Policy.Weight)
}
