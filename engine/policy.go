package engine

import (
	"time"

	rserpool "github.com/rspool/rspool"
)

// Policy is a rule for choosing among the elements of a pool (RFC 5356). It is
// an immutable value that any number of pools may share, and its methods are
// pure: they look at what they are given and at nothing else.
//
// A policy has exactly one of the forms Ranked, Paced, Drawn, Affine and Chooser,
// or is PerPool and opens one that has. It may be a Filter and have Hooks besides,
// and what else instances may be.
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

// Affine is a policy by which the same requests come to the same members, by a
// ring of hashes: where a member joins or leaves, only its own share of the
// requests moves. With a method Weight as Drawn has it, members have shares in
// proportion to their weights; otherwise all have the same.
type Affine interface {
	Policy
	// Affinity returns where the request falls on the ring, a number that is
	// spread evenly: see Hash.
	Affinity(r *Request) (uint64, error)
}

// Chooser is a policy that looks at the whole pool each time. The cost grows with
// the pool, so pools larger than Description.MaxElements are none of its business.
type Chooser interface {
	Policy
	// Choose appends up to r.Items of the members to dst, best first. The
	// members are in order of registration; the slice is not to be changed or
	// kept. To append none says that nobody is eligible. Somebody who is not
	// among the members, or is there twice, is a fault.
	Choose(members []*Member, r *Request, dst []*Member) ([]*Member, error)
}

// Description is what a policy says of itself.
type Description struct {
	// Name is how configurations and people call it, as in "least-used" or
	// "lua.energy".
	Name string
	// Types are the wire types that select it in a pool that is not
	// configured otherwise. Policies outside the RFCs and their published
	// extensions have none.
	Types []rserpool.PolicyType
	// Summary is one line for lists and help texts.
	Summary string
	// Version and Hash tell one text or program of the policy from another.
	// Built-in policies have neither.
	Version, Hash string
	// Inputs is what the key, step or weight of a member depends on beyond
	// its registration.
	Inputs Inputs
	// Mark is how many leading elements of an answer count as selected, or
	// All. A pool may be configured otherwise.
	Mark int
	// Uniform says that a Ranked or Drawn policy gives the same key or weight
	// to everybody, always.
	Uniform bool
	// Trusted says that the policy is part of this module and keeps its
	// promises: calls of it are not guarded against panics.
	Trusted bool
	// Guarded says that the methods Key, Step and Weight do not panic, though the
	// policy is not Trusted. That spares a guard around each call.
	Guarded bool

	// Remote says that instances go by what a process outside tells them later, so
	// that opening one shows nothing.
	Remote bool

	// Sample makes a Ranked policy look at so many members only, drawn at
	// random, and take the best of them. It is at least two, or zero for all.
	Sample int
	// MaxScan is how many members a Filter is asked about in one selection. If
	// zero, 64.
	MaxScan int
	// MaxElements is the size of the largest pool that a Chooser chooses in, or
	// All. If zero, 256.
	MaxElements int
	// RingPoints is how many points of the ring a member of average weight has
	// in an Affine policy. If zero, 100.
	RingPoints int

	// Every is how often a policy that depends on Time is asked anew, and how
	// often a Ticker is called. If zero, never, but see Clock.
	Every time.Duration
	// Clock is the finest part of the time of day that a policy that depends on
	// Time looks at; it is asked anew when that changes. Zone says where. If nil,
	// UTC.
	Clock Clock
	Zone  *time.Location
}

// The numbers that stand for a zero in a Description.
const (
	DefaultScan     = 64
	DefaultElements = 256
	DefaultPoints   = 100
)

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
	// Membership is who else is in the pool, and how loaded they are. Changes
	// that follow one another quickly are taken into account together.
	Membership
	// Time is the present instant, and what follows from it: see
	// Description.Every and Description.Clock.
	Time
	// State is what the policy's own Hooks, or a process that advises it, keep.
	State
)

// Clock is a part of the time of day.
type Clock uint8

// The parts of the time of day. Each changes when a coarser one does.
const (
	NoClock Clock = iota
	Weekday
	Hour
	Minute
)
