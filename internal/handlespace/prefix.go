package handlespace

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// Prefixes are values by name that apply to addresses. Of several prefixes that hold
// an address all apply, and longer ones win. The zero value holds nothing.
type Prefixes[T any] struct {
	lengths [2][]int // of prefixes for IPv4 and IPv6, the longest first
	values  map[netip.Prefix]map[string]T
}

// NewPrefixes returns what the map says about addresses. Its prefixes are masked.
func NewPrefixes[T any, M ~map[string]T](m map[netip.Prefix]M) Prefixes[T] {
	p := Prefixes[T]{values: map[netip.Prefix]map[string]T{}}
	shortest := slices.SortedFunc(maps.Keys(m), func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
	for _, prefix := range shortest {
		// What holds the prefix is there already, complete.
		all := maps.Clone(p.Find(prefix.Addr()))
		if all == nil {
			all = map[string]T{}
		}
		maps.Copy(all, m[prefix])
		p.values[prefix] = all
		if l := p.of(prefix.Addr()); len(*l) == 0 || (*l)[0] != prefix.Bits() {
			*l = slices.Insert(*l, 0, prefix.Bits())
		}
	}
	return p
}

// None reports whether there are no prefixes.
func (p *Prefixes[T]) None() bool { return len(p.values) == 0 }

// of returns the lengths of the prefixes of an address's family.
func (p *Prefixes[T]) of(ip netip.Addr) *[]int {
	if ip.Is4() {
		return &p.lengths[0]
	}
	return &p.lengths[1]
}

// Find returns what applies to an address, nil for nothing. It is not to be changed.
func (p *Prefixes[T]) Find(ip netip.Addr) map[string]T {
	if len(p.values) == 0 || !ip.IsValid() {
		return nil
	}
	ip = ip.Unmap().WithZone("")
	for _, n := range *p.of(ip) {
		if prefix, err := ip.Prefix(n); err == nil {
			if v, ok := p.values[prefix]; ok {
				return v
			}
		}
	}
	return nil
}
