package builtin

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Priority selects the element of the highest priority (RFC 5356, Section 4.5).
type Priority struct{}

// Describe implements engine.Policy.
func (Priority) Describe() engine.Description {
	return describe(rserpool.Priority, 1, 0, "the highest priority")
}

// Key implements engine.Ranked.
func (Priority) Key(m *engine.Member) float64 { return -float64(m.Element.Policy.Priority) }
