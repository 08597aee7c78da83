package plugins

import (
	"math"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Owner is whoever keeps the elements of a pool and selects among them, as seen by
// a policy whose ranks come from elsewhere. All methods but Run are called from
// within Run, or from within a call of the engine.
type Owner interface {
	// Run calls f where the elements may be touched, and returns after that; or
	// returns without calling f where they are no more.
	Run(f func())
	// Update ranks an element anew.
	Update(m *engine.Member)
	// Available says whether the policy can be asked; if not, why. A policy that
	// was opened cannot, until it says so.
	Available(ok bool, why string)
	// Fault tells of something that should not have been.
	Fault(why string)
	// Reopen replaces the policy by another instance of the same.
	Reopen()
}

// open returns the policy for one pool: Ranked, Paced or Drawn.
func (p *Policy) open(h rserpool.Handle, owner Owner) engine.Policy {
	t, d, err := p.known()
	if err != nil {
		owner.Available(false, "plugin "+p.plugin.Name()+": "+err.Error())
		return p.plugin.postpone(&unready{p, owner}, d)
	}
	q := newPool(t, h, owner)
	p.plugin.join(q)
	f := form{q, p}
	switch {
	case t.info.Mode == Rank && t.info.Order == ByPace:
		return paced{f}
	case t.info.Mode == Rank && t.info.Order == ByWeight:
		return drawn{f}
	}
	return ranked{f}
}

// form is a pool as the engine sees it.
type form struct {
	*pool
	description *Policy
}

// Describe implements engine.Policy.
func (f form) Describe() engine.Description { return f.description.Describe() }

type ranked struct{ form }

// Key implements engine.Ranked.
func (r ranked) Key(m *engine.Member) float64 { return r.value(m) }

type paced struct{ form }

// Step implements engine.Paced.
func (p paced) Step(m *engine.Member) float64 { return p.value(m) }

type drawn struct{ form }

// Weight implements engine.Drawn.
func (d drawn) Weight(m *engine.Member) float64 { return d.value(m) }

// unready stands for a policy of a plugin that never came up: nobody can ask it.
type unready struct {
	policy *Policy
	owner  Owner
}

// Describe implements engine.Policy.
func (u *unready) Describe() engine.Description { return u.policy.Describe() }

// Key implements engine.Ranked.
func (u *unready) Key(*engine.Member) float64 { return math.MaxFloat64 }

// Close implements io.Closer.
func (u *unready) Close() error {
	p := u.policy.plugin
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, u)
	return nil
}

// postpone has u's owner open the policy again when the plugin is described, or
// described anew.
func (p *Plugin) postpone(u *unready, known *Description) engine.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.description != known && p.ctx.Err() == nil { // meanwhile
		p.work.Go(func() { u.owner.Run(u.owner.Reopen) })
	} else {
		p.waiting[u] = struct{}{}
	}
	return u
}
