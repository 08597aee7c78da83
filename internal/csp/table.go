package csp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// The bounds of a table: of all components, and of those that report from one address, so
// that one machine cannot keep the others out.
const (
	maxComponents = 4096
	maxOfAddress  = 1024
)

// The times after which a component is forgotten: some of its intervals, and at the
// latest, and at the earliest.
const (
	forgetIntervals = 10
	forgetLatest    = 30 * time.Second
	forgetEarliest  = time.Second
)

// Component is the last report of a component, and where and when it came from.
type Component struct {
	Report
	From  netip.Addr
	Heard time.Time
}

// Counters count the reports that a table has heard.
type Counters struct {
	Taken uint64 `json:"taken"`
	// Malformed were no reports; Foreign came from another address than the component that
	// they spoke for, and Refused were beyond the bounds.
	Malformed uint64 `json:"malformed"`
	Foreign   uint64 `json:"foreign"`
	Refused   uint64 `json:"refused"`
}

// table is the components that a monitor knows. It has one owner.
type table struct {
	components map[ID]*Component
	from       map[netip.Addr]int // components of each address
	counters   Counters
	purged     time.Time
}

func newTable() *table {
	return &table{components: map[ID]*Component{}, from: map[netip.Addr]int{}}
}

// receive takes a datagram. A component belongs to the address that it reported from
// first, until it is forgotten: nobody else can speak for it.
func (t *table) receive(now time.Time, from netip.Addr, b []byte) {
	r, err := ParseReport(b)
	if err != nil {
		t.counters.Malformed++
		return
	}
	c := t.components[r.Sender]
	if c != nil && forgotten(c, now) {
		t.remove(c)
		c = nil
	}
	switch {
	case c != nil && c.From != from:
		t.counters.Foreign++
		return
	case c == nil && r.Final:
		t.counters.Taken++
		return
	case c == nil && !t.room(now, from):
		t.counters.Refused++
		return
	}
	t.counters.Taken++
	switch {
	case r.Final:
		t.remove(c)
	case c == nil:
		t.components[r.Sender] = &Component{Report: *r, From: from, Heard: now}
		t.from[from]++
	default:
		c.Report, c.Heard = *r, now
	}
}

// room reports whether one more component may come from an address.
func (t *table) room(now time.Time, from netip.Addr) bool {
	fits := func() bool { return len(t.components) < maxComponents && t.from[from] < maxOfAddress }
	if fits() {
		return true
	}
	if now.Sub(t.purged) < forgetEarliest { // a flood does not make it look again and again
		return false
	}
	t.purge(now)
	return fits()
}

// forgotten reports whether a component has been silent for too long.
func forgotten(c *Component, now time.Time) bool {
	patience := min(max(forgetIntervals*c.Interval, forgetEarliest), forgetLatest)
	return now.Sub(c.Heard) > patience
}

// purge forgets those that are silent.
func (t *table) purge(now time.Time) {
	t.purged = now
	for _, c := range t.components {
		if forgotten(c, now) {
			t.remove(c)
		}
	}
}

func (t *table) remove(c *Component) {
	delete(t.components, c.Sender)
	if t.from[c.From]--; t.from[c.From] == 0 {
		delete(t.from, c.From)
	}
}

// list returns the components, in order of their identifiers.
func (t *table) list(now time.Time) []Component {
	t.purge(now)
	all := make([]Component, 0, len(t.components))
	for _, c := range t.components {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Component) int { return cmp.Compare(a.Sender, b.Sender) })
	return all
}
