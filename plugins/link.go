package plugins

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rspool/rspool/plugins/protocol"
)

// How changes are sent: those of membership at once where the plugin has answered all
// earlier ones; else, and those of usage, gathered until a moment has passed since the
// last ones were sent, unless they are many; and none while many are unanswered.
const (
	gatherTime  = 2 * time.Millisecond
	gatherCount = 256
	maxBehind   = 4       // events unanswered
	maxPart     = 1 << 20 // bytes of elements in one event
	maxGone     = 4096    // removals gathered; beyond that, the membership is sent
)

// maxEvent is the size of one event of a plugin: a ranking of as many elements as
// there may be in one takes half of it.
const maxEvent = 256 << 10

// link is a pool's stream on a session. One goroutine sends, one receives.
type link struct {
	pool    *pool
	session *session
	slot    int
	id      uint64 // names the stream in SelectBatch
	stream  grpc.BidiStreamingClient[protocol.HostEvent, protocol.PluginEvent]

	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{}
	ended  chan struct{} // closed when both goroutines have
	flood  flood
	hang   *time.Timer // kills a plugin that does not answer a Tick

	// Under pool.mu:
	epoch     uint64 // of the event sent last
	answered  uint64 // of the event that the plugin has taken into account
	dirty     []*record
	gone      []uint32
	left      map[uint32]uint64 // recent removals by the epoch that tells of them, until it is answered
	snapshot  bool              // the whole membership is to be sent
	pending   bool              // there are changes to be sent
	urgent    bool              // some of them are of membership
	sentAt    time.Time         // when changes were sent last
	more      int               // QUEUE: what is left, where more is wanted; else negative
	wanted    int               // how many then
	closing   string            // why the stream is to be closed, empty: it is not
	waiting   bool              // for an answer to a Tick
	warm      map[*record]rank  // ranks of a link that is not active yet
	warmQueue *protocol.Queue
	complete  uint64        // epoch at the end of the latest snapshot
	warmed    bool          // it could be made active
	ready     chan struct{} // closed then
}

func newLink(p *pool, s *session, slot int, id uint64) *link {
	l := &link{
		pool: p, session: s, slot: slot, id: id,
		wake:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
		left:     map[uint32]uint64{},
		warm:     map[*record]rank{},
		ready:    make(chan struct{}),
		snapshot: true,
		pending:  true,
		more:     -1,
		flood:    newFlood(time.Now(), s.cfg.flood),
	}
	l.ctx, l.cancel = context.WithCancelCause(s.ctx)
	return l
}

// mark notes that something of r is to be sent. It is called with mu held.
func (l *link) mark(r *record, what uint8) {
	s := &r.sent[l.slot]
	if what&dirtyValues != 0 {
		s.epoch = never
	}
	if l.snapshot {
		return // which has everything
	}
	if s.dirty == 0 {
		l.dirty = append(l.dirty, r)
	}
	s.dirty |= what
	l.changed(what&dirtyValues != 0, len(l.dirty))
}

// markGone notes that r has left. It is called with mu held.
func (l *link) markGone(r *record) {
	delete(l.warm, r)
	if l.snapshot {
		return
	}
	if len(l.gone) >= maxGone {
		l.resend()
		return
	}
	l.gone = append(l.gone, r.use.Id)
	l.left[r.use.Id] = never
	l.changed(true, len(l.gone))
}

// resend has the whole membership sent. It is called with mu held.
func (l *link) resend() {
	for _, r := range l.dirty {
		r.sent[l.slot].dirty = 0
	}
	l.dirty, l.gone, l.snapshot = nil, nil, true
	clear(l.left)
	l.changed(true, 0)
}

// changed wakes the sender for the first change, and when there are many.
func (l *link) changed(urgent bool, count int) {
	if l.pending && (l.urgent || !urgent) && count != gatherCount {
		return
	}
	l.pending, l.urgent = true, l.urgent || urgent
	l.signal()
}

func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// askMore wants more of a queue. It is called with mu held.
func (l *link) askMore(left, wanted int) {
	l.more, l.wanted = left, wanted
	l.signal()
}

