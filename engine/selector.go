package engine

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Selector chooses among the members of one pool by one policy. It is not safe for
// concurrent use. A Chain is one with fallbacks.
type Selector struct {
	order   order
	members []*Member // in order of registration; nil where one was removed
	length  int
	seq     uint64 // of the latest addition or selection
	draws   uint32 // see Selector.draw
	inputs  Inputs
	strict  bool // nobody is selected where nobody is eligible
	mark    int
	hooks   Hooks // nil without
	rand    *rand.Rand
	loads   uint64 // sum over the members, in units of the wire
	faults  uint64
	policy  Policy // as it was set
	watch   *watch // nil for a trusted policy
	setting *Setting
	keeper  keeper    // nil where there is no chain
	rest    []*Member // see Selector.shuffle
}

// watch is what there is to a policy that is not trusted: it may fail, wants to know
// the time, and has an instance that may do all that instances can.
type watch struct {
	instance Policy // what the policy has opened, or the policy itself; nil: suspended
	pool     *Pool  // as the instance sees it, nil where it does not
	filter   Filter // nil without
	now      time.Time
	timer    timer

	last     error // the latest fault
	panicked error // of the present call, which returned nothing
	// failing says that the policy has failed for good: it is not asked about
	// further members in the present call.
	failing   bool
	declined  bool   // the present selection is none of the policy's business
	truncated uint64 // selections that ended before the filter had seen everybody
}

// keeper is what a selector has that is part of a chain.
type keeper interface {
	// faulted hears of each fault and reports whether it was one too many.
	faulted(err error) bool
	// wavered hears that the instance became unavailable, with the reason, or
	// available again.
	wavered(why error)
	// spare returns what gives a rank to new members for which the policy fails,
	// nil for nothing.
	spare() Policy
}

// order is what a form of policy keeps to choose quickly.
type order interface {
	// add takes in m, whose slot is set and whose seq is newer than all.
	add(m *Member)
	remove(m *Member)
	// update ranks m anew: its values, or the inputs of its policy, changed.
	update(m *Member)
	// selected ranks m anew after a selection that gave it a newer seq.
	selected(m *Member, seq uint64)
	// choose appends up to n different members, best first. There are as many
	// in the pool, and at least one.
	choose(n int, r *Request, dst []*Member) []*Member
	// walk visits the members that choose could give, in the same order, each
	// once, until visit returns false.
	walk(r *Request, visit func(*Member) bool)
	// renumbered follows a change of slots. The members are those by their former
	// ones.
	renumbered(old []*Member)
}

// NewSelector returns a Selector without members. It fails where the policy cannot
// be opened, which policies that are not PerPool always can.
func NewSelector(now time.Time, p Policy, s Setting) (*Selector, error) {
	n := &Selector{order: idle{}, setting: &s, rand: s.Rand}
	return n, n.SetPolicy(now, p)
}

// SetPolicy changes the policy, and with it the number of elements that count as
// selected. All members are ranked by the new policy, whose hooks take them for
// registered. Their counters, and who was selected longest ago, stay. Where the
// policy cannot be opened, the former one stays too.
func (s *Selector) SetPolicy(now time.Time, p Policy) error {
	instance, pool, err := s.open(now, p)
	if err != nil {
		return err
	}
	old := s.data()
	s.suspend()
	s.attach(now, p, instance, pool, old)
	return nil
}

// open returns the instance of a policy for this pool.
func (s *Selector) open(now time.Time, p Policy) (instance Policy, pool *Pool, err error) {
	o, ok := p.(PerPool)
	if !ok {
		return p, nil, nil
	}
	pool = &Pool{selector: s, setting: s.setting, opened: now}
	if instance, err = open(o, pool); err == nil && !formed(instance) {
		err = fmt.Errorf("policy %s opened an instance that cannot choose", p.Describe().Name)
	}
	if err != nil {
		pool.selector = nil
		return nil, nil, err
	}
	return instance, pool, nil
}

