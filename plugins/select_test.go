package plugins

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRanksDecide(t *testing.T) {
	p := up(t, self(t, "well"))
	w := open(t, p, "least", nil, 0.5, 0.1, 0.3)
	eventually(t, "ranks", w.is(true))
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{2, 3, 1}) })

	w.add(4, 0.2, 0.15) // each selection adds to it
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{2, 4, 3, 1}) })
	w.remove(2)
	if d := cmp.Diff([]uint32{4, 3, 3, 3}, w.pick(4)); d != "" {
		t.Errorf("picks differ (-want +got):\n%s", d)
	}
}
