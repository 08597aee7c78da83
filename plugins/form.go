package plugins

import "github.com/rspool/rspool/engine"

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
		return direct{f}, nil
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

// Key implements engine.Ranked.
func (r ranked) Key(m *engine.Member) float64 { return r.value(m) }

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
