package engine

// Hash maps a string to a number, evenly: FNV-1a of 64 bits, mixed. It is the same
// on every machine and for ever, so that registrars of one scope agree.
func Hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// HashShare maps a string to a number from 0 up to but not including 1, evenly: the
// top 53 bits of Hash.
func HashShare(s string) float64 { return float64(Hash(s)>>11) / (1 << 53) }

// mix spreads each bit of h over all of them. Different numbers stay different.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
