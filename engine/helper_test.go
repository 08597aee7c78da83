package engine

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
)

// start is when tests begin.
var start = time.Unix(1_000_000_000, 0)

func newSelector(p Policy) *Selector {
	s, err := NewSelector(start, p, Setting{Rand: seeded()})
	if err != nil {
		panic(err)
	}
	return s
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// member returns a member with the identifier weight+1.
func member(weight uint32) *Member {
	return &Member{Element: &rserpool.Element{
		ID:     rserpool.ElementID(weight + 1),
		Policy: rserpool.Policy{Weight: weight},
	}}
}

// named returns members A, B, C ... with the weights given.
func named(s *Selector, weights ...uint32) []*Member {
	var ms []*Member
	for i, w := range weights {
		m := member(w)
		m.Owner = string(rune('A' + i))
		ms = append(ms, m)
		s.Add(start, m)
	}
	return ms
}

func names(ms []*Member) string {
	var b strings.Builder
	for _, m := range ms {
		b.WriteString(m.Owner.(string))
	}
	return b.String()
}

// picks returns the names of n selections of one.
func picks(s *Selector, n int) string {
	var ms []*Member
	for range n {
		ms = s.Select(&Request{Items: 1}, ms)
	}
	return names(ms)
}

// value is what the test policies make of a weight: the largest ones are worth
// nothing, and beyond reason.
func value(m *Member) float64 {
	switch w := m.Element.Policy.Weight; w {
	case math.MaxUint32:
		return math.Inf(1)
	case math.MaxUint32 - 1:
		return math.NaN()
	default:
		return float64(w)
	}
}

const (
	infinite = math.MaxUint32
	faulty   = math.MaxUint32 - 1
)

// byWeight ranks by weight.
type byWeight struct{}

func (byWeight) Describe() Description { return Description{Name: "by-weight", Mark: 1} }
func (byWeight) Key(m *Member) float64 { return value(m) }

// inTurn takes turns.
type inTurn struct{}

func (inTurn) Describe() Description { return Description{Name: "in-turn", Mark: 1} }
func (inTurn) Step(m *Member) float64 {
	if m.Element.Policy.Weight == 0 {
		return math.Inf(1)
	}
	return 1 / value(m)
}

// atRandom draws.
type atRandom struct{}

func (atRandom) Describe() Description    { return Description{Name: "at-random"} }
func (atRandom) Weight(m *Member) float64 { return value(m) }

// equally draws without weights.
type equally struct{ atRandom }

func (equally) Describe() Description  { return Description{Name: "equally", Uniform: true} }
func (equally) Weight(*Member) float64 { return 1 }

func contains(s, part string) bool { return strings.Contains(s, part) }
