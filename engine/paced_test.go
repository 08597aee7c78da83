package engine

import (
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func count(picks string) map[rune]int {
	n := map[rune]int{}
	for _, c := range picks {
		n[c]++
	}
	return n
}

func TestTurnsFollowTheWeights(t *testing.T) {
	for _, tc := range []struct {
		name    string
		weights []uint32
		n       int
		want    string
	}{
		{"one alone", []uint32{7}, 3, "AAA"},
		{"equals", []uint32{1, 1}, 6, "ABABAB"},
		{"one to three", []uint32{1, 3}, 12, "ABBBABBBABBB"},
		{"two to three", []uint32{2, 3}, 10, "ABABBABABB"},
		{"weight zero cannot serve", []uint32{1, 0, 1}, 4, "ACAC"},
		{"all of weight zero", []uint32{0, 0}, 4, "ABAB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSelector(inTurn{})
			named(s, tc.weights...)
			if got := picks(s, tc.n); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestTurnsAreSpread bounds the longest run of a heavy member among light ones by
// what an even spread has, and a little.
func TestTurnsAreSpread(t *testing.T) {
	s := newSelector(inTurn{})
	named(s, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1000)
	run, longest := 0, 0
	for _, c := range picks(s, 10*1010) {
		if c == 'K' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	if longest > 200 {
		t.Errorf("K of weight 1000 came %d times in a row among ten others; evenly spread it would be 100", longest)
	}
}

// TestEachRoundGivesEachItsWeight looks at any window of one round: each member
// has its turns, give or take one for rounding.
func TestEachRoundGivesEachItsWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint32Range(1, 20), 1, 12).Draw(t, "weights")
		s := newSelector(inTurn{})
		named(s, weights...)
		round := 0
		for _, w := range weights {
			round += int(w)
		}
		got := picks(s, 5*round)
		start := rapid.IntRange(0, 4*round).Draw(t, "start")
		n := count(got[start : start+round])
		for i, w := range weights {
			if d := n[rune('A'+i)] - int(w); d < -1 || d > 1 {
				t.Fatalf("weights %v: %c came %d times in a round: %s", weights, 'A'+i, n[rune('A'+i)], got[start:start+round])
			}
		}
	})
}

// TestNewcomersTakeNoAdvantage lets a member join late: it neither makes up for
// what it missed nor waits for a round.
func TestNewcomersTakeNoAdvantage(t *testing.T) {
	s := newSelector(inTurn{})
	ms := named(s, 1, 1)
	picks(s, 1000)
	late := member(1)
	late.Owner = "L"
	s.Add(start, late)
	if n := count(picks(s, 9)); n['L'] < 2 || n['L'] > 4 {
		t.Errorf("in nine turns of three the newcomer has %d", n['L'])
	}
	s.Remove(ms[0])
	s.Remove(ms[1])
	if got := picks(s, 2); got != "LL" {
		t.Errorf("alone: %s", got)
	}
}

// TestReregisteringGainsNoTurn has a member register again between all selections.
func TestReregisteringGainsNoTurn(t *testing.T) {
	s := newSelector(inTurn{})
	ms := named(s, 1, 3)
	var got strings.Builder
	for range 12 {
		got.WriteString(picks(s, 1))
		s.Update(start, ms[0])
		s.Update(start, ms[1])
	}
	if got.String() != "ABBBABBBABBB" {
		t.Errorf("got %s, want ABBBABBBABBB", got.String())
	}
}

func TestChangedWeightsApplyAtOnce(t *testing.T) {
	s := newSelector(inTurn{})
	ms := named(s, 1, 0, 1_000_000)
	set := func(m *Member, w uint32) {
		m.Element.Policy.Weight = w
		s.Update(start, m)
	}
	picks(s, 100)
	set(ms[1], 1)
	set(ms[2], 0)
	if n := count(picks(s, 100)); !maps.Equal(n, map[rune]int{'A': 50, 'B': 50}) {
		t.Errorf("B can serve, C cannot: %v", n)
	}
	set(ms[0], 99)
	if n := count(picks(s, 200)); n['A'] < 196 || n['A'] > 199 {
		t.Errorf("A:99 B:1: %v", n)
	}
}

// TestKeysAreSetBack goes beyond the position at which keys are set back, with the
// smallest step there is: nobody is stuck.
func TestKeysAreSetBack(t *testing.T) {
	s := newSelector(inTurn{})
	ms := named(s, 1, 2, 0)
	picks(s, 3*rebase*2+10)
	if k := ms[0].key; k > rebase+1 {
		t.Errorf("key %g", k)
	}
	heavy := member(1<<32 - 3)
	heavy.Owner = "H"
	s.Add(start, heavy)
	before := heavy.key
	picks(s, 1000)
	if heavy.key <= before {
		t.Errorf("the key of the heavy one stays at %g", heavy.key)
	}
	if got := names(s.Select(&Request{Items: 9}, nil)); len(got) != 3 || strings.Contains(got, "C") {
		t.Errorf("selected %s, want A, B and H", got)
	}
}
