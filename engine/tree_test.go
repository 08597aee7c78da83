package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTreeIsASortedList compares a tree with a sorted slice over random
// operations, with few different keys so that many are equal.
func TestTreeIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr tree
		var model []*Member
		var seq uint64
		key := rapid.Custom(func(t *rapid.T) float64 {
			return float64(rapid.IntRange(-4, 4).Draw(t, "key"))
		})
		pick := func(t *rapid.T) *Member {
			if len(model) == 0 {
				t.Skip("empty")
			}
			return rapid.SampledFrom(model).Draw(t, "member")
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				seq++
				m := &Member{key: key.Draw(t, "key"), seq: seq, priority: rapid.Uint32Range(0, 20).Draw(t, "priority")}
				tr.insert(m)
				model = append(model, m)
			},
			"remove": func(t *rapid.T) {
				m := pick(t)
				tr.remove(m)
				model = slices.DeleteFunc(model, func(o *Member) bool { return o == m })
			},
			"change the key": func(t *rapid.T) {
				m := pick(t)
				tr.move(m, key.Draw(t, "key"), m.seq)
			},
			"select": func(t *rapid.T) {
				seq++
				m := pick(t)
				tr.move(m, m.key, seq)
			},
			"": func(t *rapid.T) {
				slices.SortFunc(model, func(a, b *Member) int {
					if a.before(b) {
						return -1
					}
					return 1
				})
				checkTree(t, &tr, model)
			},
		})
	})
}

func checkTree(t *rapid.T, tr *tree, want []*Member) {
	var walk func(m, parent *Member) []*Member
	walk = func(m, parent *Member) []*Member {
		if m == nil {
			return nil
		}
		if m.parent != parent {
			t.Fatalf("a member's parent is not its parent")
		}
		if parent != nil && parent.priority < m.priority {
			t.Fatalf("priority %d below %d", m.priority, parent.priority)
		}
		return slices.Concat(walk(m.left, m), []*Member{m}, walk(m.right, m))
	}
	if got := walk(tr.root, nil); !slices.Equal(got, want) {
		t.Fatalf("tree has %d members, or in another order, want %d", len(got), len(want))
	}

	var forth, back []*Member
	for m := tr.first; m != nil; m = m.next {
		forth = append(forth, m)
	}
	for m := tr.last; m != nil; m = m.prev {
		back = append(back, m)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, want) || !slices.Equal(back, want) {
		t.Fatalf("threads: %d members forth, %d back, want %d in order", len(forth), len(back), len(want))
	}
}

// TestTreeStaysShallow uses the worst order for a tree that does not balance.
func TestTreeStaysShallow(t *testing.T) {
	s := newSelector(byWeight{})
	for i := range 10_000 {
		s.Add(start, member(uint32(i)))
	}
	var depth func(m *Member) int
	depth = func(m *Member) int {
		if m == nil {
			return 0
		}
		return 1 + max(depth(m.left), depth(m.right))
	}
	if d := depth(s.order.(*ranked).tree.root); d > 50 {
		t.Errorf("10,000 members in ascending order: depth %d, want at most 50", d)
	}
}
