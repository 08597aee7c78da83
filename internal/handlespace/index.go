package handlespace

import (
	"bytes"
	"cmp"
	"slices"
)

// blockLen is the most keys that a block of an index holds. A slot of one fits
// into a byte.
const blockLen = 128

// index is a sorted map: blocks of keys in ascending order, found by their first
// keys. Finding is two searches in dense arrays, inserting moves half a block at
// most, and there are no keys for which it is slow.
type index[K cmp.Ordered, V any] struct {
	firsts []K // a lower bound of each block's keys
	blocks []*block[K, V]
}

// block is the part of an index that is moved about. The values stay where they
// are, since the collector wants to know of every pointer that moves.
type block[K cmp.Ordered, V any] struct {
	keys   []K     // in ascending order
	slots  []uint8 // of their values
	values []V
}

// search returns the number of keys below k.
func search[K cmp.Ordered](keys []K, k K) int {
	at, n := 0, len(keys)
	for n > 1 {
		half := n / 2
		if keys[at+half-1] < k {
			at += half
		}
		n -= half
	}
	if n == 1 && keys[at] < k {
		at++
	}
	return at
}

// place returns the number of the block that k belongs to.
func (x *index[K, V]) place(k K) int {
	if len(x.firsts) == 1 {
		return 0
	}
	i := search(x.firsts, k)
	if i < len(x.firsts) && x.firsts[i] == k {
		return i
	}
	return max(i-1, 0)
}

// find returns the value of k, and whether there is one.
func (x *index[K, V]) find(k K) (V, bool) {
	if len(x.blocks) > 0 {
		b := x.blocks[x.place(k)]
		if i := search(b.keys, k); i < len(b.keys) && b.keys[i] == k {
			return b.values[b.slots[i]], true
		}
	}
	var none V
	return none, false
}

// insert adds a key that is not there yet.
func (x *index[K, V]) insert(k K, v V) {
	if len(x.blocks) == 0 {
		x.firsts = append(x.firsts, k)
		x.blocks = append(x.blocks, &block[K, V]{})
	}
	n := x.place(k)
	x.firsts[n] = min(x.firsts[n], k)
	b := x.blocks[n]
	i := search(b.keys, k)
	if len(b.keys) == blockLen {
		at := blockLen / 2
		if i == blockLen && n == len(x.blocks)-1 {
			at = blockLen // ascending keys fill their blocks
		}
		behind := b.split(at)
		first := k
		if len(behind.keys) > 0 {
			first = behind.keys[0]
		}
		x.firsts = slices.Insert(x.firsts, n+1, first)
		x.blocks = slices.Insert(x.blocks, n+1, behind)
		if i > at || at == blockLen {
			b, i = behind, i-at
		}
	}
	b.insert(i, k, v)
}

// newBlock returns a block that will be full sooner or later.
func newBlock[K cmp.Ordered, V any]() *block[K, V] {
	return &block[K, V]{
		keys:   make([]K, 0, blockLen),
		slots:  make([]uint8, 0, blockLen),
		values: make([]V, 0, blockLen),
	}
}

// insert makes k the key number i.
func (b *block[K, V]) insert(i int, k K, v V) {
	b.keys = slices.Insert(b.keys, i, k)
	b.slots = slices.Insert(b.slots, i, uint8(len(b.values)))
	b.values = append(b.values, v)
}

// remove takes out the key number i. The last value moves to its slot.
func (b *block[K, V]) remove(i int) {
	last := len(b.values) - 1
	b.slots[bytes.IndexByte(b.slots, uint8(last))] = b.slots[i]
	b.values[b.slots[i]] = b.values[last]
	b.values = slices.Delete(b.values, last, last+1)
	b.keys = slices.Delete(b.keys, i, i+1)
	b.slots = slices.Delete(b.slots, i, i+1)
}

// split moves the keys from number i on into a new block. The values of those that
// stay get the first slots.
func (b *block[K, V]) split(i int) *block[K, V] {
	behind := newBlock[K, V]()
	behind.append(b, i, len(b.keys))
	var values [blockLen]V
	copy(values[:], b.values)
	for n, slot := range b.slots[:i] {
		b.values[n] = values[slot]
		b.slots[n] = uint8(n)
	}
	clear(b.keys[i:]) // handles
	clear(b.values[i:])
	b.keys, b.slots, b.values = b.keys[:i], b.slots[:i], b.values[:i]
	return behind
}

// append adds the keys from number i up to j of another block, which are behind
// all of b.
func (b *block[K, V]) append(o *block[K, V], i, j int) {
	for ; i < j; i++ {
		b.insert(len(b.keys), o.keys[i], o.values[o.slots[i]])
	}
}

// remove takes out a key that is there. Neighbours that are half a block together
// become one.
func (x *index[K, V]) remove(k K) {
	n := x.place(k)
	b := x.blocks[n]
	b.remove(search(b.keys, k))
	switch {
	case x.sparse(n):
		x.join(n)
	case x.sparse(n - 1):
		x.join(n - 1)
	case len(x.blocks) == 1 && len(b.keys) == 0:
		*x = index[K, V]{}
	}
}

// sparse reports whether the blocks n and n+1 exist and should be one.
func (x *index[K, V]) sparse(n int) bool {
	if n < 0 || n+1 >= len(x.blocks) {
		return false
	}
	a, b := len(x.blocks[n].keys), len(x.blocks[n+1].keys)
	return a+b <= blockLen/2 || a == 0 || b == 0
}

// join moves the keys of block n+1 into block n.
func (x *index[K, V]) join(n int) {
	next := x.blocks[n+1]
	x.blocks[n].append(next, 0, len(next.keys))
	x.firsts = slices.Delete(x.firsts, n+1, n+2)
	x.blocks = slices.Delete(x.blocks, n+1, n+2)
}

// from visits the keys that are not below k, in ascending order, until visit
// returns false.
func (x *index[K, V]) from(k K, visit func(K, V) bool) {
	if len(x.blocks) == 0 {
		return
	}
	n := x.place(k)
	i := search(x.blocks[n].keys, k)
	for ; n < len(x.blocks); n, i = n+1, 0 {
		b := x.blocks[n]
		for ; i < len(b.keys); i++ {
			if !visit(b.keys[i], b.values[b.slots[i]]) {
				return
			}
		}
	}
}

// all visits the values in ascending order of their keys, until visit returns false.
func (x *index[K, V]) all(visit func(V) bool) {
	for _, b := range x.blocks {
		for _, slot := range b.slots {
			if !visit(b.values[slot]) {
				return
			}
		}
	}
}