// close has the stream closed in order. It does not wait.
func (l *link) close(why string) {
	l.pool.mu.Lock()
	l.closing = why
	l.pool.mu.Unlock()
	l.signal()
	time.AfterFunc(l.session.cfg.StopTimeout, func() { l.cancel(errStopped) })
}

// run serves the link until it ends, which the pool hears of.
func (l *link) run() {
	l.hang = time.AfterFunc(time.Hour, func() {
		l.session.fail(fmt.Errorf("pool %s: a tick was not answered within %v", l.pool.handle, l.session.cfg.TickTimeout))
	})
	l.hang.Stop()
	err := l.follow()
	l.hang.Stop()
	if cause := context.Cause(l.ctx); cause != nil {
		err = cause
	}
	l.cancel(errStopped)
	close(l.ended)
	l.pool.policy.plugin.linkEnded(l, err)
}

func (l *link) follow() error {
	stream, err := l.session.client.Follow(l.ctx, grpc.MaxCallRecvMsgSize(maxEvent))
	if err != nil {
		return err
	}
	l.stream = stream
	p := l.pool
	p.mu.Lock()
	l.epoch = 1
	p.mu.Unlock()
	open := &protocol.Open{Handle: []byte(p.handle), Policy: p.policy.info.Name, Config: p.policy.config, Stream: l.id}
	if err := stream.Send(&protocol.HostEvent{Epoch: 1, Event: &protocol.HostEvent_Open{Open: open}}); err != nil {
		return l.broken(err)
	}
	var receiving sync.WaitGroup
	var received error
	receiving.Go(func() {
		received = l.receive()
		l.cancel(received)
	})
	err = l.send()
	if err == nil { // closed in order: the plugin has a moment to see it
		_ = stream.CloseSend()
		receiving.Wait()
		return errStopped
	}
	l.cancel(err)
	receiving.Wait()
	if err = received; err != nil {
		return err
	}
	return l.broken(err)
}

// broken returns why a stream that cannot be sent on has ended.
func (l *link) broken(err error) error {
	var m protocol.PluginEvent
	if failed := l.stream.RecvMsg(&m); failed != nil {
		err = failed
	}
	if err == nil {
		return errors.New("the plugin ended the stream")
	}
	return errors.New(line(status.Convert(err).Message()))
}

// send sends what there is to be sent until the link is closed in order, which
// returns nil, or fails.
func (l *link) send() error {
	tick := time.NewTicker(l.session.cfg.TickInterval)
	defer tick.Stop()
	gather := time.NewTimer(0)
	defer gather.Stop()
	for {
		ticked := false
		select {
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		case <-l.wake:
		case <-gather.C:
		case <-tick.C:
			ticked = true
		}
		events, wait, closed := l.take(time.Now(), ticked)
		for _, e := range events {
			if err := l.stream.Send(e); err != nil {
				return err
			}
		}
		if closed {
			return nil
		}
		if wait > 0 {
			gather.Reset(wait)
		}
	}
}

// take returns the events to be sent now, and how long to wait for more changes.
func (l *link) take(now time.Time, ticked bool) (events []*protocol.HostEvent, wait time.Duration, closed bool) {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.closing != "" {
		e := &protocol.HostEvent_Close{Close: &protocol.Close{Reason: l.closing}}
		return []*protocol.HostEvent{{Epoch: l.epoch, Event: e}}, 0, true
	}
	if l.pending && l.epoch-l.answered <= maxBehind {
		due := l.snapshot || l.urgent && l.answered == l.epoch || len(l.dirty) >= gatherCount || len(l.gone) >= gatherCount
		if wait = gatherTime - now.Sub(l.sentAt); due || wait <= 0 {
			events, wait = l.changes(), 0
			l.sentAt = now
		}
	}
	if l.more >= 0 {
		e := &protocol.LowWater{Left: uint32(l.more), Wanted: uint32(l.wanted)}
		events = append(events, &protocol.HostEvent{Epoch: l.epoch, Event: &protocol.HostEvent_LowWater{LowWater: e}})
		l.more = -1
	}
	if ticked {
		if !l.waiting {
			l.waiting = true
			l.hang.Reset(l.session.cfg.TickTimeout)
		}
		e := &protocol.Tick{Now: unixSeconds(now)}
		events = append(events, &protocol.HostEvent{Epoch: l.epoch, Event: &protocol.HostEvent_Tick{Tick: e}})
	}
	return events, wait, false
}

