package plugins

import (
	"math"

	"github.com/rspool/rspool/engine"
)

// Open implements engine.PerPool. It fails while the plugin was never up, or does
// not have the policy as configured.
func (p *Policy) Open(e *engine.Pool) (engine.Policy, error) {
	t, err := p.known()
	if err != nil {
		return nil, err
	}
	q := newPool(t, e)
	e.Unavailable(q.error(unheard))
	p.plugin.join(q)
	f := form{q, p}
	switch {
	case t.info.Mode == Direct:
		cfg := p.plugin.config()
		cfg.Log.Warn("policy asks its plugin for each selection, which is slow: for experiments", "policy", t.name, "pool", q.handle.String(), "deadline", cfg.DirectDeadline)
		return direct{f}, nil
	case t.info.Mode == Queue:
		return queued{f}, nil
	case t.info.Mode == Rank && t.info.Order == ByPace:
		return paced{f}, nil
	case t.info.Mode == Rank && t.info.Order == ByWeight:
		return drawn{f}, nil
	}
	return ranked{f}, nil
}

// form is a pool as the engine sees it.
type form struct {
	*pool
	of *Policy
}

// Describe implements engine.Policy.
func (f form) Describe() engine.Description { return f.of.Describe() }

type ranked struct{ form }

// Key implements engine.Ranked. It is asked with each selection.
func (r ranked) Key(m *engine.Member) float64 {
	switch e, ok := m.Data.(*record); {
	case !ok || !e.ranked:
		return r.value(m)
	case e.rank.step == 0:
		return e.rank.key // also where it is infinite
	default:
		return e.rank.key + e.rank.step*float64(m.Selections())
	}
}

// queued ranks by places in a queue.
type queued struct{ form }

// Key implements engine.Ranked.
func (q queued) Key(m *engine.Member) float64 {
	if e, ok := m.Data.(*record); ok && len(e.positions) > 0 {
		return float64(e.positions[0])
	}
	return math.MaxFloat64
}

type paced struct{ form }

// Step implements engine.Paced.
func (p paced) Step(m *engine.Member) float64 { return p.value(m) }

type drawn struct{ form }

// Weight implements engine.Drawn.
func (d drawn) Weight(m *engine.Member) float64 { return d.value(m) }

var (
	_ engine.PerPool = (*Policy)(nil)
	_ engine.Ranked  = ranked{}
	_ engine.Paced   = paced{}
	_ engine.Drawn   = drawn{}
	_ engine.Chooser = direct{}
	_ engine.Hooks   = form{}
	_ engine.Closer  = form{}
)
