package sdk

import (
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
)

// stream is what the plugin sends on.
type stream = grpc.BidiStreamingServer[protocol.HostEvent, protocol.PluginEvent]

// follower serves one pool. One goroutine receives; all else happens in run, so that
// an author's methods are called one at a time, and a sign of life is given only
// where they return.
type follower struct {
	policy *Policy
	pool   *Pool
	stream stream
	epoch  uint64
	known  bool // the whole membership was received

	ranker  Ranker
	queuer  Queuer
	chooser Chooser
	author  any // one of the three

	pending []Element // of Deltas that go on
	present map[rserpool.ElementID]bool
	gone    []rserpool.ElementID
	wanted  int
	asked   chan question
}

// question is a call of SelectBatch.
type question struct {
	requests []*protocol.Request
	answers  chan []*protocol.Answer
}

// defaultWanted is the length of a queue before the host has said any.
const defaultWanted = 256

func newFollower(policy *Policy, open *protocol.Open, st stream) (*follower, error) {
	f := &follower{
		policy: policy,
		stream: st,
		wanted: defaultWanted,
		asked:  make(chan question),
		pool: &Pool{
			Handle:  rserpool.Handle(open.GetHandle()),
			Config:  open.GetConfig().AsMap(),
			ctx:     st.Context(),
			wake:    make(chan struct{}, 1),
			members: map[rserpool.ElementID]*Element{},
		},
	}
	var err error
	switch {
	case policy.Rank != nil:
		f.ranker, err = policy.Rank(f.pool)
		f.author = f.ranker
	case policy.Queue != nil:
		f.queuer, err = policy.Queue(f.pool)
		f.author = f.queuer
	default:
		f.chooser, err = policy.Choose(f.pool)
		f.author = f.chooser
	}
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "policy %q does not take pool %s: %v", policy.Name, f.pool.Handle, err)
	}
	return f, nil
}

// run serves the pool until the stream ends.
func (f *follower) run() error {
	if c, ok := f.author.(Closer); ok {
		defer c.Close()
	}
	events, failed := f.receive()
	timer := time.NewTimer(f.pool.runTimers(time.Now()))
	defer timer.Stop()
	for {
		var err error
		select {
		case e := <-events:
			if e.GetClose() != nil {
				return nil
			}
			err = f.handle(e)
		case err = <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
		case q := <-f.asked:
			q.answers <- f.choose(q.requests)
		case <-f.pool.wake:
		case <-timer.C:
		}
		if err == nil {
			err = f.notes()
		}
		if err != nil {
			return err
		}
		timer.Reset(f.pool.runTimers(time.Now()))
	}
}

// receive reads the stream in a goroutine, which ends with the stream.
func (f *follower) receive() (<-chan *protocol.HostEvent, <-chan error) {
	events, failed := make(chan *protocol.HostEvent), make(chan error, 1)
	go func() {
		for {
			e, err := f.stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- e:
			case <-f.stream.Context().Done():
				return
			}
		}
	}()
	return events, failed
}

func (f *follower) handle(e *protocol.HostEvent) error {
	f.epoch = max(f.epoch, e.GetEpoch())
	switch e := e.GetEvent().(type) {
	case *protocol.HostEvent_Delta:
		return f.delta(e.Delta)
	case *protocol.HostEvent_Usage:
		return f.usage(e.Usage)
	case *protocol.HostEvent_LowWater:
		f.wanted = int(e.LowWater.GetWanted())
		if f.queuer != nil {
			return f.sendQueue(false)
		}
	case *protocol.HostEvent_Tick:
	}
	return f.alive()
}

