package handlespace

import (
	"math"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Entry is an element in a pool.
type Entry struct {
	// What a removal looks at comes first, and with it what the member sorts by.
	pool       *Pool // nil once removed
	owner      *owner
	slot       int32  // in the expiry heap
	generation uint32 // differs from the owner's where the element is marked

	member  engine.Member
	element rserpool.Element
	expires int64 // distance from Space.epoch in nanoseconds, the largest for never

	// Attachment is for the owner of the Space: what it wants to know about
	// the element without looking it up.
	Attachment any
}

// ID returns the element's identifier.
func (e *Entry) ID() rserpool.ElementID { return e.element.ID }

// Home returns the registrar that owns the element.
func (e *Entry) Home() rserpool.RegistrarID { return e.element.Home }

// Element returns what is registered. It must not be changed through the pointer.
func (e *Entry) Element() *rserpool.Element { return &e.element }

// Pool returns the element's pool, nil once it was removed.
func (e *Entry) Pool() *Pool { return e.pool }

// Tags returns the element's tags and those that the pool's options add, nil for
// none. They must not be changed.
func (e *Entry) Tags() rserpool.Tags { return e.member.Tags }

// Selections returns how often the element was selected since its last
// registration or re-registration.
func (e *Entry) Selections() uint32 { return e.member.Selections() }

// SelectionsTotal returns how often the element was selected since it joined.
func (e *Entry) SelectionsTotal() uint64 { return e.member.SelectionsTotal() }

// Failures returns how often the element was reported unreachable since it joined.
func (e *Entry) Failures() uint32 { return e.member.Failures() }

// LastFailure returns when that was last, the zero time if never.
func (e *Entry) LastFailure() time.Time { return e.member.LastFailure() }

// Expires returns when the registration ends, the zero time for never.
func (e *Entry) Expires() time.Time {
	if e.pool == nil || e.expires == math.MaxInt64 {
		return time.Time{}
	}
	return e.pool.space.epoch.Add(time.Duration(e.expires))
}

// equal compares transports by value; nil equals nil alone.
func equal(a, b *rserpool.Transport) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Protocol == b.Protocol && a.Use == b.Use && a.Port == b.Port && a.UDPPort == b.UDPPort &&
		a.ServiceCode == b.ServiceCode && a.Opaque == b.Opaque && slices.Equal(a.Addresses, b.Addresses)
}
