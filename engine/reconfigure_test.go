package engine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
)

func TestReconfigureKeepsWhatItCan(t *testing.T) {
	p := &plant{name: "plant"}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	ms := w.join(5, 5, 5)
	if got := w.pick(1) + w.pick(1); got != "AB" {
		t.Fatalf("picked %s", got)
	}
	first := p.opened[0]
	for i, m := range ms {
		m.Data = float64(i)
	}
	first.pool.Refresh()
	// The same policy with another fallback goes on.
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{p, &moody{name: "moody"}, backup{}}, Mark: 2})
	if len(p.opened) != 1 || first.closed {
		t.Error("a policy that is kept was opened again")
	}
	if got := w.pick(2); got != "AB" || ms[1].Selections() != 2 {
		t.Errorf("picked %s, %d selections of B, want 2", got, ms[1].Selections())
	}
	// Another one is offered what it kept.
	next := &plant{name: "next"}
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{next, backup{}}})
	want := map[rserpool.ElementID]any{1: 0., 2: 1., 3: 2.}
	if diff := cmp.Diff(want, next.opened[0].old); diff != "" || !first.closed {
		t.Errorf("closed %v, offered (-want +got):\n%s", first.closed, diff)
	}
	if ms[0].Data != nil {
		t.Error("the data of the former policy is still there")
	}
	if got := w.pick(1) + w.pick(1) + w.pick(1); got != "CAB" {
		t.Errorf("picked %s, want CAB: who was selected longest ago stays", got)
	}
	// Nothing changed: nothing happens.
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{next, backup{}}})
	if len(next.opened) != 1 {
		t.Error("opened again though nothing was changed")
	}
	// To one that is built in and back.
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{backup{}}})
	if w.Chained() || !next.opened[0].closed {
		t.Error("still at work")
	}
	w.Reconfigure(w.now, &ChainConfig{Policies: []Policy{next, backup{}}})
	if len(next.opened) != 2 || ms[0].SelectionsTotal() != 3 {
		t.Errorf("opened %d times, %d selections of A in all", len(next.opened), ms[0].SelectionsTotal())
	}
}

func TestTryChangesNothing(t *testing.T) {
	p := &plant{name: "plant"}
	w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}})
	ms := w.join(1, 2, 3)
	ms[0].Data = 7.
	p.opened[0].pool.Refresh()
	for _, tc := range []struct {
		name string
		to   ChainConfig
		want string
	}{
		{"a good one", ChainConfig{Policies: []Policy{&plant{name: "good"}}}, ""},
		{"one that fails for a member", ChainConfig{Policies: []Policy{&moody{name: "moody", bad: true}}}, "policy moody: element 0x00000001: bad mood"},
		{"a fallback that fails", ChainConfig{Policies: []Policy{p, &moody{name: "moody", bad: true}}}, "policy moody: element 0x00000001: bad mood"},
		{"a shadow that fails", ChainConfig{Policies: []Policy{p}, Shadow: &moody{name: "moody", bad: true}}, "policy moody: element 0x00000001: bad mood"},
		{"one that cannot be opened", ChainConfig{Policies: []Policy{&plant{name: "dry", refuse: errors.New("no soil")}}}, "policy dry: no soil"},
		{"one that panics", ChainConfig{Policies: []Policy{rudeInstance{}}}, "panic: Upgrade"},
		{"the one at work", ChainConfig{Policies: []Policy{p}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := w.Try(w.now, &tc.to); err != nil {
				got = err.Error()
			}
			if !contains(got, tc.want) || (tc.want == "") != (got == "") {
				t.Errorf("error %q, want %q", got, tc.want)
			}
			if q, ok := tc.to.Policies[0].(*plant); ok && q != p && q.refuse == nil && (!q.opened[0].closed || len(q.opened[0].old) != 1) {
				t.Error("the instance is not closed, or was not offered the data")
			}
		})
	}
	if len(p.opened) != 1 || p.opened[0].closed || len(w.diary) != 0 || ms[0].Data != 7. || ms[1].Data != nil {
		t.Errorf("something has changed: %v, data %v", w.diary, ms[0].Data)
	}
	if got := w.pick(3); got != "BCA" {
		t.Errorf("picked %s", got)
	}
}
