package user

import (
	"errors"
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/wire"
)

// ResolverConfig describes a resolver. All but MaxHandleLength is required.
type ResolverConfig struct {
	RequestTimeout  time.Duration // T1-ENRPrequest
	MaxRetransmit   int           // MAX-REQUEST-RETRANSMIT
	ReportInterval  time.Duration // in which an element is reported once
	MaxRequests     int           // that wait for answers, and as many callers of each
	MaxCached       int           // pools in the cache
	MaxWatches      int
	MaxHandleLength int // bytes; zero for what deployed peers survive
	Policies        *engine.Registry
	Rand            *rand.Rand
	// Run hands the resolver a Call as soon as possible, for policies that hear of
	// something outside. It may be called from any goroutine, but not within a
	// Step. If nil, no policy may do so.
	Run func(*Call)
}

// Call is an input by which a policy that has heard of something outside goes on
// inside the resolver: see ResolverConfig.Run.
type Call struct{ f func(now time.Time) }

// Stats counts what a resolver has done.
type Stats struct {
	Requests       uint64 // handle resolutions sent, repetitions among them
	Repeated       uint64 // because T1 ended
	Answers        uint64
	Unanswered     uint64 // requests given up
	CacheHits      uint64
	Joined         uint64 // callers that shared a request
	Pushed         uint64 // updates that came by subscription
	Reports        uint64 // sent
	ReportsLimited uint64 // kept back
	Malformed      uint64 // messages that could not be parsed
}

// Resolver is the user's side of a host's home registrar: it resolves handles,
// keeps a cache, follows pools and reports elements. A host has one, which
// serves all its sessions.
type Resolver struct {
	cfg      ResolverConfig
	home     machine.AssociationID // zero: none
	requests requests
	cache    cache
	watches  watches
	reports  reports
	stats    Stats

	decoder asap.Decoder
	buffer  []byte // payloads of the present Step
	effects []machine.Effect
}

// NewResolver returns a resolver that waits for machine.HomeUp.
func NewResolver(cfg ResolverConfig) *Resolver {
	r := &Resolver{
		cfg: cfg,
		requests: requests{
			lines:    map[rserpool.Handle][]*request{},
			cached:   map[rserpool.Handle]*request{},
			byTicket: map[machine.Ticket]*request{},
		},
		cache: cache{
			limit:    cfg.MaxCached,
			policies: cfg.Policies,
			entries:  map[rserpool.Handle]*entry{},
		},
		watches: watches{byTicket: map[machine.Ticket]*watch{}},
		reports: reports{interval: cfg.ReportInterval, last: map[Report]time.Time{}},
	}
	r.cache.setting = engine.Setting{Rand: cfg.Rand, Run: r.run}
	r.cache.notice = func(h rserpool.Handle, e engine.Event) { r.emit(PolicyEvent{h, e}) }
	return r
}

// run hands a function to the driver, which brings it back as an input.
func (r *Resolver) run(f func(now time.Time)) {
	if r.cfg.Run != nil {
		r.cfg.Run(&Call{f})
	}
}

// Close lets the policies know that they are used no longer. No Step follows.
func (r *Resolver) Close() {
	for _, e := range r.cache.entries {
		for _, v := range e.views {
			v.chain.Close()
		}
	}
}

// Step implements machine.Machine. Its own inputs are Resolve, Watch and Report,
// and machine.Cancel for the first two; its own effects are Resolved, and Report
// where one is sent. The payload of a machine.Send is good until the next Step.
func (r *Resolver) Step(now time.Time, in machine.Input) []machine.Effect {
	r.effects, r.buffer = r.effects[:0], r.buffer[:0]
	switch in := in.(type) {
	case *machine.HomeUp:
		if in.Association != r.home {
			r.homeUp(now, in)
		}
	case *machine.HomeLost:
		if in.Association == r.home {
			r.homeLost()
		}
	case *machine.Received:
		if r.home != 0 && in.Association == r.home {
			r.received(now, in)
		}
	case *Resolve:
		r.resolve(now, in)
	case *Watch:
		r.watch(now, in)
	case *machine.Cancel:
		r.requests.cancel(in.Ticket)
		r.watches.cancel(in.Ticket)
	case *Report:
		r.report(now, *in)
	case *Call:
		in.f(now)
	}
	r.cache.tick(now)
	r.tick(now)
	return r.effects
}

// Deadline implements machine.Machine.
func (r *Resolver) Deadline() time.Time {
	d := earlier(r.watches.deadline(), r.cache.nextTick())
	if e := r.requests.order.Front(); e != nil {
		d = earlier(d, e.Value.(*request).expires)
	}
	return d
}

// Stats returns the counters so far.
func (r *Resolver) Stats() Stats { return r.stats }

// homeUp asks the new home everything that is open (RFC 5352, Section 3.7.1):
// subscriptions too, since registrars do not share them (Section 2.2.5).
func (r *Resolver) homeUp(now time.Time, in *machine.HomeUp) {
	r.homeLost()
	r.home = in.Association
	for e := r.requests.order.Front(); e != nil; e = e.Next() {
		r.sendRequest(now, e.Value.(*request))
	}
	for _, report := range r.reports.take(now) {
		r.sendReport(report)
	}
	r.renew(now)
}

func (r *Resolver) homeLost() {
	r.home = 0
	r.requests.unsend()
	r.cache.unsubscribed()
	r.watches.unsubscribed()
}

// received handles a message of the home registrar.
func (r *Resolver) received(now time.Time, in *machine.Received) {
	m, _, err := r.decoder.Parse(in.Payload)
	if err != nil {
		r.stats.Malformed++
		var e *wire.Error
		if errors.As(err, &e) && !isError(in.Payload) {
			r.refuse(e.Report())
		}
		return
	}
	switch m := m.(type) {
	case *asap.HandleResolutionResponse:
		r.answer(now, m)
	case *asap.Error:
		r.refused(now, m)
	}
}

// refuse answers a message that could not be understood.
func (r *Resolver) refuse(e *rserpool.OperationError) {
	if e != nil {
		r.send(&asap.Error{Causes: e.Causes})
	}
}

// send emits a message to the home registrar.
func (r *Resolver) send(m asap.Message) {
	start := len(r.buffer)
	r.buffer = asap.Append(r.buffer, m)
	r.emit(machine.Send{Association: r.home, PPID: asap.PPID, Payload: r.buffer[start:len(r.buffer):len(r.buffer)]})
}

func (r *Resolver) sendReport(report Report) {
	r.stats.Reports++
	r.emit(report)
	r.send(&asap.Unreachable{Handle: report.Handle, Element: report.Element})
}

func (r *Resolver) emit(e machine.Effect) { r.effects = append(r.effects, e) }