// attach puts an instance to work on all members. It is offered what the one before
// it kept.
func (s *Selector) attach(now time.Time, p, instance Policy, pool *Pool, old map[rserpool.ElementID]any) {
	s.compact()
	d := instance.Describe()
	s.policy, s.inputs, s.mark = p, d.Inputs, d.Mark
	if d.Trusted {
		s.watch = nil
	} else {
		s.attend(now, instance, pool, &d)
	}
	s.order = s.newOrder(instance, &d)
	if u, ok := instance.(Upgrader); ok && len(old) > 0 {
		s.told(upgrade(u, old))
	}
	for _, m := range s.members {
		if s.failing() {
			s.suspend()
			return
		}
		s.enter(m)
	}
	if pool != nil && pool.why != nil {
		s.wavered()
	}
}

// attend makes s know what it must of a policy that is not trusted.
func (s *Selector) attend(now time.Time, instance Policy, pool *Pool, d *Description) {
	w := &watch{instance: instance, pool: pool, now: now}
	w.filter, _ = instance.(Filter)
	w.timer.set(now, instance, d)
	s.hooks, _ = instance.(Hooks)
	s.watch = w
}

// data returns what the present instance keeps with the members, nil for nothing.
func (s *Selector) data() map[rserpool.ElementID]any {
	if s.watch == nil || !s.working() {
		return nil
	}
	var data map[rserpool.ElementID]any
	for m := range s.All() {
		if m.Data == nil {
			continue
		}
		if data == nil {
			data = make(map[rserpool.ElementID]any, s.length)
		}
		data[m.Element.ID] = m.Data
	}
	return data
}

// suspend closes the instance; nobody can be selected until another one is set.
func (s *Selector) suspend() {
	s.order, s.hooks, s.inputs = idle{}, nil, 0
	w := s.watch
	if w == nil {
		return
	}
	if w.pool != nil {
		w.pool.selector = nil
	}
	if c, ok := w.instance.(Closer); ok {
		if err := closeInstance(c); err != nil {
			s.faults++ // nobody is left to be told
		}
	}
	for m := range s.All() {
		m.Data = nil
	}
	w.instance, w.pool, w.filter, w.timer = nil, nil, nil, timer{}
}

// working reports whether the policy has an instance.
func (s *Selector) working() bool { return s.order != idle{} }

// Close says that the pool is gone.
func (s *Selector) Close() { s.suspend() }

// enter hands m to the policy.
func (s *Selector) enter(m *Member) {
	if s.hooks != nil {
		s.told(s.registered(m))
	}
	s.order.add(m)
}

// Policy returns the policy in use.
func (s *Selector) Policy() Policy { return s.policy }

// describe returns what the instance says of itself.
func (s *Selector) describe() Description {
	if s.watch != nil && s.watch.instance != nil {
		return s.watch.instance.Describe()
	}
	return s.policy.Describe()
}

// SetMark changes how many leading elements of an answer count as selected; see
// Description.Mark. A new policy brings its own number.
func (s *Selector) SetMark(n int) { s.mark = n }

// Len returns the number of members.
func (s *Selector) Len() int { return s.length }

// Load returns the arithmetic mean of the registered loads, zero without members.
func (s *Selector) Load() float64 {
	if s.length == 0 {
		return 0
	}
	return float64(s.loads) / float64(s.length) / (1 << 32)
}

// units is a load of which the largest is exactly the whole.
func units(l rserpool.Load) uint64 {
	if l == 0xffffffff {
		return 1 << 32
	}
	return uint64(l)
}

// Add takes in m with its Element, Owner and Tags set, without Data and without a
// history. It comes after its equals.
func (s *Selector) Add(now time.Time, m *Member) {
	m.selections, m.selectionsTotal, m.failures, m.lastFailure = 0, 0, 0, 0
	m.key, m.seq, m.stamp = 0, s.nextSeq(), 0
	m.slot, m.since = int32(len(s.members)), now.UnixNano()
	s.join(now, m)
}

// join takes in m, whose slot is the next one.
func (s *Selector) join(now time.Time, m *Member) {
	m.load = m.Element.Policy.Load
	s.loads += units(m.load)
	s.members = append(s.members, m)
	s.length++
	s.at(now)
	s.changed()
	s.enter(m)
}

// Update ranks m anew after a re-registration, which also resets its selections.
func (s *Selector) Update(now time.Time, m *Member) {
	m.selections = 0
	if l := m.Element.Policy.Load; l != m.load {
		s.loads += units(l) - units(m.load)
		m.load = l
		s.changed()
	}
	s.at(now)
	s.reenter(m)
}

