// Package user is the pool user as two pure machines. Resolver turns handles into
// elements with the help of a home registrar (RFC 5352, Section 3.3); Session
// keeps one association with an element of a pool and moves on to another when
// it fails (RFC 5352, Sections 3.5, 3.8 and 3.9).
//
// It is not the hunt for a home registrar, and it dials, waits and decides
// nothing by itself: see package machine.
package user

import (
	"errors"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/machine"
)

// The errors in Resolved and Ended that are not an *rserpool.OperationError.
var (
	// ErrNoAnswer: no registrar has answered in time.
	ErrNoAnswer = errors.New("no registrar answered")
	// ErrBusy: too many requests wait for a registrar.
	ErrBusy = errors.New("too many requests are waiting")
	// ErrNoElement: no element of the pool could be reached in time.
	ErrNoElement = errors.New("no element could be reached")
	// ErrUnusable: the pool's elements are reached neither by SCTP nor by TCP.
	ErrUnusable = errors.New("the pool's elements are reached neither by sctp nor by tcp")
	// ErrLost: the element is gone and there is no failover.
	ErrLost = errors.New("the element is gone")
)

// Resolve asks for elements of a pool. It is an effect of the session and an
// input of the resolver, which answers each with one Resolved unless
// machine.Cancel comes first.
type Resolve struct {
	Ticket machine.Ticket
	Handle rserpool.Handle
	// Items is the number of elements wanted: zero for the registrar's choice,
	// AllItems for as many as possible.
	Items uint32
	// Avoid lists elements that an answer from the cache leaves out. An answer
	// that holds no others is not taken from the cache.
	Avoid []rserpool.ElementID
	// CacheTime is stale_cache_value; zero keeps clear of the cache.
	CacheTime time.Duration
	// Subscribe asks the registrar to push changes of the pool. It needs a
	// CacheTime.
	Subscribe bool
	// Policy says how elements are chosen from the cache, which then holds the
	// whole pool as far as the registrar tells it. If nil, by the pool's policy. It
	// is one and the same value where it is the same policy.
	Policy *engine.ChainConfig
	// Attributes are what the user says of its requests, for policies to go by. They
	// are not to be changed.
	Attributes map[string]string
}

// asks is how many elements the registrar is asked for.
func (r *Resolve) asks() uint32 {
	if r.Policy != nil && r.CacheTime > 0 {
		return AllItems
	}
	return r.Items
}

// PolicyEvent is an effect that tells what became of a policy by which elements are
// chosen from the cache. It asks for nothing.
type PolicyEvent struct {
	Handle rserpool.Handle
	engine.Event
}

// AllItems asks for as many elements as the registrar is willing to name.
const AllItems = 0xffffffff

// Resolved answers Resolve, and Watch again and again. The elements are in the
// order in which they should be tried, and the receiver's for good.
type Resolved struct {
	Ticket   machine.Ticket
	Handle   rserpool.Handle
	Policy   rserpool.Policy // the pool's, as the registrar told it
	Elements []rserpool.Element
	Cached   bool  // chosen from the cache
	Pushed   bool  // the registrar said so without being asked (Watch alone)
	Err      error // elements are empty unless it is nil
}

// Report says that an element was tried and could not be reached. It is an
// effect of the session and an input of the resolver, which decides whether the
// registrar is told and has it as an effect then.
type Report struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID
}
