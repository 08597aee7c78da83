package builtin

import "github.com/rspool/rspool/engine"

// The terms below are shares of the whole load. As 32-bit fractions they and
// their sums are exact in a float64, so that equal loads are equal keys.

// load is what the element registered.
func load(m *engine.Member) float64 { return m.Element.Policy.Load.Float64() }

// degradation is the load that one more selection adds.
func degradation(m *engine.Member) float64 { return m.Element.Policy.Degradation.Float64() }

// degraded is the load that the selections since the registration added
// (RFC 5356, Section 5.2.2).
func degraded(m *engine.Member) float64 { return float64(m.Selections()) * degradation(m) }

// distance is the load that the element's distance stands for.
func distance(m *engine.Member) float64 {
	return float64(m.Element.Policy.Distance) * m.Element.Policy.LoadDPF.Float64()
}

// saturated holds a sum of loads at the whole.
func saturated(sum float64) float64 { return min(sum, 1) }

// whole is the largest load in the form of the wire.
const whole = 0xffffffff

// idle is the weight of an element in a randomized policy: what its load leaves
// over, in units of the wire, and at least one, so that an element under full load
// is not lost (RFC 5356, Section 5.4).
func idle(sum float64) float64 {
	return max(whole-min(sum*(1<<32), whole), 1)
}
