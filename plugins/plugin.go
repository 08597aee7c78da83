package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State is where a plugin stands.
type State uint8

// The states.
const (
	Stopped    State = iota // not started yet, or closed
	Starting                // for the first time
	Running                 // at work
	Restarting              // it ended, and is started again after a while
	Failed                  // it ended too often, and waits for Reload
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{"stopped", "starting", "running", "restarting", "failed"}[s]
}

// Plugin keeps a plugin running, from Start to Close. Its methods may be called at
// once.
type Plugin struct {
	cfg      atomic.Pointer[Config]
	counters counters
	streams  atomic.Uint64 // numbers them

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	kick   chan struct{} // ends the wait for a restart

	reload sync.Mutex // one Reload at a time

	mu          sync.Mutex
	state       State
	changed     chan struct{} // closed when state changes
	current     *session
	description *Description
	ended       error // why the last session ended, or did not begin
	endedAt     time.Time
	restarts    []time.Time // in the last five minutes
	pools       map[*pool]struct{}
	history     []string // log lines of sessions that are over
}

// New returns a plugin that is not started yet.
func New(cfg Config) *Plugin {
	p := &Plugin{
		kick:    make(chan struct{}, 1),
		changed: make(chan struct{}),
		pools:   map[*pool]struct{}{},
	}
	c := cfg.withDefaults()
	p.cfg.Store(&c)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *Plugin) config() *Config { return p.cfg.Load() }

// Name returns the configured name.
func (p *Plugin) Name() string { return p.config().Name }

// ErrClosed is returned by a plugin that was closed.
var ErrClosed = errors.New("the plugin is closed")

// Start starts the program and returns when it is described, or why it is not. In
// the latter case, which is a *StartError or ctx's, the plugin is started again and
// again as if it had ended, until it is closed.
func (p *Plugin) Start(ctx context.Context) error {
	p.mu.Lock()
	if p.state != Stopped || p.ctx.Err() != nil {
		p.mu.Unlock()
		return errors.New("the plugin was started before: make another")
	}
	p.setState(Starting)
	p.work.Add(1)
	p.mu.Unlock()
	s, err := p.begin(ctx, p.config())
	if s != nil {
		p.adopt(s)
	}
	go func() {
		defer p.work.Done()
		p.supervise(s)
	}()
	return err
}