// reenter tells the policy that m is registered with other values.
func (s *Selector) reenter(m *Member) {
	if s.hooks != nil {
		s.told(s.registered(m))
	}
	s.order.update(m)
}

// Failed notes that m has failed.
func (s *Selector) Failed(now time.Time, m *Member, why Reason) {
	m.countFailure(now)
	s.at(now)
	if s.hooks != nil {
		s.told(s.failed(m, why))
	}
	if s.depends(Failures) {
		s.order.update(m)
	}
}

// Remove forgets m.
func (s *Selector) Remove(m *Member) {
	s.order.remove(m)
	s.loads -= units(m.load)
	s.members[m.slot] = nil
	s.length--
	if gaps := len(s.members) - s.length; gaps > s.length/2+fan {
		s.compact()
	}
	s.changed()
	if s.hooks != nil {
		s.told(s.deregistered(m))
	}
	m.Data = nil
}

// compact gives the members new slots without gaps. Remove does so after as many
// removals as make up a share of the members, so that its cost is spread over them.
func (s *Selector) compact() {
	if len(s.members) == s.length {
		return
	}
	members := make([]*Member, 0, s.length+s.length/4)
	for m := range s.All() {
		m.slot = int32(len(members))
		members = append(members, m)
	}
	old := s.members
	s.members = members
	s.order.renumbered(old)
}

// Refresh ranks all members anew if the policy depends on any of the inputs.
func (s *Selector) Refresh(now time.Time, changed Inputs) {
	s.at(now)
	if s.inputs&changed != 0 {
		s.refresh()
	}
}

func (s *Selector) refresh() {
	for m := range s.All() {
		if s.order.update(m); s.failing() {
			return
		}
	}
}

// has reports whether m is one of the members.
func (s *Selector) has(m *Member) bool {
	return m != nil && int(m.slot) < len(s.members) && s.members[m.slot] == m
}

// All visits the members in order of registration. They must not change meanwhile.
func (s *Selector) All() iter.Seq[*Member] {
	return func(yield func(*Member) bool) {
		for _, m := range s.members {
			if m != nil && !yield(m) {
				return
			}
		}
	}
}

// Select appends up to the number of members asked for to dst, best first and
// none twice, and counts the leading ones as selected. It finds at least one
// where there is one, unless a policy of elsewhere does not want to.
func (s *Selector) Select(r *Request, dst []*Member) []*Member {
	start := len(dst)
	if s.watch != nil {
		s.at(r.Now)
		dst = s.choose(r, dst)
		if chosen := dst[start:]; !r.Preview {
			for _, m := range chosen[:min(s.mark, len(chosen))] {
				s.markSelected(m)
			}
		}
		return dst
	}
	n := min(r.Items, s.length)
	if n <= 0 {
		return dst
	}
	dst = s.order.choose(n, r, dst)
	if r.Preview {
		return dst
	}
	chosen := dst[start:]
	for _, m := range chosen[:min(s.mark, len(chosen))] {
		m.countSelection()
		s.order.selected(m, s.nextSeq())
	}
	return dst
}

// choose is Select without counting.
func (s *Selector) choose(r *Request, dst []*Member) []*Member {
	if n := min(r.Items, s.length); n > 0 {
		dst = s.order.choose(n, r, dst)
	}
	return dst
}

// markSelected counts a selection of m.
func (s *Selector) markSelected(m *Member) {
	m.countSelection()
	if s.watch != nil {
		m.since = s.watch.now.UnixNano()
	}
	if s.hooks != nil {
		s.told(s.selected(m))
	}
	s.order.selected(m, s.nextSeq())
}

func (s *Selector) nextSeq() uint64 {
	s.seq++
	return s.seq
}

// depends reports whether the policy has the input, or keeps state in hooks that
// were just told.
func (s *Selector) depends(in Inputs) bool {
	return s.inputs&in != 0 || s.hooks != nil && s.inputs&State != 0
}

// at notes the present time, where it is told and wanted.
func (s *Selector) at(now time.Time) {
	if s.watch != nil && !now.IsZero() {
		s.watch.now = now
	}
}
