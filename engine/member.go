package engine

import (
	"math"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Member is an element as a Selector sees it. Whoever keeps elements embeds a
// Member in each; it belongs to one Selector at a time.
type Member struct {
	// What sorting and counting look at comes first, for the sake of the cache.
	key             float64
	seq             uint64
	selectionsTotal uint64
	slot            int32 // index in Selector.members
	load            rserpool.Load
	selections      uint32
	stamp           uint32 // number of the last draw that returned the member

	// Element holds the registered values. The engine only reads it; after a
	// change, call Selector.Update.
	Element *rserpool.Element
	// Owner is what the member is embedded in. The engine does not look at it.
	Owner any

	lastFailure int64 // Unix time in nanoseconds, 0 for never
	since       int64 // of the selection last seen, or when the member joined
	failures    uint32

	// Tags are those of the element, with what the configuration adds; nil for
	// most.
	Tags rserpool.Tags
	// Data belongs to the instance of the policy. It survives re-registrations and
	// is gone when the member leaves or another instance takes over, which is
	// offered it: see Upgrader.
	Data any
}

// Selections returns how often the member was selected since its last
// registration or re-registration.
func (m *Member) Selections() uint32 { return m.selections }

// SelectionsTotal returns how often the member was selected since it joined the pool.
func (m *Member) SelectionsTotal() uint64 { return m.selectionsTotal }

// Failures returns how often the member was reported unreachable since it joined
// the pool.
func (m *Member) Failures() uint32 { return m.failures }

// LastFailure returns when the member was last reported unreachable, the zero
// time if never.
func (m *Member) LastFailure() time.Time {
	if m.lastFailure == 0 {
		return time.Time{}
	}
	return time.Unix(0, m.lastFailure)
}

// Since returns when the member was last selected, or when it joined if it was not.
// Selections by the built-in policies do not count here: they do not ask for it.
func (m *Member) Since() time.Time { return time.Unix(0, m.since) }

// countSelection saturates, since wrapping would make a busy element look idle.
func (m *Member) countSelection() {
	if m.selections < math.MaxUint32 {
		m.selections++
	}
	m.selectionsTotal++
}

func (m *Member) countFailure(at time.Time) {
	if m.failures < math.MaxUint32 {
		m.failures++
	}
	m.lastFailure = at.UnixNano()
}

// before is the order of a ranked pool: by key, then by the selection longest ago.
func (m *Member) before(o *Member) bool {
	return m.key < o.key || m.key == o.key && m.seq < o.seq
}
