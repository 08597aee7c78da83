package handlespace

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexIsASortedMap compares an index with a map over random operations,
// among them runs of ascending and descending keys.
func TestIndexIsASortedMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index[uint32, uint32]
		model := map[uint32]uint32{}
		insert := func(k uint32) {
			if _, there := model[k]; !there {
				model[k] = k ^ 0xff
				x.insert(k, k^0xff)
			}
		}
		remove := func(k uint32) {
			if _, there := model[k]; there {
				delete(model, k)
				x.remove(k)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert a run": func(t *rapid.T) {
				k, n := rapid.Uint32Range(0, 2000).Draw(t, "from"), rapid.Uint32Range(1, 400).Draw(t, "run")
				for i := range n {
					insert(k + i)
				}
			},
			"insert a run backwards": func(t *rapid.T) {
				k, n := rapid.Uint32Range(0, 2000).Draw(t, "from"), rapid.Uint32Range(1, 400).Draw(t, "run")
				for i := range n {
					insert(k + n - i)
				}
			},
			"insert some": func(t *rapid.T) {
				for _, k := range rapid.SliceOfN(rapid.Uint32(), 1, 100).Draw(t, "keys") {
					insert(k)
				}
			},
			"remove a run": func(t *rapid.T) {
				k, n := rapid.Uint32Range(0, 2000).Draw(t, "from"), rapid.Uint32Range(1, 600).Draw(t, "run")
				for i := range n {
					remove(k + i)
				}
			},
			"remove every other": func(t *rapid.T) {
				for i, k := range slices.Sorted(maps.Keys(model)) {
					if i%2 == 0 {
						remove(k)
					}
				}
			},
			"": func(t *rapid.T) {
				checkIndex(t, &x, model)
				from := rapid.Uint32Range(0, 3000).Draw(t, "start")
				want := slices.Sorted(maps.Keys(model))
				want = want[search(want, from):]
				var got []uint32
				x.from(from, func(k, _ uint32) bool { got = append(got, k); return true })
				if !slices.Equal(got, want) {
					t.Fatalf("from %d: got %v, want %v", from, got, want)
				}
			},
		})
	})
}

func checkIndex(t *rapid.T, x *index[uint32, uint32], model map[uint32]uint32) {
	want := slices.Sorted(maps.Keys(model))
	var got []uint32
	x.all(func(v uint32) bool { got = append(got, v^0xff); return true })
	if !slices.Equal(got, want) {
		t.Fatalf("all: got %v, want %v", got, want)
	}
	for k, v := range model {
		if got, found := x.find(k); !found || got != v {
			t.Fatalf("find %d: got %d, %t, want %d", k, got, found, v)
		}
		if _, there := model[k+1]; !there {
			if _, found := x.find(k + 1); found {
				t.Fatalf("find %d: found what is not there", k+1)
			}
		}
	}
	if !slices.IsSorted(x.firsts) || len(x.firsts) != len(x.blocks) {
		t.Fatalf("firsts of %d blocks: %v", len(x.blocks), x.firsts)
	}
	for i, b := range x.blocks {
		if len(b.keys) == 0 || len(b.keys) > blockLen || b.keys[0] < x.firsts[i] {
			t.Fatalf("block %d from %d: %d keys", i, x.firsts[i], len(b.keys))
		}
	}
}

// TestIndexIsDense keeps memory in bounds: ascending keys fill their blocks, and
// removals give blocks back.
func TestIndexIsDense(t *testing.T) {
	var x index[uint32, uint32]
	for k := range uint32(100 * blockLen) {
		x.insert(k, k)
	}
	if len(x.blocks) != 100 {
		t.Errorf("ascending keys: %d blocks, want 100", len(x.blocks))
	}
	for k := range uint32(100 * blockLen) {
		if k%16 != 0 {
			x.remove(k)
		}
	}
	if len(x.blocks) > 25 {
		t.Errorf("a sixteenth is left: %d blocks, want at most 25", len(x.blocks))
	}
}
