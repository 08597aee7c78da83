package plugins

import (
	"log/slog"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
)

// receive takes in what the plugin says until the stream ends.
func (l *link) receive() error {
	for {
		e, err := l.stream.Recv()
		if err != nil {
			return l.broken(err)
		}
		now := time.Now()
		l.handle(now, e)
		if wait := l.flood.wait(now, e); wait > 0 {
			l.pool.count(Flooded, 1)
			pause := time.NewTimer(wait)
			select {
			case <-pause.C:
			case <-l.ctx.Done():
			}
			pause.Stop()
		}
	}
}

// handle takes one event in. Whatever the plugin says, all that comes of it are
// ranks of elements that there are, counted faults and a line in the log.
func (l *link) handle(now time.Time, e *protocol.PluginEvent) {
	p := l.pool
	p.mu.Lock()
	if l.waiting {
		l.waiting = false
		l.hang.Stop()
	}
	epoch := e.GetEpoch()
	if epoch > l.epoch {
		epoch = 0
		p.count(FromFuture, 1)
	}
	if epoch > l.answered {
		l.answered = epoch
		for id, at := range l.left {
			if at <= epoch {
				delete(l.left, id)
			}
		}
		if l.pending {
			l.signal()
		}
	}
	var ttl time.Duration
	switch e := e.GetEvent().(type) {
	case *protocol.PluginEvent_Ranking:
		ttl = time.Duration(e.Ranking.GetTtlMs()) * time.Millisecond
	case *protocol.PluginEvent_Queue:
		ttl = time.Duration(e.Queue.GetTtlMs()) * time.Millisecond
	case *protocol.PluginEvent_Resync:
		l.resend()
	}
	active := p.active == l
	if active {
		p.hear(now, ttl)
	}
	// What was said before may be good again, now that the plugin was heard of.
	revive := active && p.why != "" && l.complete > 0 && l.answered >= l.complete
	p.mu.Unlock()

	switch e := e.GetEvent().(type) {
	case *protocol.PluginEvent_Ranking:
		l.ranking(now, epoch, e.Ranking)
	case *protocol.PluginEvent_Queue:
		l.queue(now, epoch, e.Queue)
	case *protocol.PluginEvent_Problem:
		l.problem(e.Problem)
	case *protocol.PluginEvent_Alive, *protocol.PluginEvent_Resync:
	default:
		p.count(Unknown, 1)
	}
	switch {
	case !active:
		l.warmUp()
	case revive:
		p.run(p.revive)
	}
}

// ranking checks ranks and hands those that are any use to the pool.
func (l *link) ranking(now time.Time, epoch uint64, r *protocol.Ranking) {
	p := l.pool
	if len(r.GetRanks()) > protocol.MaxElements {
		p.count(TooLong, 1)
		p.fault("a ranking of more elements than there may be in one")
		return
	}
	var good []verdict
	bad := 0
	p.mu.Lock()
	active := p.active == l
	for _, v := range r.GetRanks() {
		rec := p.records[rserpool.ElementID(v.GetId())]
		switch {
		case rec == nil:
			if l.excused(v.GetId(), epoch) {
				p.count(Stale, 1)
			} else {
				p.count(UnknownID, 1)
				bad++
			}
		case rec.sent[l.slot].epoch > epoch:
			p.count(Stale, 1) // it has registered since
		case !usable(p.policy.info.Order, v):
			p.count(BadNumber, 1)
			bad++
		default:
			w := rank{v.GetKey(), v.GetStep(), v.GetWeight()}
			if active {
				good = append(good, verdict{rec, w})
			} else if l.warm != nil {
				l.warm[rec] = w
			}
		}
	}
	p.mu.Unlock()
	p.judge(now, bad, len(r.GetRanks()))
	if len(good) > 0 {
		p.policy.plugin.counters.ranks.Add(uint64(len(good)))
		p.run(func() { p.apply(good) })
	}
}

// excused reports whether the plugin could not know that an element has left, by the
// epoch that it has taken into account. It is called with mu held.
func (l *link) excused(id uint32, epoch uint64) bool {
	_, lately := l.left[id]
	return lately || l.snapshot || epoch < l.complete
}

// Nonsense is a fault where it is so much of a message, or so much in a while.
const (
	nonsenseShare  = 0.01
	nonsenseCount  = 10
	nonsenseWindow = 10 * time.Second
)

// judge tells of nonsense in a message.
func (p *pool) judge(now time.Time, bad, of int) {
	if bad == 0 {
		return
	}
	p.mu.Lock()
	if now.Sub(p.nonsenseSince) > nonsenseWindow {
		p.nonsenseSince, p.nonsense = now, 0
	}
	p.nonsense += bad
	fault := float64(bad) > nonsenseShare*float64(of) || p.nonsense >= nonsenseCount
	if fault {
		p.nonsense = 0
	}
	p.mu.Unlock()
	if fault {
		p.fault("ranks that mean nothing")
	}
}

func (l *link) queue(now time.Time, epoch uint64, q *protocol.Queue) {
	p := l.pool
	if p.policy.info.Mode != Queue || len(q.GetIds()) > protocol.MaxElements {
		p.count(TooLong, 1)
		p.fault("a queue that is too long, or from a policy that has none")
		return
	}
	bad := 0
	p.mu.Lock()
	active := p.active == l
	for _, id := range q.GetIds() {
		if p.records[rserpool.ElementID(id)] == nil && !l.excused(id, epoch) {
			bad++
		}
	}
	if !active {
		l.warmQueue = q
	}
	p.mu.Unlock()
	p.count(UnknownID, bad)
	p.judge(now, bad, len(q.GetIds()))
	if active {
		p.run(func() { p.count(TooLong, p.enqueue(q.GetIds(), q.GetReplace())) })
	}
}

func (l *link) problem(e *protocol.Problem) {
	p := l.pool
	text := line(e.GetText())
	level := slog.LevelError
	switch e.GetSeverity() {
	case protocol.Severity_WARNING:
		level = slog.LevelWarn
	case protocol.Severity_INFO:
		level = slog.LevelInfo
	}
	l.session.output.note(text, level, p.handle.String())
	if level == slog.LevelError {
		p.count(Reported, 1)
		p.fault(text)
	}
}

// warmUp says when a link that is not active yet knows all that the active one does.
func (l *link) warmUp() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.warmed || l.snapshot || l.answered < l.complete {
		return
	}
	switch p.policy.info.Mode {
	case Rank:
		for _, r := range p.records {
			if _, ok := l.warm[r]; !ok && r.sent[l.slot].epoch <= l.answered {
				return
			}
		}
	case Queue:
		if l.warmQueue == nil && len(p.records) > 0 {
			return
		}
	}
	l.warmed = true
	close(l.ready)
}

// activate makes l the link whose word counts, with all that it has said so far. The
// one before goes on until it is closed.
func (p *pool) activate(l *link) {
	p.mu.Lock()
	if p.closed || p.active == l {
		p.mu.Unlock()
		return
	}
	p.active = l
	var ranks []verdict
	for r, w := range l.warm {
		ranks = append(ranks, verdict{r, w})
	}
	q := l.warmQueue
	l.warm, l.warmQueue = nil, nil
	if len(ranks) > 0 || q != nil {
		p.hear(time.Now(), 0)
	}
	p.mu.Unlock()
	p.run(func() {
		p.apply(ranks)
		if p.queue.asked = false; q != nil {
			p.count(TooLong, p.enqueue(q.GetIds(), true))
		}
	})
}