// changes returns the events for all changes. It is called with mu held.
func (l *link) changes() []*protocol.HostEvent {
	l.pending, l.urgent = false, false
	var events []*protocol.HostEvent
	part, size := &protocol.Delta{Snapshot: l.snapshot}, 0
	next := func(more bool) {
		l.epoch++
		part.More = more
		events = append(events, &protocol.HostEvent{Epoch: l.epoch, Event: &protocol.HostEvent_Delta{Delta: part}})
		part, size = &protocol.Delta{Snapshot: part.Snapshot}, 0
	}
	add := func(r *record) {
		n := proto.Size(r.wire)
		if len(part.Upsert) == protocol.MaxElements || size+n > maxPart {
			next(true)
		}
		size += n
		part.Upsert = append(part.Upsert, r.element())
		r.sent[l.slot] = sent{epoch: l.epoch + 1}
	}
	if l.snapshot {
		for _, r := range l.pool.records {
			add(r)
		}
		next(false)
		l.snapshot, l.complete = false, l.epoch
		return events
	}
	part.Remove = l.gone
	for _, id := range l.gone {
		l.left[id] = l.epoch + 1
	}
	l.gone = nil
	var uses []*record
	for _, r := range l.dirty {
		what := r.sent[l.slot].dirty
		r.sent[l.slot].dirty = 0
		switch {
		case r.member == nil: // it has left
		case what&dirtyValues != 0:
			add(r)
		default:
			uses = append(uses, r)
		}
	}
	l.dirty = nil
	if len(part.Upsert)+len(part.Remove) > 0 {
		next(false)
	}
	for len(uses) > 0 {
		u := &protocol.Usage{}
		for _, r := range uses[:min(len(uses), protocol.MaxElements)] {
			use := &protocol.Use{
				Id: r.use.Id, Selections: r.use.Selections, SelectionsTotal: r.use.SelectionsTotal,
				Failures: r.use.Failures, LastFailure: r.use.LastFailure,
			}
			u.Uses = append(u.Uses, use)
		}
		uses = uses[len(u.Uses):]
		l.epoch++
		events = append(events, &protocol.HostEvent{Epoch: l.epoch, Event: &protocol.HostEvent_Usage{Usage: u}})
	}
	return events
}

// element returns the registration together with the counters of the moment. It is
// called with mu held.
func (r *record) element() *protocol.Element {
	if r.use.Selections == 0 && r.use.SelectionsTotal == 0 && r.use.Failures == 0 {
		return r.wire
	}
	e := proto.CloneOf(r.wire)
	e.Selections, e.SelectionsTotal = r.use.Selections, r.use.SelectionsTotal
	e.Failures, e.LastFailure = r.use.Failures, r.use.LastFailure
	return e
}

// flood keeps a plugin that says more than anybody needs from taking the host's
// time: beyond the rate, its stream is read no faster, and its words wait with it.
type flood struct {
	rate float64
	left float64
	at   time.Time
}

// defaultFlood is how much a plugin may say about a pool in a second, and twice as
// much at once: an event counts one, and one for each 32 ranks or 1024 bytes of text.
const defaultFlood = 4000

func newFlood(now time.Time, rate float64) flood { return flood{rate, 2 * rate, now} }

// wait returns how long to wait after an event.
func (f *flood) wait(now time.Time, e *protocol.PluginEvent) time.Duration {
	f.left = math.Min(f.left+now.Sub(f.at).Seconds()*f.rate, 2*f.rate)
	f.at = now
	ranks, ids := e.GetRanking().GetRanks(), e.GetQueue().GetIds()
	text := len(e.GetProblem().GetText()) + len(e.GetResync().GetReason()) + len(e.ProtoReflect().GetUnknown())
	f.left -= 1 + float64(len(ranks)+len(ids))/32 + float64(text)/1024
	if f.left >= 0 {
		return 0
	}
	return time.Duration(-f.left / f.rate * float64(time.Second))
}

// closed reports whether the link was closed by the host.
func (l *link) closed() bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.closing != ""
}
