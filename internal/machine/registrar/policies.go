package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/transport"
)

// Call is an input by which a policy that has heard of something outside, as one of
// a plugin does, goes on inside the machine: see Config.Run.
type Call struct{ f func(now time.Time) }

// run hands a function to the driver, which brings it back as an input.
func (m *Machine) run(f func(now time.Time)) {
	if m.cfg.Run != nil {
		m.cfg.Run(&Call{f})
	}
}

// Configure is an input that changes the policies and options of pools that are made
// from now on, and is followed by an Adopt for each pool that is there.
type Configure struct {
	Policies *engine.Registry
	Pool     func(rserpool.Handle) *handlespace.Options // as in Config
	Admit    func(rserpool.Handle, *transport.Identity) bool
}

// Adopt is an input that applies the present options to a pool, if it is there.
type Adopt struct {
	Handle rserpool.Handle
	// Change is filled in, if anything has.
	Change *Change
}

// Change says by which policy a pool goes after an Adopt.
type Change struct {
	Handle        rserpool.Handle
	Policy        engine.Description
	FormerPolicy  string
	FormerVersion string
}

func (m *Machine) adoptPolicies(in *Adopt) {
	p := m.pool(in.Handle)
	if p == nil {
		return
	}
	former := p.space.Policy().Describe()
	if p.space.Adopt(m.now) {
		in.Change = &Change{in.Handle, p.space.Policy().Describe(), former.Name, former.Version}
	}
	m.wind(p)
}

// clock rings when the policies of a pool have something to do.
type clock struct {
	alarm
	pool *pool
}

func (c *clock) ring(m *Machine) {
	if c.pool.gone {
		return
	}
	c.pool.space.Tick(m.now)
	m.wind(c.pool)
}

// wind sets the clock of a pool whose policies may have been told something. That is
// nothing for a pool that goes by a built-in policy.
func (m *Machine) wind(p *pool) {
	if at := p.space.NextTick(); !at.IsZero() {
		m.alarms.set(&p.clock.alarm, at)
	}
}

// noticed tells the operator what became of a policy.
func (m *Machine) noticed(p *handlespace.Pool, e engine.Event) {
	o := Observed{Handle: p.Handle(), Policy: e.Policy.Name, Version: e.Policy.Version, Hash: e.Policy.Hash, Next: e.Next}
	switch e.Kind {
	case engine.PolicyFailed:
		o.Event = PolicyFailed
	case engine.PolicyLeft:
		o.Event = PolicyLeft
	case engine.PolicyTried:
		o.Event = PolicyTried
	case engine.PolicyReturned:
		o.Event = PolicyReturned
	case engine.PoolTooLarge:
		o.Event = PoolTooLarge
	}
	if e.Reason != nil {
		o.Detail = e.Reason.Error()
	}
	m.observe(o)
}
