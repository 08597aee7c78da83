package engine

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	rserpool "github.com/rspool/rspool"
)

// TestNobodyIsLostWhateverPoliciesDo goes through random changes of membership and
// moods: every answer has as many members as were asked for, none twice and none
// that is gone, and the counters are right.
func TestNobodyIsLostWhateverPoliciesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, shadow := &moody{name: "a"}, &plant{name: "b", dormant: rapid.Bool().Draw(t, "dormant")}, &moody{name: "shadow"}
		policies := []Policy{a, b, sampling{2}, weightedSticky{}, picky{10, func(ms, dst []*Member) ([]*Member, error) {
			return append(dst, ms...), nil
		}}, drawnFilter{filters{atRandom{}, 4}}, inTurn{}, atRandom{}}
		config := func(t *rapid.T) *ChainConfig {
			c := &ChainConfig{
				Policies: append(rapid.SliceOfNDistinct(rapid.SampledFrom(policies), 0, 3, func(p Policy) string { return p.Describe().Name }).Draw(t, "chain"), backup{}),
				Breaker:  Breaker{Errors: 2, Window: 5 * time.Second, Cooldown: 5 * time.Second},
			}
			if rapid.Bool().Draw(t, "shadow") {
				c.Shadow, c.Sample = shadow, 1
			}
			return c
		}
		w := newWorld(*config(t))
		type history struct{ selections, total, failures int }
		model := map[*Member]*history{}
		var order []*Member
		some := func(t *rapid.T) *Member { return rapid.SampledFrom(order).Draw(t, "member") }
		ids := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				m := member(rapid.Uint32Range(1, 9).Draw(t, "weight"))
				ids++
				m.Element.ID = rserpool.ElementID(ids)
				w.Add(w.now, m)
				model[m] = &history{}
				order = append(order, m)
			},
			"remove": func(t *rapid.T) {
				for range min(len(order), rapid.IntRange(1, 12).Draw(t, "number")) {
					m := some(t)
					w.Remove(m)
					delete(model, m)
					order = slices.DeleteFunc(order, func(o *Member) bool { return o == m })
				}
			},
			"update": func(t *rapid.T) {
				if len(order) > 0 {
					m := some(t)
					m.Element.Policy.Weight = rapid.SampledFrom([]uint32{1, 2, infinite, faulty}).Draw(t, "weight")
					w.Update(w.now, m)
					model[m].selections = 0
				}
			},
			"fail": func(t *rapid.T) {
				if len(order) > 0 {
					m := some(t)
					w.Failed(w.now, m, Unreachable)
					model[m].failures++
				}
			},
			"mood": func(t *rapid.T) {
				a.bad, shadow.bad = rapid.Bool().Draw(t, "a"), rapid.Bool().Draw(t, "shadow")
				for _, l := range b.opened {
					var why error
					if rapid.Bool().Draw(t, "away") {
						why = errors.New("away")
					}
					l.pool.Run(func() { l.pool.Unavailable(why) })
				}
			},
			"time": func(t *rapid.T) {
				w.until(w.now.Sub(start) + time.Duration(rapid.IntRange(0, 7).Draw(t, "seconds"))*time.Second)
			},
			"reconfigure": func(t *rapid.T) { w.Reconfigure(w.now, config(t)) },
			"select": func(t *rapid.T) {
				n := rapid.IntRange(1, 5).Draw(t, "items")
				got := w.Select(&Request{Items: n, Now: w.now, Handle: "P"}, nil)
				if len(order) > 0 && len(got) == 0 || len(got) > n {
					t.Fatalf("selected %d of %d, asked for %d", len(got), len(order), n)
				}
				for i, m := range got {
					if model[m] == nil || slices.Contains(got[:i], m) {
						t.Fatal("a member that is gone, or twice")
					}
					if h := model[m]; int(m.Selections()) > h.selections {
						h.selections++
						h.total++
					}
				}
			},
			"": func(t *rapid.T) {
				if !slices.Equal(slices.Collect(w.All()), order) {
					t.Fatal("members are not in order of registration")
				}
				for m, h := range model {
					if int(m.Selections()) != h.selections || int(m.SelectionsTotal()) != h.total || int(m.Failures()) != h.failures {
						t.Fatalf("counters %d %d %d, want %+v", m.Selections(), m.SelectionsTotal(), m.Failures(), *h)
					}
				}
				for _, s := range w.twins {
					if s.length != len(order) || len(s.members) != len(w.main.members) {
						t.Fatalf("%d twins in %d slots of %d members in %d", s.length, len(s.members), len(order), len(w.main.members))
					}
					for i, m := range w.main.members {
						n := s.members[i]
						if (m == nil) != (n == nil) || m != nil && (n.Owner != any(m) || n.selections != m.selections || n.failures != m.failures || n.seq != m.seq) {
							t.Fatalf("slot %d: %+v is no twin of %+v", i, n, m)
						}
					}
				}
			},
		})
	})
}
