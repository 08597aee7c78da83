package builtin

import (
	"math"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Random draws each element with the same probability (RFC 5356, Section 4.3).
type Random struct{}

// Describe implements engine.Policy.
func (Random) Describe() engine.Description {
	d := describe(rserpool.Random, 0, 0, "at random")
	d.Uniform = true
	return d
}

// Weight implements engine.Drawn.
func (Random) Weight(*engine.Member) float64 { return 1 }

// WeightedRandom draws the elements in proportion to their weights. One of weight
// zero is drawn only where all are (RFC 5356, Section 4.4).
type WeightedRandom struct{}

// Describe implements engine.Policy.
func (WeightedRandom) Describe() engine.Description {
	return describe(rserpool.WeightedRandom, 0, 0, "at random, in proportion to the weight")
}

// Weight implements engine.Drawn.
func (WeightedRandom) Weight(m *engine.Member) float64 { return float64(m.Element.Policy.Weight) }

// WeightedRandomDPF is WeightedRandom with weights that fall with the distance of
// the element.
type WeightedRandomDPF struct{}

// Describe implements engine.Policy.
func (WeightedRandomDPF) Describe() engine.Description {
	return describe(rserpool.WeightedRandomDPF, 0, 0,
		"at random, in proportion to the weight less the distance penalty")
}

// Weight implements engine.Drawn. Distance alone does not bring a weight to zero.
func (WeightedRandomDPF) Weight(m *engine.Member) float64 {
	p := &m.Element.Policy
	if p.Weight == 0 {
		return 0
	}
	w := float64(p.Weight)
	return max(w-math.RoundToEven(w*float64(p.Distance)*p.WeightDPF.Float64()), 1)
}
