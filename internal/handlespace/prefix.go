package handlespace

import (
	"maps"
	"net/netip"
	"slices"
)

// Prefixes are values by name that apply to addresses. Of several prefixes that hold
// an address all apply, and longer ones win. The zero value holds nothing.
type Prefixes[T any] struct{ rules []prefixRule[T] }

type prefixRule[T any] struct {
	prefix netip.Prefix
	values map[string]T // with those of all shorter prefixes that hold this one
}

// NewPrefixes returns what the map says about addresses.
func NewPrefixes[T any, M ~map[string]T](m map[netip.Prefix]M) Prefixes[T] {
	var p Prefixes[T]
	for prefix, values := range m {
		p.rules = append(p.rules, prefixRule[T]{prefix.Masked(), maps.Clone(map[string]T(values))})
	}
	slices.SortFunc(p.rules, func(a, b prefixRule[T]) int {
		if d := b.prefix.Bits() - a.prefix.Bits(); d != 0 {
			return d
		}
		return a.prefix.Addr().Compare(b.prefix.Addr())
	})
	for i := len(p.rules) - 1; i >= 0; i-- {
		r, shorter := &p.rules[i], Prefixes[T]{p.rules[i+1:]}
		if outer := shorter.Find(r.prefix.Addr()); outer != nil {
			all := maps.Clone(outer)
			maps.Copy(all, r.values)
			r.values = all
		}
	}
	return p
}

// Find returns what applies to an address, nil for nothing. It is not to be changed.
func (p Prefixes[T]) Find(ip netip.Addr) map[string]T {
	if len(p.rules) == 0 {
		return nil
	}
	ip = ip.Unmap()
	for _, r := range p.rules {
		if r.prefix.Contains(ip) {
			return r.values
		}
	}
	return nil
}
