package builtin

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// LeastUsedDPF selects the element of the least load, to which its distance adds
// (draft-dreibholz-rserpool-delay). The number printed in the draft selects it
// too.
type LeastUsedDPF struct{}

// Describe implements engine.Policy.
func (LeastUsedDPF) Describe() engine.Description {
	d := describe(rserpool.LeastUsedDPF, 1, 0, "the least load plus distance penalty")
	d.Types = append(d.Types, 0x40000010)
	return d
}

// Key implements engine.Ranked.
func (LeastUsedDPF) Key(m *engine.Member) float64 { return saturated(load(m) + distance(m)) }

// LeastUsedDegradationDPF is LeastUsedDegradation with a load to which the distance
// adds.
type LeastUsedDegradationDPF struct{}

// Describe implements engine.Policy.
func (LeastUsedDegradationDPF) Describe() engine.Description {
	return describe(rserpool.LeastUsedDegradationDPF, 1, engine.Selections,
		"the least load plus distance penalty, rising with each selection")
}

// Key implements engine.Ranked.
func (LeastUsedDegradationDPF) Key(m *engine.Member) float64 {
	return saturated(load(m) + degraded(m) + distance(m))
}

// PriorityLeastUsedDPF is PriorityLeastUsed with a load to which the distance adds.
type PriorityLeastUsedDPF struct{}

// Describe implements engine.Policy.
func (PriorityLeastUsedDPF) Describe() engine.Description {
	return describe(rserpool.PriorityLeastUsedDPF, 1, 0,
		"the least load after one more selection plus distance penalty")
}

// Key implements engine.Ranked.
func (PriorityLeastUsedDPF) Key(m *engine.Member) float64 {
	return saturated(load(m) + degradation(m) + distance(m))
}

// PriorityLeastUsedDegradationDPF is PriorityLeastUsedDegradation with a load to
// which the distance adds.
type PriorityLeastUsedDegradationDPF struct{}

// Describe implements engine.Policy.
func (PriorityLeastUsedDegradationDPF) Describe() engine.Description {
	return describe(rserpool.PriorityLeastUsedDegradationDPF, 1, engine.Selections,
		"the least load after one more selection plus distance penalty, rising with each selection")
}

// Key implements engine.Ranked.
func (PriorityLeastUsedDegradationDPF) Key(m *engine.Member) float64 {
	return saturated(load(m) + degradation(m) + degraded(m) + distance(m))
}
