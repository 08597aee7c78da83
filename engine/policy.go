package engine

import (
	"math/rand/v2"

	rserpool "github.com/rspool/rspool"
)

// Policy is a rule for choosing among the elements of a pool (RFC 5356). It is
// an immutable value that any number of pools may share, and its methods are
// pure: they look at the member they are given and at nothing else.
//
// A policy has exactly one of the forms Ranked, Paced and Drawn, or is PerPool
// and opens one that has. It may have Hooks besides.
type Policy interface {
	// Describe returns what there is to know of the policy without asking it
	// about an element. It always returns the same.
	Describe() Description
}

// Ranked is a policy that sorts the elements by a key.
type Ranked interface {
	Policy
	// Key returns what m is worth: smaller is better, and of equals the one
	// that was selected longest ago comes first. Positive infinity says that
	// m cannot serve: it is selected only where nobody can. NaN is a fault.
	Key(m *Member) float64
}

// Paced is a policy that takes turns: a member moves on by a step with each
// selection, and the one that is furthest behind comes first. A new member
// joins at the pool's present position.
type Paced interface {
	Policy
	// Step returns the distance that one selection is worth to m, above zero
	// and at most one. Positive infinity says that m cannot serve. Anything
	// else is a fault.
	Step(m *Member) float64
}

// Drawn is a policy that draws at random, without replacement.
type Drawn interface {
	Policy
	// Weight returns the share of draws that m should get, in proportion to
	// the weights of the others. Zero says that m cannot serve: it is drawn
	// only where nobody can. What is negative or not finite is a fault.
	Weight(m *Member) float64
}

// PerPool is a policy that keeps state between calls. Each pool opens an
// instance of its own, which is used from one goroutine at a time.
type PerPool interface {
	Policy
	// Open returns a policy that is Ranked, Paced or Drawn. Chance, where it
	// wants any, comes from r.
	Open(r *rand.Rand) Policy
}

// Hooks are told of what happened to a member, after it did. They must not call
// the Selector.
type Hooks interface {
	// Registered follows a registration or re-registration, before the member
	// is ranked.
	Registered(m *Member)
	// Selected follows each selection that counts; see Description.Mark.
	Selected(m *Member)
	// Failed follows a report that the member could not be reached.
	Failed(m *Member)
	// Deregistered follows the removal of the member.
	Deregistered(m *Member)
}

// Description is what a policy says of itself.
type Description struct {
	// Name is how configurations and people call it, as in "least-used".
	Name string
	// Types are the wire types that select it in a pool that is not
	// configured otherwise. Policies outside the RFCs and their published
	// extensions have none.
	Types []rserpool.PolicyType
	// Summary is one line for lists and help texts.
	Summary string
	// Inputs is what the key, step or weight of a member depends on beyond
	// its registration.
	Inputs Inputs
	// Mark is how many leading elements of an answer count as selected, or
	// All. A pool may be configured otherwise.
	Mark int
	// Uniform says that a Drawn policy gives the same weight to everybody,
	// always.
	Uniform bool
}

// All means each element in the answer, where a number of elements is asked for.
const All = 1<<31 - 1

// Inputs is a set of things that a key, step or weight may depend on. A member
// is ranked anew when one of them changed. What is registered always counts.
type Inputs uint8

// The inputs.
const (
	// Selections are the member's own counted selections.
	Selections Inputs = 1 << iota
	// Failures are the reports that the member could not be reached.
	Failures
	// Membership is who else is in the pool, and how loaded they are.
	Membership
	// Time is the present instant, and what follows from it.
	Time
	// State is what the policy's own Hooks, or a process that advises it, keep.
	State
)
