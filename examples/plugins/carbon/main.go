// Command carbon is a selection policy that prefers elements where electricity is
// clean at present. It reads the figures from a file that something else writes.
package main

import (
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
	Name:    "carbon",
	Version: "1.0.0",
	Summary: "prefers elements where electricity is clean at present",
	Policies: []sdk.Policy{{
		Name:    "greenest",
		Summary: "the least carbon intensity of the element's zone, weighed against its load",
		Needs:   []sdk.Field{sdk.Load, sdk.Degradation},
		Tags:    []string{"zone"},
		Config: []sdk.Attribute{
			{Name: "file", Type: sdk.File, Required: true, Help: "Where the figures are: a CSV file of zone and grams per kilowatt-hour."},
			{Name: "refresh", Type: sdk.Duration, Default: 30 * time.Second, Help: "How often the file is looked at."},
			{Name: "max_age", Type: sdk.Duration, Default: 2 * time.Hour, Help: "How old the file may be before its figures are no longer believed."},
			{Name: "importance", Type: sdk.Number, Default: 0.5, Minimum: sdk.Bound(0), Maximum: sdk.Bound(1), Help: "0 looks at the load alone, 1 at the carbon alone."},
		},
		Check: func(c sdk.Config) error {
			if _, err := read(c.String("file")); err != nil {
				return &sdk.AttributeError{Attribute: "file", Problem: err.Error(), Remedy: "it must be there when the plugin starts, with lines as in \"DE,412\""}
			}
			return nil
		},
		Rank: func(p *sdk.Pool) (sdk.Ranker, error) { return open(p, time.Now) },
	}},
}

// greenest ranks the elements of one pool.
type greenest struct {
	pool       *sdk.Pool
	now        func() time.Time
	file       string
	maxAge     time.Duration
	importance float64

	figures map[string]float64 // by zone, as a share of the highest
	written time.Time          // when the file was
	middle  float64            // the figure of zones that are not in the file
	old     bool
}

func open(p *sdk.Pool, now func() time.Time) (*greenest, error) {
	g := &greenest{
		pool:       p,
		now:        now,
		file:       p.Config.String("file"),
		maxAge:     p.Config.Duration("max_age"),
		importance: p.Config.Number("importance"),
	}
	if err := g.load(); err != nil {
		return nil, err
	}
	p.Every(max(p.Config.Duration("refresh"), 100*time.Millisecond), g.look)
	return g, nil
}

// look reads the file if it has changed. A file that cannot be read changes nothing,
// until its figures are too old: then the load alone decides.
func (g *greenest) look() {
	info, err := os.Stat(g.file)
	switch {
	case err != nil:
		g.pool.Warn("figures: " + err.Error())
	case !info.ModTime().Equal(g.written):
		if err := g.load(); err != nil {
			g.pool.Warn("figures: " + err.Error())
			return
		}
		g.pool.Rerank()
	}
	if old := g.now().Sub(g.written) > g.maxAge; old != g.old {
		g.old = old
		if old {
			g.pool.Warn("figures: " + g.file + " was written more than " + g.maxAge.String() + " ago, so the load alone decides")
		}
		g.pool.Rerank()
	}
}

func (g *greenest) load() error {
	info, err := os.Stat(g.file)
	if err != nil {
		return err
	}
	figures, err := read(g.file)
	if err != nil {
		return err
	}
	g.figures, g.middle = shares(figures)
	g.written = info.ModTime()
	g.old = g.now().Sub(g.written) > g.maxAge
	return nil
}

// Rank implements sdk.Ranker.
func (g *greenest) Rank(elements []sdk.Element) []sdk.Rank {
	ranks := make([]sdk.Rank, 0, len(elements))
	for _, e := range elements {
		importance := g.importance
		if g.old {
			importance = 0
		}
		carbon, known := g.figures[e.Tag("zone")]
		if !known {
			carbon = g.middle
		}
		ranks = append(ranks, sdk.Rank{
			ID:   e.ID,
			Key:  (1-importance)*e.Load + importance*carbon,
			Step: (1 - importance) * e.Degradation,
		})
	}
	return ranks
}
