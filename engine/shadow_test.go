package engine

import (
	"testing"
	"time"
)

func TestShadowIsAskedForNothing(t *testing.T) {
	alone := newWorld(ChainConfig{Policies: []Policy{backup{}}})
	w := newWorld(ChainConfig{Policies: []Policy{backup{}}, Shadow: &moody{name: "moody"}, Sample: 1})
	same := newWorld(ChainConfig{Policies: []Policy{backup{}}, Shadow: &reverse{}, Sample: 0.5})
	for _, c := range []*world{alone, w, same} {
		c.join(1, 2, 3, 4)
	}
	for range 1000 {
		n := 1
		if a, b, c := alone.pick(n), w.pick(n), same.pick(n); a != b || a != c {
			t.Fatalf("picked %s, %s and %s: a shadow changes the choice", a, b, c)
		}
	}
	if s := w.Status().Shadow; s.Asked != 1000 || s.Differed != 1000 || s.Standing != Shadowing {
		t.Errorf("shadow %+v", s)
	}
	if s := same.Status().Shadow; s.Asked < 400 || s.Asked > 600 || s.Differed != 0 {
		t.Errorf("shadow of the same mind %+v", s)
	}
	w.Select(&Request{Items: 1, Preview: true}, nil)
	if n := w.counts["moody"].Asked; n != 1000 {
		t.Errorf("asked about a preview")
	}
}

// reverse ranks as backup does, but is not trusted.
type reverse struct{ moody }

func (*reverse) Describe() Description { return Description{Name: "reverse", Mark: 1} }
func (*reverse) Key(m *Member) float64 { return -value(m) }

// TestShadowsAreRestedWhenTheyFail lets the policy in the shadow fail.
func TestShadowsAreRestedWhenTheyFail(t *testing.T) {
	p := &moody{name: "moody"}
	w := newWorld(ChainConfig{Policies: []Policy{backup{}}, Shadow: p, Sample: 1})
	w.join(1, 2, 3)
	p.bad = true
	for range 10 {
		w.pick(1)
	}
	if got := w.standings(); got != "backup=in-use moody=open" {
		t.Errorf("standings %s", got)
	}
	p.bad = false
	w.until(30 * time.Second)
	if got := w.standings(); got != "backup=in-use moody=shadowing" {
		t.Errorf("standings %s", got)
	}
}
