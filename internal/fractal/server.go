package fractal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// ServerConfig describes the service of one element. The zero value works.
type ServerConfig struct {
	// Capacity is the number of pixels a second that the element computes for all
	// its sessions together. If zero, as many as the machine can.
	Capacity float64
	// MaxSessions is the number of sessions served at once; further ones are
	// closed, so that their users look for another element. If zero, 16. Sessions
	// whose image is finished do not count.
	MaxSessions int
	// IdleTimeout is how long a session may be without a request. If zero, 30 s.
	IdleTimeout time.Duration
	// CookieInterval and CookiePackets say after which time and how many data
	// messages a session saves its state. If zero, 1 s and 10.
	CookieInterval time.Duration
	CookiePackets  int
	// Load hears the share of MaxSessions in use whenever that changes. It must
	// not block. If nil, nobody is told.
	Load func(rserpool.Load)
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

// Server computes images for the users of one element. Its methods may be called
// at once.
type Server struct {
	cfg   ServerConfig
	pace  *Pace
	chunk int           // pixels computed before they are sent
	slots chan struct{} // one for each processor

	sessions *sessions.Set

	pixels, images atomic.Uint64
}

// flushInterval is the time for which computed pixels are held back at most, to
// fill a message.
const flushInterval = 250 * time.Millisecond

// NewServer returns a server. Nothing runs until Serve.
func NewServer(cfg ServerConfig) *Server {
	if cfg.MaxSessions <= 0 {
		cfg.MaxSessions = 16
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = 30 * time.Second
	}
	if cfg.CookieInterval <= 0 {
		cfg.CookieInterval = time.Second
	}
	if cfg.CookiePackets <= 0 {
		cfg.CookiePackets = 10
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{
		cfg: cfg, pace: NewPace(cfg.Capacity), chunk: MaxPoints,
		sessions: sessions.New(cfg.MaxSessions, cfg.Load, cfg.Log),
		// More computing goroutines than processors would make those wait that
		// answer heartbeats and keep-alives.
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	if s.pace != nil {
		s.chunk = min(max(int(flushInterval/s.pace.perPixel), 1), MaxPoints)
	}
	return s
}

// ServerStats counts what a server has done.
type ServerStats struct {
	Sessions int    `json:"sessions"` // now, without those whose image is finished
	Pixels   uint64 `json:"pixels"`
	Images   uint64 `json:"images"`  // completed
	Refused  uint64 `json:"refused"` // sessions beyond MaxSessions
}

// maxWaiting is how many requests of a session may wait for the one that is computed.
const maxWaiting = 2

// Stats returns the counters so far.
func (s *Server) Stats() ServerStats {
	return ServerStats{Sessions: s.sessions.Active(), Pixels: s.pixels.Load(), Images: s.images.Load(), Refused: s.sessions.Refused()}
}

// Serve serves the sessions of an element. When the context ends, it ends those
// that still run and returns nil. When the listener accepts no more, it lets them
// finish, as long as the context lasts, and returns the listener's error.
func (s *Server) Serve(ctx context.Context, ln *pool.Listener) error {
	return s.serveAll(ctx, func(ctx context.Context) (serverSession, error) { return ln.Accept(ctx) })
}

func (s *Server) serveAll(ctx context.Context, accept func(context.Context) (serverSession, error)) error {
	return sessions.Serve(ctx, s.sessions, accept, func(ctx context.Context, sn serverSession) {
		defer sn.Close()
		err := s.serve(ctx, sn)
		switch {
		case errors.Is(err, ErrProtocol):
			s.cfg.Log.Warn("session ended: the user broke the protocol", "error", err)
		case err != nil:
			s.cfg.Log.Debug("session ended", "error", err)
		}
	})
}

// serverSession is what the server needs of a *pool.Session.
type serverSession interface {
	Recv(ctx context.Context) (pool.Message, error)
	Send(ctx context.Context, m pool.Message) error
	SaveCookie(ctx context.Context, cookie []byte) error
	Close() error
}

// serve answers the requests of one session, which has entered, until it ends, and
// lets it leave.
func (s *Server) serve(ctx context.Context, sn serverSession) error {
	entered := true
	defer func() {
		if entered {
			s.sessions.Leave()
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel(nil)
	requests := make(chan pool.Message, maxWaiting)
	reader.Go(func() { read(ctx, sn, requests, cancel) })
	for first := true; ; first = false {
		m, err := s.next(ctx, requests)
		if err != nil {
			return err
		}
		if entered = entered || s.sessions.Enter(); !entered {
			return nil
		}
		work, err := begin(m, first)
		if err == nil {
			err = s.compute(ctx, sn, work)
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
		s.images.Add(1)
		s.sessions.Leave()
		entered = false
	}
}

// read takes in requests and so notices the end of the session during a
// computation. A user may ask for the next images meanwhile, but not without end.
func read(ctx context.Context, sn serverSession, requests chan<- pool.Message, cancel context.CancelCauseFunc) {
	for {
		m, err := sn.Recv(ctx)
		if err != nil {
			cancel(err)
			return
		}
		select {
		case requests <- m:
		default:
			cancel(fmt.Errorf("%w: more than %d requests wait", ErrProtocol, maxWaiting))
			return
		}
	}
}

// next returns the next request.
func (s *Server) next(ctx context.Context, requests <-chan pool.Message) (pool.Message, error) {
	idle := time.NewTimer(s.cfg.IdleTimeout)
	defer idle.Stop()
	select {
	case m := <-requests:
		return m, nil
	case <-idle.C:
		return pool.Message{}, fmt.Errorf("no request for %v", s.cfg.IdleTimeout)
	case <-ctx.Done():
		return pool.Message{}, context.Cause(ctx)
	}
}

// begin returns the state in which the computation begins that a message asks for.
func begin(m pool.Message, first bool) (Cookie, error) {
	if m.Cookie != nil {
		if !first {
			return Cookie{}, fmt.Errorf("%w: cookie behind a request", ErrProtocol)
		}
		return ParseCookie(m.Cookie)
	}
	if m.PPID != PPID {
		return Cookie{}, fmt.Errorf("%w: message with payload protocol %d: want %d", ErrProtocol, m.PPID, PPID)
	}
	p, err := ParseParameter(m.Data)
	if err != nil {
		return Cookie{}, err
	}
	if err := p.Check(); err != nil {
		return Cookie{}, fmt.Errorf("%w: request: %w", ErrProtocol, err)
	}
	return Cookie{Parameter: p}, nil
}

// compute computes an image from the pixel that work names, and sends it.
func (s *Server) compute(ctx context.Context, sn serverSession, work Cookie) error {
	p, pl := work.Parameter, NewPlane(work.Parameter)
	var (
		points  [MaxPoints]uint32
		message [dataLen + 4*MaxPoints]byte
		cookie  [cookieLen]byte
		packets = s.cfg.CookiePackets // so that the first cookie comes before the data
		saved   time.Time
	)
	if work.X == p.Width {
		work.X, work.Y = 0, work.Y+1
	}
	for {
		if packets >= s.cfg.CookiePackets || time.Since(saved) >= s.cfg.CookieInterval {
			if err := sn.SaveCookie(ctx, work.Append(cookie[:0])); err != nil {
				return err
			}
			packets, saved = 0, time.Now()
		}
		if work.Y >= p.Height {
			return sn.Send(ctx, pool.Message{Data: End().Append(message[:0]), PPID: PPID})
		}
		d := Data{X: work.X, Y: work.Y}
		var err error
		if d.Points, err = s.fill(ctx, &pl, &work, points[:0]); err != nil {
			return err
		}
		if err := s.pace.Wait(ctx, len(d.Points)); err != nil {
			return err
		}
		if err := sn.Send(ctx, pool.Message{Data: d.Append(message[:0]), PPID: PPID}); err != nil {
			return err
		}
		s.pixels.Add(uint64(len(d.Points)))
		packets++
	}
}

// fill computes the points of one message and moves work on behind them. It takes
// a processor for no longer than about flushInterval.
func (s *Server) fill(ctx context.Context, pl *Plane, work *Cookie, points []uint32) ([]uint32, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	began := time.Now()
	for len(points) < s.chunk && work.Y < pl.p.Height {
		points = append(points, pl.Pixel(work.X, work.Y))
		if work.X++; work.X == pl.p.Width {
			work.X, work.Y = 0, work.Y+1
		}
		// Looking at clock and context costs more than most pixels do.
		if len(points)%16 == 0 || pl.p.MaxIterations > 10000 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if time.Since(began) >= flushInterval {
				break
			}
		}
	}
	return points, nil
}
