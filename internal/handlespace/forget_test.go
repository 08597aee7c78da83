package handlespace

import (
	"math/rand/v2"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// TestNothingIsKept lets many pools, elements and owners come and go: what peers
// name must not add up.
func TestNothingIsKept(t *testing.T) {
	s := New(Config{
		Policies: engine.NewRegistry(builtin.All()...),
		Rand:     rand.New(rand.NewPCG(1, 2)),
	})
	now := time.Unix(1e9, 0)
	keep, _, _ := s.Register(now, "keep", &rserpool.Element{ID: 1, Home: 1, Policy: rserpool.Policy{Type: rserpool.Random}}, time.Time{})
	for i := range 1000 {
		h := rserpool.Handle(string(rune('a'+i%26)) + string(rune(i)))
		e := &rserpool.Element{
			ID:     rserpool.ElementID(i + 1),
			Home:   rserpool.RegistrarID(i + 2),
			Policy: rserpool.Policy{Type: rserpool.WeightedRandom, Weight: 1},
		}
		entry, _, refusal := s.Register(now, h, e, now.Add(time.Minute))
		if refusal != nil {
			t.Fatal(refusal)
		}
		s.SetHome(keep, rserpool.RegistrarID(i+1))
		s.Remove(entry)
	}
	if n := len(s.owners); n != 1 {
		t.Errorf("%d owners are kept, want 1", n)
	}
	if n := len(keep.pool.shares); n != 1 {
		t.Errorf("%d shares are kept, want 1", n)
	}
	if len(s.pools) != 1 || len(s.sorted.blocks) != 1 || len(s.sorted.blocks[0].keys) != 1 {
		t.Errorf("%d pools are kept, want 1", len(s.pools))
	}
	if n := len(s.expiry.slots); n != 0 {
		t.Errorf("%d expiries are kept, want none", n)
	}
}
