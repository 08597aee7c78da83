// Command forgiving is a selection policy that avoids elements which could not be
// reached lately, and forgives them little by little.
package main

import (
	"math"
	"os"
	"time"

	"github.com/rspool/rspool/plugins/sdk"
)

func main() {
	if sdk.Serve(plugin) != nil {
		os.Exit(1)
	}
}

var plugin = sdk.Plugin{
	Name:    "forgiving",
	Version: "1.0.0",
	Summary: "avoids elements that failed lately",
	Policies: []sdk.Policy{{
		Name:    "forgiving",
		Summary: "the least load, to which each failure adds a penalty that fades",
		Needs:   []sdk.Field{sdk.Load, sdk.Degradation, sdk.Failures},
		Config: []sdk.Attribute{
			{Name: "penalty", Type: sdk.Number, Default: 0.5, Minimum: sdk.Bound(0), Help: "What a failure adds to the load at first; 1 is a whole element's worth."},
			{Name: "half_life", Type: sdk.Duration, Default: time.Minute, Help: "How long it takes until half of a penalty is forgiven."},
		},
		Rank: func(p *sdk.Pool) (sdk.Ranker, error) { return open(p, time.Now), nil },
	}},
}

// guilt is what is held against an element: a sum of penalties as it was at a time.
type guilt struct {
	sum      float64
	at       time.Time
	failures uint32 // that are in the sum
}

// forgiving ranks the elements of one pool.
type forgiving struct {
	pool     *sdk.Pool
	now      func() time.Time
	penalty  float64
	halfLife time.Duration
	guilts   map[uint32]*guilt
}

func open(p *sdk.Pool, now func() time.Time) *forgiving {
	f := &forgiving{
		pool:     p,
		now:      now,
		penalty:  p.Config.Number("penalty"),
		halfLife: max(p.Config.Duration("half_life"), time.Millisecond),
		guilts:   map[uint32]*guilt{},
	}
	// Penalties fade by themselves: ten steps in a half-life.
	p.Every(f.halfLife/10, func() {
		if len(f.guilts) > 0 {
			p.Rerank()
		}
	})
	return f
}

// Rank implements sdk.Ranker.
func (f *forgiving) Rank(elements []sdk.Element) []sdk.Rank {
	ranks := make([]sdk.Rank, 0, len(elements))
	for _, e := range elements {
		ranks = append(ranks, sdk.Rank{ID: e.ID, Key: e.Load + f.guilt(&e), Step: e.Degradation})
	}
	return ranks
}

// guilt is the penalty of an element at present.
func (f *forgiving) guilt(e *sdk.Element) float64 {
	now := f.now()
	g := f.guilts[uint32(e.ID)]
	if g == nil {
		if e.Failures == 0 {
			return 0
		}
		g = &guilt{at: now}
		f.guilts[uint32(e.ID)] = g
	}
	g.sum *= math.Exp2(-float64(now.Sub(g.at)) / float64(f.halfLife))
	g.at = now
	if e.Failures > g.failures {
		g.sum += f.penalty * float64(e.Failures-g.failures)
	}
	g.failures = e.Failures
	if g.sum < 1e-6 {
		g.sum = 0
		if e.Failures == 0 {
			delete(f.guilts, uint32(e.ID))
		}
	}
	return g.sum
}
