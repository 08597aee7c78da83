package registrar

import (
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	role "github.com/rspool/rspool/internal/machine/registrar"
)

// Reconfigured says what Reconfigure has done.
type Reconfigured struct {
	// Pools is the number of pools that there are.
	Pools int
	// Changed are those that go by other policies, or by others under certain
	// circumstances. At most 1,000 are listed; Count is their number.
	Changed []PoolChange
	Count   int
	// Took is the time that all of it took, Longest how long resolutions had to
	// wait at most.
	Took, Longest time.Duration
}

// PoolChange is what a Reconfigure means to one pool.
type PoolChange struct {
	Handle rserpool.Handle
	// Policy is what it goes by now.
	Policy, Version, Hash string
	// FormerPolicy is what it went by before.
	FormerPolicy, FormerVersion string
}

// maxChanges bounds the pools that a Reconfigured lists.
const maxChanges = 1000

// selection is by what the pools of a registrar go.
type selection struct {
	policies *engine.Registry
	pools    []PoolConfig
}

// Reconfigure changes the policies and the configuration of pools while the registrar
// runs. Before, each policy that is new to a pool ranks the pool's elements; where one
// fails, or the configuration is wrong, nothing changes at all. Elements, counters and
// subscriptions stay. It looks after one pool at a time, so that resolutions go on in
// between. A nil registry means the built-in policies.
func (r *Registrar) Reconfigure(policies *engine.Registry, pools []PoolConfig) (Reconfigured, error) {
	r.reconfigure.Lock()
	defer r.reconfigure.Unlock()
	return r.change(selection{policies, pools})
}

// ErrNoFormer is returned by Rollback where nothing was changed.
var ErrNoFormer = fmt.Errorf("there is nothing to go back to: the policies were not changed")

// Rollback goes back to what was configured before the last Reconfigure, or again to
// what that brought.
func (r *Registrar) Rollback() (Reconfigured, error) {
	r.reconfigure.Lock()
	defer r.reconfigure.Unlock()
	if r.former == nil {
		return Reconfigured{}, ErrNoFormer
	}
	return r.change(*r.former)
}

// change applies a selection, and remembers the one before.
func (r *Registrar) change(to selection) (Reconfigured, error) {
	var done Reconfigured
	if to.policies == nil {
		to.policies = engine.NewRegistry(builtin.All()...)
	}
	options, err := poolOptions(to.pools, r.maxIncrement, to.policies)
	if err != nil {
		return done, fmt.Errorf("registrar: %w", err)
	}
	start := time.Now()
	for _, h := range r.handles() {
		done.locked(r, func() { err = r.try(h, options(h)) })
		if err != nil {
			return Reconfigured{}, fmt.Errorf("registrar: pool %s: %w", h, err)
		}
	}
	done.locked(r, func() { r.step(&role.Configure{Policies: to.policies, Pool: options, Admit: admission(to.pools)}) })
	handles := r.handles()
	for _, h := range handles {
		in := &role.Adopt{Handle: h}
		done.locked(r, func() { r.step(in) })
		if in.Change == nil {
			continue
		}
		if done.Count++; done.Count <= maxChanges {
			d := in.Change.Policy
			done.Changed = append(done.Changed, PoolChange{h, d.Name, d.Version, d.Hash, in.Change.FormerPolicy, in.Change.FormerVersion})
		}
	}
	done.Pools, done.Took = len(handles), time.Since(start)
	r.log.Info("policies are configured anew", "pools", done.Pools, "changed", done.Count, "took", done.Took.Round(time.Microsecond))
	former := r.present
	r.present, r.former = to, &former
	return done, nil
}

// locked calls f with r.mu, and notes how long that took.
func (d *Reconfigured) locked(r *Registrar, f func()) {
	r.mu.Lock()
	began := time.Now()
	f()
	d.Longest = max(d.Longest, time.Since(began))
	r.unlock()
}

// handles returns those of all pools.
func (r *Registrar) handles() []rserpool.Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	space := r.machine.Space()
	handles := make([]rserpool.Handle, 0, space.Pools())
	for p := range space.All() {
		handles = append(handles, p.Handle())
	}
	return handles
}

// try reports why options are not fit for a pool. The caller holds mu.
func (r *Registrar) try(h rserpool.Handle, o *handlespace.Options) error {
	if p := r.machine.Space().Pool(h); p != nil {
		return p.Try(time.Now(), o)
	}
	return nil
}

// run brings a Call of a policy to the machine.
func (r *Registrar) run(c *role.Call) { r.input(c) }