// setState is called with mu held.
func (p *Plugin) setState(s State) {
	if p.state != s {
		p.state = s
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// begin starts a session.
func (p *Plugin) begin(ctx context.Context, cfg *Config) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if cfg.AllowUnpinned && cfg.SHA256 == "" && cfg.Attach == "" {
		cfg.Log.Warn("plugin is not pinned: whatever its file contains is run", "file", cfg.Command, "remedy", "rspool plugin add "+cfg.Command)
	}
	p.counters.starts.Add(1)
	s, err := begin(ctx, cfg)
	if err != nil {
		p.counters.failures.Add(1)
		p.mu.Lock()
		p.ended, p.endedAt = err, time.Now()
		p.mu.Unlock()
		return nil, err
	}
	cfg.Log.Info("plugin is up", "file", cfg.Command, "as", s.description.Name, "version", s.description.Version,
		"sha256", s.hash, "pid", s.pid(), "took", time.Since(s.started).Round(time.Millisecond))
	return s, nil
}

// adopt makes s the session in use, and has all pools followed on it.
func (p *Plugin) adopt(s *session) {
	p.mu.Lock()
	p.current, p.description = s, s.description
	p.setState(Running)
	pools := p.all()
	p.mu.Unlock()
	for _, q := range pools {
		p.attend(q, s)
	}
}

// all returns the pools. It is called with mu held.
func (p *Plugin) all() []*pool {
	pools := make([]*pool, 0, len(p.pools))
	for q := range p.pools {
		pools = append(pools, q)
	}
	return pools
}

// supervise keeps a session going until Close.
func (p *Plugin) supervise(s *session) {
	backoff := p.config().Restart.BackoffMin
	for {
		if s != nil {
			began := time.Now()
			if !p.await(s) {
				return
			}
			if time.Since(began) > p.config().Restart.BackoffMax {
				backoff = p.config().Restart.BackoffMin
			}
		}
		if !p.pause(&backoff) {
			return
		}
		p.counters.restarts.Add(1)
		var err error
		if s, err = p.begin(p.ctx, p.config()); err == nil {
			p.adopt(s)
		} else if p.ctx.Err() == nil {
			p.config().Log.Error("plugin did not start", "error", err)
		}
	}
}

// await waits until the session in use has ended, which after a Reload is another
// one than s, and cleans up. It returns false where the plugin was closed.
func (p *Plugin) await(s *session) bool {
	for {
		select {
		case <-s.ctx.Done():
		case <-p.ctx.Done():
		}
		p.mu.Lock()
		if p.current != s {
			s = p.current
			p.mu.Unlock()
			continue
		}
		p.current = nil
		if p.ctx.Err() != nil {
			p.setState(Stopped)
			p.mu.Unlock()
			p.finish(s)
			return false
		}
		cause := context.Cause(s.ctx)
		p.ended, p.endedAt = cause, time.Now()
		p.setState(Restarting)
		p.mu.Unlock()
		s.end(cause)
		p.keep(s)
		s.cfg.Log.Error("plugin ended", "error", cause, "lived", time.Since(s.started).Round(time.Millisecond), "stderr", s.output.last())
		return true
	}
}

// pause waits before a restart, if there may be one. It returns false where the
// plugin was closed.
func (p *Plugin) pause(backoff *time.Duration) bool {
	cfg := p.config()
	p.mu.Lock()
	now := time.Now()
	p.restarts = slices.DeleteFunc(p.restarts, func(t time.Time) bool { return now.Sub(t) > 5*time.Minute })
	again := len(p.restarts) < cfg.Restart.MaxIn5m
	wait := spread(*backoff)
	if again {
		p.restarts = append(p.restarts, now)
		p.setState(Restarting)
	} else {
		p.setState(Failed)
		wait = time.Duration(1<<63 - 1)
	}
	p.mu.Unlock()
	if !again && cfg.Restart.MaxIn5m >= 0 { // who allows none knows
		cfg.Log.Error("plugin has failed: it ended too often", "restarts_in_5m", cfg.Restart.MaxIn5m, "remedy", "rspool plugin reload "+cfg.Name)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		*backoff = min(2**backoff, cfg.Restart.BackoffMax)
	case <-p.kick:
		*backoff = cfg.Restart.BackoffMin
		p.mu.Lock()
		p.restarts = nil
		p.mu.Unlock()
	case <-p.ctx.Done():
		p.mu.Lock()
		p.setState(Stopped)
		p.mu.Unlock()
	}
	return p.ctx.Err() == nil
}

// finish ends a session in order.
func (p *Plugin) finish(s *session) {
	patience := time.NewTimer(s.cfg.StopTimeout)
	defer patience.Stop()
	for _, l := range p.links(s) {
		l.close("the host goes on without the plugin")
	}
	for _, l := range p.links(s) {
		select {
		case <-l.ended:
		case <-patience.C:
			patience.Reset(0)
		}
	}
	s.stop()
	p.keep(s)
	s.cfg.Log.Info("plugin is down", "lived", time.Since(s.started).Round(time.Millisecond))
}

// links returns the links on a session.
func (p *Plugin) links(s *session) []*link {
	p.mu.Lock()
	pools := p.all()
	p.mu.Unlock()
	var links []*link
	for _, q := range pools {
		q.mu.Lock()
		for _, l := range q.links {
			if l != nil && l.session == s {
				links = append(links, l)
			}
		}
		q.mu.Unlock()
	}
	return links
}

// Close ends the plugin and returns when nothing of it is left, after StopTimeout
// at most and a little.
func (p *Plugin) Close() error {
	p.cancel()
	p.work.Wait()
	return nil
}

// Reload starts the program anew, by cfg, whose Name must be the same. Where one is
// running, the new one runs beside it until it has ranked all elements of all pools;
// then it takes over, and the old one ends. If that fails, the old one stays.
func (p *Plugin) Reload(ctx context.Context, cfg Config) error {
	p.reload.Lock()
	defer p.reload.Unlock()
	if cfg.Name != p.Name() {
		return fmt.Errorf("plugin %q cannot become %q", p.Name(), cfg.Name)
	}
	next := cfg.withDefaults()
	p.mu.Lock()
	state, old := p.state, p.current
	p.mu.Unlock()
	if p.ctx.Err() != nil || state == Stopped {
		return ErrClosed
	}
	if old == nil {
		p.cfg.Store(&next)
		select {
		case p.kick <- struct{}{}:
		default:
		}
		return p.wait(ctx)
	}
	s, err := p.begin(ctx, &next)
	if err != nil {
		return err
	}
	if err := p.warmUp(ctx, s); err != nil {
		s.end(errStopped)
		return fmt.Errorf("plugin %q is not replaced: %w", cfg.Name, err)
	}
	p.mu.Lock()
	if p.ctx.Err() != nil {
		p.mu.Unlock()
		s.end(errStopped)
		return ErrClosed
	}
	p.cfg.Store(&next)
	p.current, p.description = s, s.description
	p.setState(Running)
	p.mu.Unlock()
	for _, l := range p.links(s) {
		l.pool.activate(l)
	}
	p.finish(old)
	return nil
}

// warmUp has a session follow all pools until it knows what to say about each.
func (p *Plugin) warmUp(ctx context.Context, s *session) error {
	p.mu.Lock()
	pools := p.all()
	p.mu.Unlock()
	for _, q := range pools {
		if err := q.policy.fits(s.description); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
	defer cancel()
	var links []*link
	for _, q := range pools {
		if l := p.follow(q, s); l != nil {
			links = append(links, l)
		}
	}
	for _, l := range links {
		select {
		case <-l.ready:
		case <-l.ended:
			if l.closed() {
				continue // the pool is gone, which is nobody's fault
			}
			return fmt.Errorf("the new one does not follow pool %s: %w", l.pool.handle, context.Cause(l.ctx))
		case <-ctx.Done():
			return fmt.Errorf("the new one has not ranked pool %s within %v", l.pool.handle, s.cfg.StartTimeout)
		}
	}
	return nil
}

// wait waits until the plugin runs, or has ended once more.
func (p *Plugin) wait(ctx context.Context) error {
	p.mu.Lock()
	before := p.endedAt
	p.mu.Unlock()
	for {
		p.mu.Lock()
		state, changed, err, at := p.state, p.changed, p.ended, p.endedAt
		p.mu.Unlock()
		switch {
		case state == Running:
			return nil
		case state == Stopped:
			return ErrClosed
		case at != before:
			return err
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond): // a start that fails changes no state
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
