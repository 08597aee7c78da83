package replay

import (
	"iter"
	"maps"
	"slices"
)

// sorted visits a map in order of its names, so that chance is the same each time.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
