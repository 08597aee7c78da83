// Package sessions is what services have in common. An element's Set serves sessions,
// as many at once as it may, and tells the load that they are; a user's Asker puts
// questions and repeats those that a failover leaves unanswered.
//
// It knows no service's messages, nor when a session needs no place any more: that is
// the service's part.
package sessions

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	rserpool "github.com/rspool/rspool"
)

// Set is the sessions of one element. Its methods may be called at once.
type Set struct {
	most int
	load func(rserpool.Load)
	log  *slog.Logger

	running sync.WaitGroup
	refused atomic.Uint64
	mu      sync.Mutex // orders the calls of load
	active  int
}

// New returns a set of so many sessions at most. If load is not nil, it hears the
// share in use whenever that changes, and must not block.
func New(most int, load func(rserpool.Load), log *slog.Logger) *Set {
	return &Set{most: most, load: load, log: log}
}

// Serve accepts sessions and serves each in a goroutine, once it has entered the
// set; the others it closes. It is up to serve to close a session and to let it
// leave.
//
// When the context ends, Serve ends that of the sessions, waits for them and
// returns nil. When accept fails, it lets them finish, as long as the context
// lasts, and returns the error.
func Serve[S io.Closer](ctx context.Context, set *Set, accept func(context.Context) (S, error), serve func(context.Context, S)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer set.running.Wait()
	defer cancel()
	for {
		s, err := accept(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			set.running.Wait()
			return err
		}
		if !set.Enter() {
			// It takes a while for a user that still sends; what it returns is
			// of no interest.
			set.running.Go(func() { _ = s.Close() })
			continue
		}
		set.running.Go(func() { serve(ctx, s) })
	}
}

// Enter counts a session in, unless as many as may be are there; then it is to be
// closed.
func (s *Set) Enter() bool {
	if s.count(+1) {
		return true
	}
	s.refused.Add(1)
	s.log.Info("session refused: all are in use", "sessions", s.most)
	return false
}

// Leave counts a session out.
func (s *Set) Leave() { s.count(-1) }

func (s *Set) count(by int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by > 0 && s.active >= s.most {
		return false
	}
	s.active += by
	if s.load != nil {
		s.load(rserpool.LoadOf(float64(s.active) / float64(s.most)))
	}
	return true
}

// Active returns the number of sessions that have entered and not left.
func (s *Set) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// Refused returns the number of sessions that could not enter so far.
func (s *Set) Refused() uint64 { return s.refused.Load() }
