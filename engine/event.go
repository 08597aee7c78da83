package engine

import "fmt"

// Event is something about the policies of a pool that an operator wants to know.
type Event struct {
	Kind EventKind
	// Policy is the one that it is about.
	Policy Description
	// Next is the name of the policy by which the pool goes from now on.
	Next string
	// Reason is why, nil where there is none to give.
	Reason error
}

// EventKind names what an Event is about.
type EventKind uint8

// The kinds.
const (
	// PolicyFailed is the first fault after a time without any.
	PolicyFailed EventKind = iota
	// PolicyLeft says that the pool goes by the next policy of its chain.
	PolicyLeft
	// PolicyTried says that a policy which was left is asked again, for nothing.
	PolicyTried
	// PolicyReturned says that the pool goes by the policy again.
	PolicyReturned
	// PoolTooLarge says that a Chooser does not choose in a pool of this size.
	PoolTooLarge
)

var eventNames = [...]string{"policy fails", "policy is left", "policy is tried again", "policy is back", "pool is too large for its policy"}

// String returns the event as a log says it.
func (k EventKind) String() string { return eventNames[k] }

// String returns the event in one line.
func (e Event) String() string {
	s := fmt.Sprintf("%s: %s", e.Kind, e.Policy.Name)
	if e.Next != "" {
		s += " -> " + e.Next
	}
	if e.Reason != nil {
		s += ": " + e.Reason.Error()
	}
	return s
}

// Counts counts what happened to a policy, in all pools that share them. They are
// those of the pools' owner.
type Counts struct {
	Faults   uint64
	Trips    uint64 // a pool left the policy
	Passed   uint64 // requests that the next policy answered instead
	Asked    uint64 // in shadow
	Differed uint64 // in shadow: others were chosen than by the policy in use
}
