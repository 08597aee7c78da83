package plugins

import (
	"math/rand/v2"
	"slices"
	"time"
)

// refollow is how long a pool waits after its stream has ended while the plugin goes
// on: the plugin does not want it, or has a mistake that a new stream may not meet.
const refollow = time.Second

// join has a pool followed from now on.
func (p *Plugin) join(q *pool) {
	p.mu.Lock()
	if p.ctx.Err() != nil {
		p.mu.Unlock()
		return
	}
	p.pools[q] = struct{}{}
	s := p.current
	p.mu.Unlock()
	if s != nil && q.policy.fits(s.description) == nil { // else it was replaced this moment
		p.follow(q, s)
	}
}

// attend has a pool followed on a new session, unless the plugin is no longer what
// it was when the pool began to use it. Then the pool goes by its fallback.
func (p *Plugin) attend(q *pool, s *session) {
	if err := q.policy.fits(s.description); err != nil {
		s.cfg.Log.Error("plugin is not what it was", "pool", q.handle.String(), "policy", q.policy.name, "error", err)
		q.run(func() { q.setAvailable(err.Error()) })
		return
	}
	p.follow(q, s)
}

func (p *Plugin) forget(q *pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pools, q)
}

// follow opens a link of a pool on a session. It returns nil where there is one
// already, or the pool or the plugin is closed.
func (p *Plugin) follow(q *pool, s *session) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	slot := slices.Index(q.links[:], nil)
	if q.closed || slot < 0 || slices.ContainsFunc(q.links[:], func(l *link) bool { return l != nil && l.session == s }) {
		return nil
	}
	l := newLink(q, s, slot, p.streams.Add(1))
	q.links[slot] = l
	for _, r := range q.records {
		r.sent[slot] = sent{epoch: never}
	}
	if q.active == nil {
		q.active = l
	}
	p.work.Go(l.run)
	return l
}

// linkEnded follows the end of a link, for which there may be many reasons.
func (p *Plugin) linkEnded(l *link, err error) {
	q := l.pool
	q.mu.Lock()
	q.links[l.slot] = nil
	var heir *link
	if q.active == l {
		q.active = nil
		heir = q.links[1-l.slot]
	}
	again := !q.closed && l.closing == "" && l.session.ctx.Err() == nil
	q.mu.Unlock()
	if heir != nil {
		q.activate(heir)
	}
	if !again {
		return
	}
	l.session.cfg.Log.Warn("plugin does not follow a pool", "pool", q.handle.String(), "policy", q.policy.name, "error", err)
	q.fault("it does not follow the pool: " + err.Error())
	time.AfterFunc(refollow, func() {
		if l.session.ctx.Err() == nil {
			p.follow(q, l.session)
		}
	})
}

// spread changes a wait by up to a quarter to either side, so that plugins which
// ended together do not start together.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2))
}