// delta takes a change of membership in and answers after the last part.
func (f *follower) delta(d *protocol.Delta) error {
	if d.GetSnapshot() && f.present == nil {
		f.present = map[rserpool.ElementID]bool{}
	}
	for _, id := range d.GetRemove() {
		f.forget(rserpool.ElementID(id))
	}
	for _, p := range d.GetUpsert() {
		e := elementOf(p)
		f.pool.members[e.ID] = &e
		f.pending = append(f.pending, e)
		if f.present != nil {
			f.present[e.ID] = true
		}
	}
	f.pool.sorted = nil
	if d.GetMore() {
		return nil
	}
	if f.present != nil {
		for id := range f.pool.members {
			if !f.present[id] {
				f.forget(id)
			}
		}
		f.present = nil
	}
	changed := f.pending
	f.pending, f.known = nil, true
	if w, ok := f.author.(Forgetter); ok && len(f.gone) > 0 {
		w.Forget(f.gone)
	}
	f.gone = nil
	return f.answer(changed)
}

func (f *follower) forget(id rserpool.ElementID) {
	if f.pool.members[id] != nil {
		delete(f.pool.members, id)
		f.gone = append(f.gone, id)
	}
}

func (f *follower) usage(u *protocol.Usage) error {
	var changed []Element
	for _, p := range u.GetUses() {
		if e := f.pool.members[rserpool.ElementID(p.GetId())]; e != nil {
			e.use(p)
			changed = append(changed, *e)
		}
	}
	f.pool.sorted = nil
	if f.queuer != nil {
		return f.alive() // selections do not change whom to select next
	}
	return f.answer(changed)
}

// answer has the author look at elements and sends what comes of it.
func (f *follower) answer(changed []Element) error {
	switch {
	case f.queuer != nil:
		return f.sendQueue(true)
	case f.ranker == nil || len(changed) == 0:
		return f.alive()
	}
	return f.sendRanks(f.ranker.Rank(changed))
}

// notes sends what Rerank, Warn and Fail have left.
func (f *follower) notes() error {
	stale, problems := f.pool.takeNotes()
	for _, p := range problems {
		if err := f.send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Problem{Problem: p}}); err != nil {
			return err
		}
	}
	if stale && f.known {
		return f.answer(f.pool.Elements())
	}
	return nil
}

func (f *follower) sendRanks(ranks []Rank) error {
	ttl := uint32(f.policy.TTL.Milliseconds())
	for first := true; first || len(ranks) > 0; first = false {
		part := ranks[:min(len(ranks), protocol.MaxElements)]
		ranks = ranks[len(part):]
		r := &protocol.Ranking{TtlMs: ttl, Ranks: make([]*protocol.Rank, len(part))}
		values := make([]protocol.Rank, len(part))
		for i, v := range part {
			w := &values[i]
			w.Id, w.Key, w.Step, w.Weight = uint32(v.ID), v.Key, v.Step, v.Weight
			r.Ranks[i] = w
		}
		if err := f.send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Ranking{Ranking: r}}); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) sendQueue(changed bool) error {
	var ids []uint32
	for _, id := range f.queuer.Queue(f.pool.Elements(), f.wanted, changed) {
		ids = append(ids, uint32(id))
	}
	q := &protocol.Queue{Ids: ids[:min(len(ids), protocol.MaxElements)], Replace: changed, TtlMs: uint32(f.policy.TTL.Milliseconds())}
	return f.send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Queue{Queue: q}})
}

func (f *follower) alive() error {
	return f.send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Alive{Alive: &protocol.Alive{}}})
}

func (f *follower) send(e *protocol.PluginEvent) error {
	e.Epoch = f.epoch
	if err := f.stream.Send(e); err != nil {
		return fmt.Errorf("answer for pool %s: %w", f.pool.Handle, err)
	}
	return nil
}

func (f *follower) choose(requests []*protocol.Request) []*protocol.Answer {
	var answers []*protocol.Answer
	for _, r := range requests {
		a := &protocol.Answer{}
		q := Request{Items: int(r.GetItems()), UserAddress: r.GetUserAddress(), Attributes: r.GetAttributes()}
		for _, id := range f.chooser.Choose(f.pool.Elements(), q) {
			a.Ids = append(a.Ids, uint32(id))
		}
		answers = append(answers, a)
	}
	return answers
}
