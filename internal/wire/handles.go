package wire

import rserpool "github.com/rspool/rspool"

// HandleCache remembers handles that were read, so that reading one again does
// not allocate. It is small at first, grows while it misses much, and is bounded.
// The zero value is ready; it may be used by one Cursor at a time.
type HandleCache struct {
	slots  []rserpool.Handle
	misses int // since it has grown
}

const (
	minCachedHandles = 4
	maxCachedHandles = 1024
	// maxCachedHandle keeps a hostile peer from filling the cache with long
	// handles.
	maxCachedHandle = 64
)

// handle returns b as a handle.
func (h *HandleCache) handle(b []byte) rserpool.Handle {
	if h == nil || len(b) > maxCachedHandle {
		return rserpool.Handle(b)
	}
	if h.misses >= 4*len(h.slots) && len(h.slots) < maxCachedHandles {
		h.slots = make([]rserpool.Handle, max(2*len(h.slots), minCachedHandles))
		h.misses = 0
	}
	// FNV-1a: collisions cost an allocation and nothing else.
	hash := uint32(2166136261)
	for _, x := range b {
		hash = (hash ^ uint32(x)) * 16777619
	}
	slot := &h.slots[hash%uint32(len(h.slots))]
	if string(*slot) != string(b) {
		*slot = rserpool.Handle(b)
		h.misses++
	}
	return *slot
}
