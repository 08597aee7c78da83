package services

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
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
	sessions *sessions.Set
	served   atomic.Uint64
}

// NewServer returns a server. Nothing runs until Serve.
func NewServer(cfg Config) *Server {
	if cfg.MaxSessions <= 0 {
		cfg.MaxSessions = 1000
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Server{cfg: cfg, sessions: sessions.New(cfg.MaxSessions, cfg.Load, cfg.Log)}
}

// Stats returns the sessions that were begun so far, and those refused because
// too many were open.
func (s *Server) Stats() (served, refused uint64) { return s.served.Load(), s.sessions.Refused() }

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
	return sessions.Serve(ctx, s.sessions, accept, func(ctx context.Context, sn closer) {
		defer s.sessions.Leave()
		defer sn.Close()
		s.served.Add(1)
		switch err := s.cfg.Service(ctx, sn); {
		case errors.Is(err, ErrProtocol):
			s.cfg.Log.Warn("session ended: the user broke the protocol", "error", err)
		case !errors.Is(err, io.EOF):
			s.cfg.Log.Debug("session ended", "error", err)
		}
	})
}
