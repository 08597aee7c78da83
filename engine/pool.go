package engine

import (
	"iter"
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Setting is where a policy is put to work.
type Setting struct {
	// Handle names the pool.
	Handle rserpool.Handle
	// Rand is where chance comes from. It is required; several pools may share
	// it if one goroutine uses them all.
	Rand *rand.Rand
	// Run calls a function from where everything else is called, as soon as
	// that is possible; see Pool.Run. If nil, at once.
	Run func(func(now time.Time))
}

// Pool is what an instance of a PerPool policy sees of its pool. Its methods are
// for the instance, and for calls from the engine or within Run alone.
type Pool struct {
	selector *Selector // nil once the instance is used no longer
	setting  *Setting
	opened   time.Time
	why      error // for which the instance is unavailable, nil if it is not
}

// Handle returns the pool's handle.
func (p *Pool) Handle() rserpool.Handle { return p.setting.Handle }

// Rand returns where chance comes from.
func (p *Pool) Rand() *rand.Rand { return p.setting.Rand }

// Len returns the number of members.
func (p *Pool) Len() int {
	if p.selector == nil {
		return 0
	}
	return p.selector.length
}

// Load returns the arithmetic mean of the registered loads, zero without members.
func (p *Pool) Load() float64 {
	if p.selector == nil {
		return 0
	}
	return p.selector.Load()
}

// Now returns the time of the present call, or of the last one that had a time.
func (p *Pool) Now() time.Time {
	if p.attached() {
		return p.selector.watch.now
	}
	return p.opened
}

// All visits the members in order of registration.
func (p *Pool) All() iter.Seq[*Member] {
	if p.selector == nil {
		return func(func(*Member) bool) {}
	}
	return p.selector.All()
}

// Run has f called soon as if by the engine, so that it may use the pool. It may
// be called from any goroutine, but not from a call of the engine, nor with a lock
// held that such a call takes. Nothing happens once the instance is closed.
func (p *Pool) Run(f func()) {
	call := func(now time.Time) {
		if s := p.selector; s != nil {
			s.at(now)
			f()
		}
	}
	if p.setting.Run == nil {
		call(time.Time{})
		return
	}
	p.setting.Run(call)
}

// Update ranks m anew, because what the policy goes by has changed.
func (p *Pool) Update(m *Member) {
	if p.attached() && p.selector.has(m) {
		p.selector.order.update(m)
	}
}

// Refresh ranks all members anew.
func (p *Pool) Refresh() {
	if p.attached() {
		p.selector.refresh()
	}
}

// Unavailable says why the instance has nothing to go by for the time being, so
// that the pool goes by the next policy of its chain, and with nil that it has
// again. An instance is available unless it says otherwise in Open.
func (p *Pool) Unavailable(why error) {
	was := p.why
	p.why = why
	if p.attached() && (was == nil) != (why == nil) {
		p.selector.wavered()
	}
}

// Fault counts a fault that is not the result of a call.
func (p *Pool) Fault(err error) {
	if p.attached() {
		p.selector.fault(err)
	}
}

// attached reports whether the instance is at work.
func (p *Pool) attached() bool {
	return p.selector != nil && p.selector.watch != nil && p.selector.watch.pool == p
}
