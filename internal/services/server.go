package services

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

// Config describes a Server.
type Config struct {
	// Service serves the sessions. Required.
	Service Service
	// MaxSessions is the number of sessions served at once; further ones are
	// closed, so that their users look for another element. If zero, 1000.
	MaxSessions int
	// Load hears the share of MaxSessions in use whenever that changes. It must
	// not block. If nil, nobody is told.
	Load func(rserpool.Load)
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

// Server serves the users of one element.
type Server struct {
	cfg      Config
	sessions sync.WaitGroup
	mu       sync.Mutex // orders the calls of Load
	active   int

	served, refused atomic.Uint64
}

// NewServer returns a server. Nothing runs until Serve.
func NewServer(cfg Config) *Server {
	if cfg.MaxSessions <= 0 {
		cfg.MaxSessions = 1000
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Server{cfg: cfg}
}

// Stats returns the sessions that were begun so far, and those refused because
// too many were open.
func (s *Server) Stats() (served, refused uint64) { return s.served.Load(), s.refused.Load() }

// LogValue implements slog.LogValuer with what Stats returns.
func (s *Server) LogValue() slog.Value {
	served, refused := s.Stats()
	return slog.GroupValue(slog.Uint64("sessions", served), slog.Uint64("refused", refused))
}

// Serve serves the sessions of an element. When the context ends, it ends those
// that still run and returns nil. When the listener accepts no more, it lets them
// finish, as long as the context lasts, and returns the listener's error.
func (s *Server) Serve(ctx context.Context, ln *pool.Listener) error {
	return s.serve(ctx, func(ctx context.Context) (closer, error) { return ln.Accept(ctx) })
}

// closer is a session that can be ended.
type closer interface {
	Session
	io.Closer
}

func (s *Server) serve(ctx context.Context, accept func(context.Context) (closer, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.sessions.Wait()
	defer cancel()
	for {
		sn, err := accept(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			s.sessions.Wait()
			return err
		}
		if !s.count(+1) {
			s.refused.Add(1)
			s.cfg.Log.Info("session refused: all are in use", "sessions", s.cfg.MaxSessions)
			_ = sn.Close() // it always returns nil
			continue
		}
		s.served.Add(1)
		s.sessions.Go(func() {
			defer s.count(-1)
			defer sn.Close()
			if err := s.cfg.Service(ctx, sn); !errors.Is(err, io.EOF) {
				s.cfg.Log.Debug("session ended", "error", err)
			}
		})
	}
}

// count counts a session in or out; it refuses one beyond MaxSessions.
func (s *Server) count(by int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by > 0 && s.active >= s.cfg.MaxSessions {
		return false
	}
	s.active += by
	if s.cfg.Load != nil {
		s.cfg.Load(rserpool.LoadOf(float64(s.active) / float64(s.cfg.MaxSessions)))
	}
	return true
}
