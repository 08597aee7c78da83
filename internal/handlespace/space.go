package handlespace

import (
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Config describes a Space.
type Config struct {
	// Policies finds the selection policy for the policy type that a pool's
	// first element registers. It is required.
	Policies *engine.Registry
	// Rand is where chance comes from. It is required, and used by the Space alone.
	Rand *rand.Rand
	// MaxPools, MaxPoolElements and MaxElements bound the number of pools, of
	// elements in one pool, and of elements in all. If zero, there is no limit.
	MaxPools, MaxPoolElements, MaxElements int
	// Options returns the options of a pool that is about to be made, which may be
	// shared among pools and are not changed. If nil, or if it returns nil, there
	// are none.
	Options func(rserpool.Handle) *Options
	// Run calls a function as the owner of the Space; see engine.Setting. If nil,
	// at once.
	Run func(func(now time.Time))
	// Notice, if not nil, hears of what happens to the policies of pools. The
	// first events of a pool may come before any other sign of it.
	Notice func(*Pool, engine.Event)
}

// Options describes one pool.
type Options struct {
	// Chain says how elements are selected. Without Policies, it is by the one
	// that the policy type of the first element selects.
	Chain engine.ChainConfig
	// WirePolicy is the policy type that elements must register. If zero, that
	// of the first element.
	WirePolicy rserpool.PolicyType
	// MaxItems is the number of elements in an answer; the Space only keeps it.
	MaxItems int
	// MaxElements replaces Config.MaxPoolElements. If zero, that applies.
	MaxElements int
	// Tags are given to elements by their addresses, and Requests are attributes
	// of requests by the user's address. They win over what elements and users say
	// themselves.
	Tags     Prefixes[any]
	Requests Prefixes[string]
}

// none are the options of a pool without any.
var none Options

// Space is a handlespace.
type Space struct {
	config   Config
	pools    map[rserpool.Handle]*Pool
	sorted   index[rserpool.Handle, *Pool]
	owners   map[rserpool.RegistrarID]*owner
	expiry   expiry
	elements int
	epoch    time.Time // instants are kept as distances from here
	scratch  []*engine.Member
	request  engine.Request                              // of Pool.Select
	counts   map[string]*engine.Counts                   // by policy
	standard map[rserpool.PolicyType]*engine.ChainConfig // of pools without options
}

// New returns an empty Space.
func New(c Config) *Space {
	return &Space{
		config:   c,
		pools:    map[rserpool.Handle]*Pool{},
		owners:   map[rserpool.RegistrarID]*owner{},
		counts:   map[string]*engine.Counts{},
		standard: map[rserpool.PolicyType]*engine.ChainConfig{},
	}
}

// Pools returns the number of pools.
func (s *Space) Pools() int { return len(s.pools) }

// Elements returns the number of elements in all pools.
func (s *Space) Elements() int { return s.elements }

// Pool returns the pool of a handle, nil where there is none.
func (s *Space) Pool(h rserpool.Handle) *Pool { return s.pools[h] }

// PoolBytes is Pool for a handle that still lies in a message.
func (s *Space) PoolBytes(h []byte) *Pool { return s.pools[rserpool.Handle(h)] }

// Find returns an element, nil where there is none.
func (s *Space) Find(h rserpool.Handle, id rserpool.ElementID) *Entry {
	if p := s.pools[h]; p != nil {
		return p.Find(id)
	}
	return nil
}

// All visits the pools in order of their handles. They must not change meanwhile.
func (s *Space) All() iter.Seq[*Pool] { return s.sorted.all }

// Outcome tells what a registration changed.
type Outcome uint8

// The outcomes.
const (
	Refused Outcome = iota // nothing
	Added                  // the element is new
	Changed                // the element was there, with other values
	Renewed                // the element was there, with the same values; its home may be another
)

// Register adds an element, or replaces the values of the one with the same
// identifier (RFC 5352, Section 3.1). The first element of a pool decides its
// policy type, transport protocol and transport use. The registration ends at
// expires; the zero time means never. The slices of e are kept, e itself is not.
//
// A nil Refusal means success.
func (s *Space) Register(now time.Time, h rserpool.Handle, e *rserpool.Element, expires time.Time) (*Entry, Outcome, *Refusal) {
	if s.epoch.IsZero() {
		s.epoch = now
	}
	p := s.pools[h]
	if p == nil {
		var refusal *Refusal
		if p, refusal = s.newPool(now, h, e); refusal != nil {
			return nil, Refused, refusal
		}
	} else {
		if refusal := p.check(e); refusal != nil {
			return nil, Refused, refusal
		}
		if old := p.Find(e.ID); old != nil {
			return old, s.reregister(now, old, e, expires), nil
		}
		if limit := p.limit(); limit > 0 && p.Len() >= limit || s.full() {
			return nil, Refused, &Refusal{Code: rserpool.LackOfResources}
		}
	}
	return s.add(now, p, e, expires), Added, nil
}

// full reports whether no further element fits.
func (s *Space) full() bool {
	return s.config.MaxElements > 0 && s.elements >= s.config.MaxElements
}

// newPool makes the pool that e is about to be the first element of.
func (s *Space) newPool(now time.Time, h rserpool.Handle, e *rserpool.Element) (*Pool, *Refusal) {
	if s.config.MaxPools > 0 && len(s.pools) >= s.config.MaxPools || s.full() {
		return nil, &Refusal{Code: rserpool.LackOfResources}
	}
	o := s.options(h)
	wire := e.Policy.Type
	if o.WirePolicy != 0 && o.WirePolicy != wire {
		return nil, &Refusal{Code: rserpool.InconsistentPolicy, Policy: rserpool.Policy{Type: o.WirePolicy}}
	}
	chain := s.chainOf(o, wire)
	if chain == nil {
		return nil, &Refusal{Code: rserpool.InvalidValues, Policy: e.Policy}
	}
	p := &Pool{
		handle:   h,
		space:    s,
		options:  o,
		policy:   wire,
		protocol: e.UserTransport.Protocol,
		use:      e.UserTransport.Use,
		sum:      handleSum(h),
	}
	p.chain = engine.NewChain(now, chain, engine.Setting{Handle: h, Rand: s.config.Rand, Run: s.config.Run}, p.notice, s.count)
	s.pools[h] = p
	s.sorted.insert(h, p)
	return p, nil
}

func (s *Space) add(now time.Time, p *Pool, values *rserpool.Element, expires time.Time) *Entry {
	e := &Entry{element: *values, pool: p, expires: math.MaxInt64, slot: unscheduled}
	e.member.Element = &e.element
	e.member.Owner = e
	e.member.Tags = p.options.tags(&e.element)
	p.elements.insert(e.element.ID, e)
	p.chain.Add(now, &e.member)
	s.elements++
	s.own(e, e.element.Home)
	s.SetExpiry(e, expires)
	return e
}

func (s *Space) reregister(now time.Time, e *Entry, values *rserpool.Element, expires time.Time) Outcome {
	outcome := Renewed
	if e.element.Home != values.Home {
		s.disown(e)
		e.element.Home = values.Home
		s.own(e, values.Home)
	}
	e.generation = e.owner.generation
	e.element.Life = values.Life
	if e.element.Policy != values.Policy {
		e.element.Policy = values.Policy
		outcome = Changed
	}
	if !equal(&e.element.UserTransport, &values.UserTransport) {
		e.element.UserTransport = values.UserTransport
		outcome = Changed
	}
	if !equal(e.element.ASAPTransport, values.ASAPTransport) {
		e.element.ASAPTransport = values.ASAPTransport
		outcome = Changed
	}
	if !maps.Equal(e.element.Tags, values.Tags) {
		e.element.Tags = values.Tags
		outcome = Changed
	}
	if outcome == Changed {
		e.member.Tags = e.pool.options.tags(&e.element)
	}
	e.pool.chain.Update(now, &e.member)
	s.SetExpiry(e, expires)
	return outcome
}

// Remove takes an element out, and its pool with the last one. Removing it again
// does nothing.
func (s *Space) Remove(e *Entry) {
	p := e.pool
	if p == nil {
		return
	}
	p.elements.remove(e.element.ID)
	p.chain.Remove(&e.member)
	s.elements--
	s.disown(e)
	s.expiry.remove(e)
	e.pool = nil
	if p.Len() == 0 {
		delete(s.pools, p.handle)
		s.sorted.remove(p.handle)
		p.chain.Close()
	}
}

// RemovePool takes a pool out with all its elements.
func (s *Space) RemovePool(p *Pool) {
	for _, e := range slices.Collect(p.Elements()) {
		s.Remove(e)
	}
}

// Failed notes that an element has failed.
func (s *Space) Failed(now time.Time, e *Entry, why engine.Reason) {
	if e.pool != nil {
		e.pool.chain.Failed(now, &e.member, why)
	}
}
