package engine

import (
	"errors"
	"fmt"
	"math"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Faults returns how often the policy failed: results that are none, errors and
// panics. Where it was about a member, that kept its last good rank.
func (s *Selector) Faults() uint64 { return s.faults }

// LastFault returns the latest fault of the present policy, nil without any.
func (s *Selector) LastFault() error {
	if s.watch == nil {
		return nil
	}
	return s.watch.last
}

// Truncated returns how many selections by the present policy ended at
// Description.MaxScan.
func (s *Selector) Truncated() uint64 {
	if s.watch == nil {
		return 0
	}
	return s.watch.truncated
}

// fault counts a fault.
func (s *Selector) fault(err error) {
	s.faults++
	w := s.watch
	if w == nil {
		return
	}
	w.last = err
	if s.keeper != nil && s.keeper.faulted(err) {
		w.failing = true
	}
}

func (s *Selector) failing() bool { return s.watch != nil && s.watch.failing }

// told counts the error of a hook.
func (s *Selector) told(err error) {
	if err != nil {
		s.fault(err)
	}
}

// noResult counts a fault of a key, step or weight, of which the instance may know
// the reason.
func (s *Selector) noResult(m *Member, what string, v float64) {
	if err := s.reason(); err != nil {
		s.fault(fmt.Errorf("element %s: %w", m.Element.ID, err))
	} else {
		s.fault(fmt.Errorf("element %s: %s %v is out of range", m.Element.ID, what, v))
	}
}

func (s *Selector) reason() (err error) {
	w := s.watch
	if w == nil {
		return nil
	}
	if err, w.panicked = w.panicked, nil; err != nil {
		return err
	}
	f, ok := w.instance.(Faulter)
	if !ok {
		return nil
	}
	defer recovered(&err)
	return f.Fault()
}

// firstKey is the key of a new member. In a fault it is the one that it would have by
// the next policy of the chain, and without one the member comes after all others that
// can serve.
func (s *Selector) firstKey(p Ranked, m *Member) float64 {
	k := p.Key(m)
	if k != k {
		s.noResult(m, "key", k)
		if k = s.spareKey(m); k != k {
			k = math.MaxFloat64
		}
	}
	return k
}

// spareKey is the key that a new member has in a fault, NaN if nobody tells.
func (s *Selector) spareKey(m *Member) float64 {
	if s.keeper != nil {
		if p, ok := s.keeper.spare().(Ranked); ok {
			return p.Key(m)
		}
	}
	return math.NaN()
}

// spareWeight is spareKey for weights.
func (s *Selector) spareWeight(m *Member) float64 {
	if s.keeper != nil {
		if p, ok := s.keeper.spare().(Drawn); ok {
			return p.Weight(m)
		}
	}
	return math.NaN()
}

// wavered passes on whether the instance is available.
func (s *Selector) wavered() {
	if s.keeper != nil {
		s.keeper.wavered(s.watch.pool.why)
	}
}

// errPanic is wrapped by the faults that were panics.
var errPanic = errors.New("panic")

// recovered makes an error of a panic. It must be deferred itself.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errPanic, r)
	}
}

// The calls of policies that may panic.

func open(o PerPool, p *Pool) (instance Policy, err error) {
	defer recovered(&err)
	return o.Open(p)
}

func upgrade(u Upgrader, old map[rserpool.ElementID]any) (err error) {
	defer recovered(&err)
	return u.Upgrade(old)
}

func closeInstance(c Closer) (err error) {
	defer recovered(&err)
	c.Close()
	return nil
}

func tick(t Ticker, now time.Time) (err error) {
	defer recovered(&err)
	return t.Tick(now)
}

func (s *Selector) registered(m *Member) (err error) {
	defer recovered(&err)
	return s.hooks.Registered(m)
}

func (s *Selector) selected(m *Member) (err error) {
	defer recovered(&err)
	return s.hooks.Selected(m)
}

func (s *Selector) failed(m *Member, why Reason) (err error) {
	defer recovered(&err)
	return s.hooks.Failed(m, why)
}

func (s *Selector) deregistered(m *Member) (err error) {
	defer recovered(&err)
	return s.hooks.Deregistered(m)
}

func (s *Selector) admit(m *Member, r *Request) (ok bool, err error) {
	defer recovered(&err)
	return s.watch.filter.Admit(m, r)
}

func affinity(p Affine, r *Request) (at uint64, err error) {
	defer recovered(&err)
	return p.Affinity(r)
}

func choose(p Chooser, members []*Member, r *Request, dst []*Member) (chosen []*Member, err error) {
	defer recovered(&err)
	return p.Choose(members, r, dst)
}

// notANumber makes a fault of a panic. It must be deferred itself.
func (s *Selector) notANumber(v *float64) {
	if r := recover(); r != nil {
		*v = math.NaN()
		s.watch.panicked = fmt.Errorf("%w: %v", errPanic, r)
	}
}

type guardedRanked struct {
	Ranked
	selector *Selector
}

func (g *guardedRanked) Key(m *Member) (k float64) {
	defer g.selector.notANumber(&k)
	return g.Ranked.Key(m)
}

type guardedPaced struct {
	Paced
	selector *Selector
}

func (g *guardedPaced) Step(m *Member) (d float64) {
	defer g.selector.notANumber(&d)
	return g.Paced.Step(m)
}

type guardedDrawn struct {
	Drawn
	selector *Selector
}

func (g *guardedDrawn) Weight(m *Member) (w float64) {
	defer g.selector.notANumber(&w)
	return g.Drawn.Weight(m)
}
