package engine

import (
	"time"

	rserpool "github.com/rspool/rspool"
)

// PerPool is a policy that keeps state between calls. Each pool opens an
// instance of its own, which is used from one goroutine at a time.
type PerPool interface {
	Policy
	// Open returns a policy that has one of the forms, for the pool given. Its
	// Description counts, but for the name. Where it cannot, the pool goes by
	// the next policy of its chain.
	Open(p *Pool) (Policy, error)
}

// Filter is a policy that leaves out members depending on the request.
type Filter interface {
	// Admit reports whether m may serve the request. It is asked in the order
	// of the policy until there are enough, and of Description.MaxScan members
	// at most. A member for which it fails is left out.
	Admit(m *Member, r *Request) (bool, error)
}

// Hooks are told of what happened to a member, after it did. They must not call
// the Selector. An error is a fault and has no other effect.
type Hooks interface {
	// Registered follows a registration or re-registration, before the member
	// is ranked.
	Registered(m *Member) error
	// Selected follows each selection that counts; see Description.Mark.
	Selected(m *Member) error
	// Failed follows a failure of the member.
	Failed(m *Member, why Reason) error
	// Deregistered follows the removal of the member.
	Deregistered(m *Member) error
}

// Reason says how a member failed.
type Reason uint8

// The reasons.
const (
	Unreachable Reason = iota // a user reported it
	KeepAlive                 // it did not answer a keep-alive
	Association               // its association is gone
	Expired                   // its registration ended
)

// String returns the reason as policies know it: "unreachable", "keepalive",
// "association" or "expired".
func (r Reason) String() string {
	return [...]string{"unreachable", "keepalive", "association", "expired"}[r]
}

// Ticker is called each Description.Every, before members are ranked anew.
type Ticker interface {
	Tick(now time.Time) error
}

// Upgrader is an instance that takes over what the one before it kept. It is
// called once, after Open and before the members are registered.
type Upgrader interface {
	// Upgrade is given Member.Data as the instance before has left it. It may
	// neither change nor keep it: that instance may go on.
	Upgrade(old map[rserpool.ElementID]any) error
}

// Faulter is an instance that knows what its last fault was. It is asked after a
// result that is none: NaN, for instance.
type Faulter interface {
	Fault() error
}

// Closer is an instance that wants to know when it is used no longer. No call
// follows.
type Closer interface {
	Close()
}
