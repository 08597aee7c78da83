package builtin_test

import (
	"cmp"
	"math/big"
	"slices"
	"testing"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"pgregory.net/rapid"
)

// reference is a pool kept the plain way: a list that is sorted for each answer,
// with loads as whole numbers of any size.
type reference struct {
	terms   terms
	members []*referenceMember
	turn    int
}

type referenceMember struct {
	values     rserpool.Policy
	selections int64
	turn       int
}

// terms says what a policy adds up.
type terms struct {
	priority, load, degradation, degraded, distance bool
}

var references = []struct {
	policy engine.Policy
	terms  terms
}{
	{builtin.RoundRobin{}, terms{}},
	{builtin.Priority{}, terms{priority: true}},
	{builtin.LeastUsed{}, terms{load: true}},
	{builtin.LeastUsedDegradation{}, terms{load: true, degraded: true}},
	{builtin.PriorityLeastUsed{}, terms{load: true, degradation: true}},
	{builtin.PriorityLeastUsedDegradation{}, terms{load: true, degradation: true, degraded: true}},
	{builtin.LeastUsedDPF{}, terms{load: true, distance: true}},
	{builtin.LeastUsedDegradationDPF{}, terms{load: true, degraded: true, distance: true}},
	{builtin.PriorityLeastUsedDPF{}, terms{load: true, degradation: true, distance: true}},
	{builtin.PriorityLeastUsedDegradationDPF{}, terms{load: true, degradation: true, degraded: true, distance: true}},
}

// units is a share in units of 2^-32, of which all of the load has 2^32.
func units(l rserpool.Load) *big.Int {
	if l == 0xffffffff {
		return big.NewInt(1 << 32)
	}
	return big.NewInt(int64(l))
}

func (r *reference) key(m *referenceMember) *big.Int {
	if r.terms.priority {
		return big.NewInt(-int64(m.values.Priority))
	}
	sum := new(big.Int)
	add := func(use bool, share rserpool.Load, times int64) {
		if use {
			sum.Add(sum, new(big.Int).Mul(units(share), big.NewInt(times)))
		}
	}
	add(r.terms.load, m.values.Load, 1)
	add(r.terms.degradation, m.values.Degradation, 1)
	add(r.terms.degraded, m.values.Degradation, m.selections)
	add(r.terms.distance, m.values.LoadDPF, int64(m.values.Distance))
	if all := big.NewInt(1 << 32); sum.Cmp(all) > 0 {
		return all
	}
	return sum
}

func (r *reference) choose(n int) []*referenceMember {
	slices.SortFunc(r.members, func(a, b *referenceMember) int {
		return cmp.Or(r.key(a).Cmp(r.key(b)), a.turn-b.turn)
	})
	chosen := slices.Clone(r.members[:min(n, len(r.members))])
	if len(chosen) > 0 {
		r.turn++
		chosen[0].turn = r.turn
		chosen[0].selections++
	}
	return chosen
}

// TestRankedPoliciesAgreeWithTheReference goes through random registrations,
// re-registrations, removals and selections.
func TestRankedPoliciesAgreeWithTheReference(t *testing.T) {
	share := rapid.OneOf(
		rapid.SampledFrom([]uint32{0, 1, 0x10000000, 0x80000000, 0xfffffffe, 0xffffffff}),
		rapid.Uint32(),
	)
	values := rapid.Custom(func(t *rapid.T) rserpool.Policy {
		return rserpool.Policy{
			Priority:    share.Draw(t, "priority"),
			Load:        rserpool.Load(share.Draw(t, "load")),
			Degradation: rserpool.Load(share.Draw(t, "degradation") >> rapid.IntRange(0, 31).Draw(t, "shift")),
			LoadDPF:     rserpool.Load(share.Draw(t, "dpf") >> rapid.IntRange(0, 31).Draw(t, "shift")),
			Distance:    share.Draw(t, "distance") >> rapid.IntRange(0, 31).Draw(t, "shift"),
		}
	})
	for _, tc := range references {
		t.Run(tc.policy.Describe().Name, rapid.MakeCheck(func(t *rapid.T) {
			s := newSelector(tc.policy)
			r := &reference{terms: tc.terms}
			real := map[*referenceMember]*engine.Member{}
			for range rapid.IntRange(1, 60).Draw(t, "operations") {
				switch op := rapid.IntRange(0, 9).Draw(t, "operation"); {
				case len(r.members) == 0 || op < 2:
					v := values.Draw(t, "values")
					r.turn++
					rm := &referenceMember{values: v, turn: r.turn}
					r.members = append(r.members, rm)
					real[rm] = &engine.Member{Element: &rserpool.Element{Policy: v}}
					s.Add(epoch, real[rm])
				case op == 2:
					rm := rapid.SampledFrom(r.members).Draw(t, "member")
					rm.selections = 0
					if rapid.Bool().Draw(t, "changed") {
						rm.values = values.Draw(t, "values")
						real[rm].Element.Policy = rm.values
					}
					s.Update(epoch, real[rm])
				case op == 3:
					i := rapid.IntRange(0, len(r.members)-1).Draw(t, "member")
					s.Remove(real[r.members[i]])
					r.members = slices.Delete(r.members, i, i+1)
				default:
					n := rapid.IntRange(1, 5).Draw(t, "items")
					var want []*engine.Member
					for _, rm := range r.choose(n) {
						want = append(want, real[rm])
					}
					if got := s.Select(&engine.Request{Items: n}, nil); !slices.Equal(got, want) {
						t.Fatalf("asked for %d of %d: another answer than the reference's", n, len(r.members))
					}
				}
			}
		}))
	}
}
