package engine

import (
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Request is what a selection is asked for.
type Request struct {
	// Items is the number of elements wanted.
	Items int
	// Preview says that nobody is about to use the answer: nothing in it
	// counts as selected.
	Preview bool
	// Now is the present time.
	Now time.Time
	// Handle names the pool.
	Handle rserpool.Handle
	// UserAddress is where the request comes from, the zero Addr if that is
	// not known.
	UserAddress netip.Addr
	// Attributes are what the user, or the configuration, says about it. They are
	// not to be changed.
	Attributes map[string]string
}
