package plugins

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// pool is a pool that uses a policy of a plugin: what the engine asks and tells on
// one side, and a stream to the plugin on the other.
//
// Two parties use it. The owner is whoever holds the pool's elements and asks for
// selections; it calls from one place at a time, and the functions handed to run
// are called as it. Links have goroutines of their own. What both touch is under
// mu, which the owner takes inside its own lock; so nobody calls run with mu held.
// The record of a member is its Data.
type pool struct {
	policy *terms
	handle rserpool.Handle
	engine *engine.Pool
	gone   chan struct{} // closed with the pool

	// The owner's.
	records   map[rserpool.ElementID]*record // also read with mu
	available bool                           // there are ranks to go by
	median    float64                        // of the ranks known
	stale     bool                           // median must be computed again
	queue     queue

	mu     sync.Mutex
	links  [2]*link // a second one takes over from the first when a plugin is replaced
	active *link    // the one whose ranks count, nil for none
	heard  time.Time
	ttl    time.Duration
	timer  *time.Timer // for the end of ttl, and of the grace of new elements
	due    time.Time   // when it fires
	why    string      // available is false, empty: it is true
	closed bool

	nonsense      int // ids and numbers that mean nothing, lately
	nonsenseSince time.Time
}

// record is what is known of an element.
type record struct {
	// The owner's.
	member    *engine.Member
	rank      rank
	ranked    bool
	since     time.Time // when it came
	positions []uint64  // in the queue

	// Under mu.
	wire *protocol.Element // as sent; replaced, never changed
	use  protocol.Use      // selections and failures
	sent [2]sent           // by slot of the link
}

// sent is what a link knows of a record.
type sent struct {
	epoch uint64 // of the event that carried the registration; later than all: none yet
	dirty uint8
}

// What of a record is to be sent.
const (
	dirtyValues = 1 << iota
	dirtyUse
)

// never is an epoch that no event has.
const never = math.MaxUint64

// rank is what an element is worth to the plugin.
type rank struct{ key, step, weight float64 }

// value is the number that matters to the order, for an element that was selected
// so many times since it registered.
func (r rank) value(o Order, selections uint32) float64 {
	switch o {
	case ByPace:
		return r.step
	case ByWeight:
		return r.weight
	}
	if r.step == 0 {
		return r.key // also where it is infinite
	}
	return r.key + r.step*float64(selections)
}

// unheard is why a pool is not available at first.
const unheard = "it has not ranked the elements yet"

func newPool(p *terms, e *engine.Pool) *pool {
	q := &pool{policy: p, handle: e.Handle(), engine: e, gone: make(chan struct{}), records: map[rserpool.ElementID]*record{}, ttl: p.plugin.config().RankTTL, why: unheard}
	q.timer = time.AfterFunc(time.Hour, q.onTimer)
	q.due = time.Now().Add(time.Hour)
	q.queue.wanted = queueWanted
	return q
}

