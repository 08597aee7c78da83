package plugins

import "sync/atomic"

// Reason is why something that a plugin said was not used, or late.
type Reason uint8

// The reasons.
const (
	UnknownID  Reason = iota // no such element in the pool
	BadNumber                // NaN, or out of range
	Stale                    // the element has registered again, or left, since
	TooLong                  // more than there may be in one message, or room in the queue
	FromFuture               // the epoch of an event that was not sent
	Unknown                  // an event that this host does not know
	Flooded                  // it was used late: the plugin has to wait, having said too much
	Reported                 // a fault that the plugin itself reported
	TooLate                  // an answer after the deadline, in DIRECT mode
	reasons
)

// String returns the reason as metrics call it.
func (r Reason) String() string {
	return [...]string{
		"unknown_id", "bad_number", "stale", "too_long", "from_future",
		"unknown_event", "flooded", "reported", "too_late",
	}[r]
}

// counters count over all lives of a plugin.
type counters struct {
	ranks    atomic.Uint64 // used
	dropped  [reasons]atomic.Uint64
	faults   atomic.Uint64
	starts   atomic.Uint64
	restarts atomic.Uint64
	failures atomic.Uint64 // of starts
}

// count notes that n things of a plugin were not used.
func (p *pool) count(r Reason, n int) {
	if n > 0 {
		p.policy.plugin.counters.dropped[r].Add(uint64(n))
	}
}

// fault tells the owner of a fault, which may make it change to the next policy. It
// is called without mu and not as the owner.
func (p *pool) fault(why string) {
	p.policy.plugin.counters.faults.Add(1)
	p.run(func() { p.engine.Fault(p.error(why)) })
}
