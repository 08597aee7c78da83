package calcapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// ServerConfig describes the service of one element. The zero value works.
type ServerConfig struct {
	// Capacity is the number of calculations a second, of all jobs together. If zero,
	// a million.
	Capacity float64
	// MaxJobs is the number of jobs at once; further ones are rejected. If zero, 8.
	MaxJobs int
	// MaxSessions is the number of sessions at once; further ones are closed. If zero,
	// 1000. IdleTimeout is how long one may be without a job. If zero, 30 s.
	MaxSessions int
	IdleTimeout time.Duration
	// CookieInterval and CookieCalculations say after which time and how much work a job
	// saves its progress. If zero, 5 s and 5 million.
	CookieInterval     time.Duration
	CookieCalculations float64
	// KeepAliveInterval is how often a user is asked whether it still waits for its job,
	// and KeepAliveTimeout how long it may take to answer. If zero, 2.5 s.
	KeepAliveInterval, KeepAliveTimeout time.Duration
	// Load hears the share of MaxJobs in use whenever that changes. It must not block. If
	// nil, nobody is told.
	Load func(rserpool.Load)
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

func (c *ServerConfig) setDefaults() {
	if c.Capacity <= 0 {
		c.Capacity = 1e6
	}
	if c.MaxJobs <= 0 {
		c.MaxJobs = 8
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 1000
	}
	if c.CookieCalculations <= 0 {
		c.CookieCalculations = 5e6
	}
	for d, usual := range map[*time.Duration]time.Duration{
		&c.IdleTimeout: 30 * time.Second, &c.CookieInterval: 5 * time.Second,
		&c.KeepAliveInterval: 2500 * time.Millisecond, &c.KeepAliveTimeout: 2500 * time.Millisecond,
	} {
		if *d <= 0 {
			*d = usual
		}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// ServerStats counts what a server has done.
type ServerStats struct {
	Accepted, Rejected uint64 // jobs
	Resumed            uint64 // among the accepted: from another element's cookie
	Completed          uint64
	Silent             uint64 // jobs whose users did not answer any more
	Calculations       float64
	Utilisation        float64 // share of the capacity since the start
}

// Server works on the jobs of the users of one element. Its methods may be called at once.
type Server struct {
	cfg      ServerConfig
	sessions *sessions.Set
	began    time.Time

	mu      sync.Mutex
	machine *machine
	timer   *time.Timer
	users   map[uint64]*user
	last    uint64
	load    int // jobs, as told last
}

// user is one session. Its outbox holds what the machine wants it to be sent: as long as
// it answers keep-alives, that is little.
type user struct {
	outbox chan output
	cancel context.CancelCauseFunc
}

// maxOutbox bounds what waits for a user.
const maxOutbox = 64

// NewServer returns a server. Nothing runs until Serve.
func NewServer(cfg ServerConfig) *Server {
	cfg.setDefaults()
	s := &Server{
		cfg: cfg, sessions: sessions.New(cfg.MaxSessions, nil, cfg.Log), began: time.Now(),
		users: map[uint64]*user{},
	}
	s.machine = newMachine(cfg, s.began)
	return s
}

// Stats returns the counters so far.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.machine.share.advance(now)
	stats := s.machine.stats
	stats.Calculations = s.machine.share.used
	if up := now.Sub(s.began).Seconds(); up > 0 {
		stats.Utilisation = stats.Calculations / (up * s.cfg.Capacity)
	}
	return stats
}

// LogValue implements slog.LogValuer with what Stats returns.
func (s *Server) LogValue() slog.Value {
	t := s.Stats()
	return slog.GroupValue(slog.Uint64("accepted", t.Accepted), slog.Uint64("rejected", t.Rejected),
		slog.Uint64("resumed", t.Resumed), slog.Uint64("completed", t.Completed),
		slog.Float64("calculations", t.Calculations), slog.Float64("utilisation", t.Utilisation))
}

// Serve serves the sessions of an element. When the context ends, it leaves the progress
// of the jobs that still run with their users, ends the sessions and returns nil. When the
// listener accepts no more, it lets them finish, as long as the context lasts, and returns
// the listener's error.
func (s *Server) Serve(ctx context.Context, ln *pool.Listener) error {
	defer s.stop()
	return sessions.Serve(ctx, s.sessions, ln.Accept, func(ctx context.Context, sn *pool.Session) {
		defer s.sessions.Leave()
		defer sn.Close()
		switch err := s.serve(ctx, sn); {
		case errors.Is(err, services.ErrProtocol):
			s.cfg.Log.Warn("session ended: the user broke the protocol", "error", err)
		case err != nil:
			s.cfg.Log.Debug("session ended", "error", err)
		}
	})
}

// stop frees the timer.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// serve serves one session until it ends.
func (s *Server) serve(ctx context.Context, sn services.Session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	u := &user{outbox: make(chan output, maxOutbox), cancel: cancel}
	id := s.enter(u)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel(nil)
	defer s.leave(id)
	writer.Go(func() {
		for {
			select {
			case o := <-u.outbox:
				if err := send(ctx, sn, o); err != nil {
					cancel(err)
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		m, err := s.recv(ctx, sn)
		switch {
		case err == nil:
			err = s.receive(id, m)
		case ctx.Err() != nil:
			s.save(ctx, sn, id)
			err = context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded) && s.busy(id):
			continue // its keep-alives see to it
		}
		if err != nil {
			return err
		}
	}
}

func (s *Server) recv(ctx context.Context, sn services.Session) (pool.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.IdleTimeout)
	defer cancel()
	return sn.Recv(ctx)
}

// send sends what the machine wants.
func send(ctx context.Context, sn services.Session, o output) error {
	switch {
	case o.end != "":
		return errors.New(o.end)
	case o.cookie != nil:
		return sn.SaveCookie(ctx, o.cookie.Append(nil))
	}
	return sn.Send(ctx, pool.Message{Data: o.message.Append(nil), PPID: PPID})
}

// saveTime is how long leaving the progress with the users may take.
const saveTime = time.Second

// save leaves the progress of a session's jobs with its user.
func (s *Server) save(ctx context.Context, sn services.Session, id uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	s.mu.Lock()
	cookies := s.machine.cookies(time.Now(), id)
	s.mu.Unlock()
	for _, c := range cookies {
		if err := sn.SaveCookie(ctx, c.Append(nil)); err != nil {
			return // the user is gone
		}
	}
}

// receive hands a message to the machine.
func (s *Server) receive(id uint64, in pool.Message) error {
	if in.Cookie != nil {
		c, err := ParseCookie(in.Cookie)
		if err != nil {
			return err
		}
		return s.step(func(now time.Time) ([]output, error) { return s.machine.resume(now, id, c) })
	}
	if in.PPID != PPID {
		return fmt.Errorf("%w: message with payload protocol %d: want %d", services.ErrProtocol, in.PPID, PPID)
	}
	m, err := Parse(in.Data)
	if err != nil {
		return err
	}
	return s.step(func(now time.Time) ([]output, error) { return s.machine.receive(now, id, m) })
}

// step lets the machine do something and does what it wants.
func (s *Server) step(f func(now time.Time) ([]output, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := f(time.Now())
	for _, o := range out {
		u := s.users[o.session]
		if u == nil {
			continue
		}
		select {
		case u.outbox <- o:
		default:
			u.cancel(errors.New("the user does not read"))
		}
	}
	if n := len(s.machine.jobs); n != s.load {
		s.load = n
		if s.cfg.Load != nil {
			s.cfg.Load(rserpool.LoadOf(float64(n) / float64(s.cfg.MaxJobs)))
		}
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	if next := s.machine.deadline(); !next.IsZero() {
		s.timer = time.AfterFunc(time.Until(next), func() {
			_ = s.step(func(now time.Time) ([]output, error) { return s.machine.tick(now), nil })
		})
	}
	return err
}

func (s *Server) enter(u *user) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.users[s.last] = u
	return s.last
}

func (s *Server) leave(id uint64) {
	_ = s.step(func(now time.Time) ([]output, error) {
		delete(s.users, id)
		s.machine.leave(now, id)
		return nil, nil
	})
}

func (s *Server) busy(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine.busy(id)
}
