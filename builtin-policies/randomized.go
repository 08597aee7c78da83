package builtin

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// RandomizedLeastUsed draws the elements in proportion to what their load leaves
// over (RFC 5356, Section 5.4).
type RandomizedLeastUsed struct{}

// Describe implements engine.Policy.
func (RandomizedLeastUsed) Describe() engine.Description {
	return describe(rserpool.RandomizedLeastUsed, 1, 0, "at random, in proportion to the idle share")
}

// Weight implements engine.Drawn.
func (RandomizedLeastUsed) Weight(m *engine.Member) float64 { return idle(load(m)) }

// RandomizedPriorityLeastUsed draws the elements in proportion to what their load
// would leave over after one more selection.
type RandomizedPriorityLeastUsed struct{}

// Describe implements engine.Policy.
func (RandomizedPriorityLeastUsed) Describe() engine.Description {
	return describe(rserpool.RandomizedPriorityLeastUsed, 1, 0,
		"at random, in proportion to the share idle after one more selection")
}

// Weight implements engine.Drawn.
func (RandomizedPriorityLeastUsed) Weight(m *engine.Member) float64 {
	return idle(load(m) + degradation(m))
}

// RandomizedLeastUsedDegradation is RandomizedLeastUsed with a load to which each
// selection adds the degradation until the element registers again.
type RandomizedLeastUsedDegradation struct{}

// Describe implements engine.Policy.
func (RandomizedLeastUsedDegradation) Describe() engine.Description {
	return describe(rserpool.RandomizedLeastUsedDegradation, 1, engine.Selections,
		"at random, in proportion to the idle share, falling with each selection")
}

// Weight implements engine.Drawn.
func (RandomizedLeastUsedDegradation) Weight(m *engine.Member) float64 {
	return idle(load(m) + degraded(m))
}

// RandomizedPriorityLeastUsedDegradation is RandomizedPriorityLeastUsed with a load
// to which each selection adds the degradation until the element registers again.
type RandomizedPriorityLeastUsedDegradation struct{}

// Describe implements engine.Policy.
func (RandomizedPriorityLeastUsedDegradation) Describe() engine.Description {
	return describe(rserpool.RandomizedPriorityLeastUsedDegradation, 1, engine.Selections,
		"at random, in proportion to the share idle after one more selection, falling with each selection")
}

// Weight implements engine.Drawn.
func (RandomizedPriorityLeastUsedDegradation) Weight(m *engine.Member) float64 {
	return idle(load(m) + degradation(m) + degraded(m))
}
