package builtin

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// LeastUsed selects the element of the least load (RFC 5356, Section 5.1).
type LeastUsed struct{}

// Describe implements engine.Policy.
func (LeastUsed) Describe() engine.Description {
	return describe(rserpool.LeastUsed, 1, 0, "the least load")
}

// Key implements engine.Ranked.
func (LeastUsed) Key(m *engine.Member) float64 { return load(m) }

// LeastUsedDegradation selects the element of the least load, to which each
// selection adds the degradation until the element registers again (RFC 5356,
// Section 5.2).
type LeastUsedDegradation struct{}

// Describe implements engine.Policy.
func (LeastUsedDegradation) Describe() engine.Description {
	return describe(rserpool.LeastUsedDegradation, 1, engine.Selections,
		"the least load, rising with each selection")
}

// Key implements engine.Ranked.
func (LeastUsedDegradation) Key(m *engine.Member) float64 { return saturated(load(m) + degraded(m)) }

// PriorityLeastUsed selects the element that would have the least load after one
// more selection (RFC 5356, Section 5.3).
type PriorityLeastUsed struct{}

// Describe implements engine.Policy.
func (PriorityLeastUsed) Describe() engine.Description {
	return describe(rserpool.PriorityLeastUsed, 1, 0, "the least load after one more selection")
}

// Key implements engine.Ranked.
func (PriorityLeastUsed) Key(m *engine.Member) float64 { return saturated(load(m) + degradation(m)) }

// PriorityLeastUsedDegradation is PriorityLeastUsed with a load to which each
// selection adds the degradation until the element registers again.
type PriorityLeastUsedDegradation struct{}

// Describe implements engine.Policy.
func (PriorityLeastUsedDegradation) Describe() engine.Description {
	return describe(rserpool.PriorityLeastUsedDegradation, 1, engine.Selections,
		"the least load after one more selection, rising with each selection")
}

// Key implements engine.Ranked.
func (PriorityLeastUsedDegradation) Key(m *engine.Member) float64 {
	return saturated(load(m) + degradation(m) + degraded(m))
}