// Registered implements engine.Hooks.
func (p *pool) Registered(m *engine.Member) error {
	id := m.Element.ID
	wire := p.wire(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	r, _ := m.Data.(*record)
	if r == nil {
		r = &record{since: time.Now()}
		r.use.Id = uint32(id)
		p.records[id], m.Data = r, r
		p.arm(r.since, p.policy.plugin.config().RankGrace)
	}
	r.member, r.wire = m, wire
	p.noteUse(r, m)
	for slot, l := range p.links {
		r.sent[slot].epoch = never
		if l != nil {
			l.mark(r, dirtyValues)
		}
	}
	return nil
}

// Selected implements engine.Hooks.
func (p *pool) Selected(m *engine.Member) error {
	if p.policy.selections {
		p.used(m)
	}
	if p.policy.info.Mode == Queue {
		p.taken(m)
	}
	return nil
}

// Failed implements engine.Hooks.
func (p *pool) Failed(m *engine.Member, _ engine.Reason) error {
	if p.policy.failures {
		p.used(m)
	}
	return nil
}

func (p *pool) used(m *engine.Member) {
	r, ok := m.Data.(*record)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteUse(r, m)
	for _, l := range p.links {
		if l != nil {
			l.mark(r, dirtyUse)
		}
	}
}

// noteUse copies the counters that the policy needs.
func (p *pool) noteUse(r *record, m *engine.Member) {
	if p.policy.selections {
		r.use.Selections, r.use.SelectionsTotal = m.Selections(), m.SelectionsTotal()
	}
	if p.policy.failures {
		r.use.Failures, r.use.LastFailure = m.Failures(), unixSeconds(m.LastFailure())
	}
}

// Deregistered implements engine.Hooks.
func (p *pool) Deregistered(m *engine.Member) error {
	r, ok := m.Data.(*record)
	if !ok {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r.member = nil
	delete(p.records, m.Element.ID)
	p.stale = true
	p.queue.left -= len(r.positions)
	for _, l := range p.links {
		if l != nil {
			l.markGone(r)
		}
	}
	return nil
}

// value returns the key, step or weight of m. Elements without a rank are taken for
// middling ones at first, and then wait behind the others.
func (p *pool) value(m *engine.Member) float64 {
	r, ok := m.Data.(*record)
	if !ok {
		return math.NaN() // the engine did not tell of the member
	}
	if r.ranked {
		return r.rank.value(p.policy.info.Order, m.Selections())
	}
	return p.unranked(r)
}

// unranked is the value of an element that the plugin has not ranked.
func (p *pool) unranked(r *record) float64 {
	if time.Since(r.since) <= p.policy.plugin.config().RankGrace {
		return p.middle()
	}
	switch p.policy.info.Order {
	case ByPace:
		return 1
	case ByWeight:
		return 0
	}
	return math.MaxFloat64
}

// middle is the median of the values of ranked elements that can serve.
func (p *pool) middle() float64 {
	if !p.stale {
		return p.median
	}
	o := p.policy.info.Order
	var values []float64
	for _, r := range p.records {
		if v := r.rank.value(o, r.member.Selections()); r.ranked && !math.IsInf(v, 1) {
			values = append(values, v)
		}
	}
	p.stale, p.median = false, 0
	if o != ByKey {
		p.median = 1
	}
	if len(values) > 0 {
		slices.Sort(values)
		p.median = values[len(values)/2]
	}
	return p.median
}

// verdict is a rank for an element.
type verdict struct {
	record *record
	rank   rank
}

// apply gives elements their ranks. It is called as the owner.
func (p *pool) apply(ranks []verdict) {
	for _, v := range ranks {
		r := v.record
		if r.member == nil {
			continue // it has left
		}
		changed := !r.ranked || r.rank != v.rank
		r.rank, r.ranked = v.rank, true
		if changed {
			p.stale = true
			p.engine.Update(r.member)
		}
	}
	if len(ranks) > 0 {
		p.setAvailable("")
	}
}

// setAvailable tells the owner whether there is anything to go by. It is called as
// the owner; why is empty where there is.
func (p *pool) setAvailable(why string) {
	if p.available == (why == "") {
		return
	}
	p.mu.Lock()
	p.why = why
	p.mu.Unlock()
	if p.available = why == ""; p.available {
		p.engine.Unavailable(nil)
	} else {
		p.engine.Unavailable(p.error(why))
	}
}

// revive makes the pool available if there is anything to go by. It is called as
// the owner.
func (p *pool) revive() {
	switch p.policy.info.Mode {
	case Direct:
		p.setAvailable("")
	case Queue:
		if p.queue.left > 0 {
			p.setAvailable("")
		}
	default:
		for _, r := range p.records {
			if r.ranked {
				p.setAvailable("")
				return
			}
		}
	}
}

// onTimer looks at what time has done: ranks that hold no longer, and elements whose
// grace is over.
func (p *pool) onTimer() {
	p.mu.Lock()
	now, closed := time.Now(), p.closed
	expired := !p.heard.IsZero() && now.Sub(p.heard) >= p.ttl
	next := time.Hour
	if !p.heard.IsZero() && !expired {
		next = p.ttl - now.Sub(p.heard)
	}
	p.mu.Unlock()
	if closed {
		return
	}
	p.run(func() {
		if expired {
			p.setAvailable("the plugin was not heard of for " + p.ttl.String())
		}
		grace := p.policy.plugin.config().RankGrace
		for _, r := range p.records {
			if age := now.Sub(r.since); r.ranked || r.since.IsZero() {
				continue
			} else if age < grace {
				next = min(next, grace-age)
			} else {
				r.since = time.Time{}
				p.engine.Update(r.member)
			}
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = time.Time{}
	p.arm(time.Now(), next+time.Millisecond)
}

// arm has the timer fire after d at the latest. It is called with mu held.
func (p *pool) arm(now time.Time, d time.Duration) {
	at := now.Add(d)
	if !p.closed && (p.due.IsZero() || at.Before(p.due)) {
		p.due = at
		p.timer.Reset(d)
	}
}

// hear notes a sign of life from the active link. It is called with mu held.
func (p *pool) hear(now time.Time, ttl time.Duration) {
	p.heard = now
	if ttl > 0 {
		p.ttl = ttl
	}
	p.arm(now, p.ttl)
}

// run calls f as the owner and returns after that, or when the pool is closed. It is
// not called as the owner, nor with mu held.
func (p *pool) run(f func()) {
	done := make(chan struct{})
	p.engine.Run(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-p.gone:
	}
}

// error is a fault of the plugin, or the reason why it cannot be asked.
func (p *pool) error(why string) error {
	return fmt.Errorf("plugin %q: %s", p.policy.plugin.Name(), why)
}

// Close implements engine.Closer: the pool uses the policy no longer. It does not
// wait.
func (p *pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	close(p.gone)
	p.timer.Stop()
	links := p.links
	p.mu.Unlock()
	for _, l := range links {
		if l != nil {
			l.close("the pool uses the policy no longer")
		}
	}
	p.policy.plugin.forget(p)
}

func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
