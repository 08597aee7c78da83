package fractal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// RenderConfig describes how an image is computed by a pool. The zero value works.
type RenderConfig struct {
	// Handle is the pool. If empty, DefaultHandle.
	Handle rserpool.Handle
	// User describes the sessions. If nil, the defaults of package pool.
	User *pool.UserConfig
	// TileSize is the width and height of a tile, in pixels. If zero, 64; if
	// negative, the whole image is one tile.
	TileSize int
	// Parallel is the number of sessions at once. If zero, 8.
	Parallel int
	// StallTimeout is how long an element may send nothing before its session is
	// moved to another one. If zero, 30 s.
	StallTimeout time.Duration
	// Attempts is the number of sessions in which a tile may fail, and of times
	// that one of them may stall, before the image fails. If zero, 5.
	Attempts int
	// Elements are in the report even if they do nothing.
	Elements []rserpool.ElementID
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

// maxClosers bounds the sessions that are done but not closed yet.
const maxClosers = 256

// Render is an image in the making: its tiles are computed in parallel sessions
// with a pool, and each session survives its element.
type Render struct {
	cfg   RenderConfig
	view  *View
	tiles []Tile
	board *board
	dial  func(ctx context.Context) (userSession, error)
	// patience is how long a pool is waited for that has served before; negative
	// means for ever.
	patience time.Duration
	served   atomic.Bool

	closers errgroup.Group // of sessions that are done
}

// userSession is what a Render needs of a *pool.Session.
type userSession interface {
	Recv(ctx context.Context) (pool.Message, error)
	Send(ctx context.Context, m pool.Message) error
	Element() rserpool.ElementID
	ForceFailover(reason string, unreachable bool) error
	Close() error
}

// NewRender prepares an image. Nothing runs until Run.
func NewRender(v *View, cfg RenderConfig) *Render {
	if cfg.Handle == "" {
		cfg.Handle = DefaultHandle
	}
	if cfg.TileSize == 0 {
		cfg.TileSize = 64
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = 8
	}
	if cfg.StallTimeout <= 0 {
		cfg.StallTimeout = 30 * time.Second
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 5
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	r := &Render{cfg: cfg, view: v, tiles: v.Tiles(uint32(min(max(cfg.TileSize, 0), MaxWidth))), board: newBoard(v.Parameter())}
	for _, id := range cfg.Elements {
		r.board.of(id)
	}
	r.closers.SetLimit(maxClosers)
	r.patience = time.Minute
	if u := cfg.User; u != nil && u.FailoverTimeout != 0 {
		r.patience = u.FailoverTimeout
	}
	r.dial = func(ctx context.Context) (userSession, error) { return pool.Dial(ctx, cfg.Handle, cfg.User) }
	return r
}

// Progress returns how far the image has come. It may be called at any time.
func (r *Render) Progress() Progress { return r.board.progress() }

// Tiles returns the number of tiles.
func (r *Render) Tiles() int { return len(r.tiles) }

// Run computes the image, and says how it came to be. The painters of the image
// are numbered as the elements of the report, from 1. An image that fails is
// returned as far as it has come. Run may be called once.
func (r *Render) Run(ctx context.Context) (*Image, Report, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.cfg.Parallel)
	for i := range r.tiles {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error { return r.persist(gctx, i) })
	}
	err := g.Wait()
	report := r.board.report()
	_ = r.closers.Wait() // they do not fail
	if err == nil {
		err = ctx.Err() // which may have kept tiles from being begun
	}
	return r.board.image, report, err
}

// persist computes a tile in as many sessions as it takes.
func (r *Render) persist(ctx context.Context, index int) error {
	pause := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := r.compute(ctx, index)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, pool.ErrNoElement) || errors.Is(err, pool.ErrNoRegistrar):
			return err // the pool has had its chance
		case attempt >= r.cfg.Attempts:
			return fmt.Errorf("tile %d of %d failed in %d sessions: %w", index+1, len(r.tiles), attempt, err)
		}
		r.cfg.Log.Info("tile is begun again", "tile", index, "attempt", attempt, "error", err)
		r.board.retried()
		if err := sessions.Wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// open begins a session. A pool that has served this image before is waited for
// as a session waits that has lost its element: after its restart a registrar
// knows no pool until the elements have registered again.
func (r *Render) open(ctx context.Context) (userSession, error) {
	began, pause := time.Now(), 100*time.Millisecond
	for {
		s, err := r.dial(ctx)
		if err == nil {
			r.served.Store(true)
			return s, nil
		}
		vacant := errors.Is(err, pool.ErrNoElement) || errors.Is(err, pool.ErrNoRegistrar)
		late := r.patience > 0 && time.Since(began) >= r.patience
		if !vacant || late || !r.served.Load() {
			return nil, err
		}
		if err := sessions.Wait(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*pause, time.Second)
	}
}

// compute has a tile computed in one session, which may pass through several
// elements.
func (r *Render) compute(ctx context.Context, index int) error {
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	// The other side takes its time to confirm the end; nobody waits for that.
	defer r.closers.Go(s.Close)
	w := work{Render: r, session: s, index: index, tile: r.tiles[index], element: s.Element(), heard: time.Now()}
	r.board.begin(index, w.tile, w.element)
	defer r.board.end(index)
	defer w.settle()
	return w.run(ctx)
}

// work is one session's computation of one tile.
type work struct {
	*Render
	session userSession
	index   int
	tile    Tile
	element rserpool.ElementID // that serves the session
	heard   time.Time          // the last message, at first the request
	points  int                // received since the element began
	stalls  int
	moved   *FailoverReport // the last failover, while its consequences add up
}

func (w *work) run(ctx context.Context) error {
	if err := w.request(ctx); err != nil {
		return err
	}
	var points [MaxPoints]uint32
	for {
		m, err := w.recv(ctx)
		if err != nil {
			if w.stalled(ctx, err) {
				continue // with the notice of the failover
			}
			var moved *pool.Failover
			if !errors.As(err, &moved) {
				return err
			}
			w.move(moved)
			// A request that waited for the new element is on its way already,
			// and with a cookie the element knows.
			if !moved.Resumed && moved.Sent > 0 {
				if err := w.request(ctx); err != nil {
					return err
				}
			}
			continue
		}
		if m.PPID != PPID {
			return fmt.Errorf("%w: message with payload protocol %d: want %d", ErrProtocol, m.PPID, PPID)
		}
		d, err := ParseData(m.Data, points[:0])
		if err != nil {
			return err
		}
		w.hear()
		if d.IsEnd() {
			return w.board.completes(w.tile, w.element)
		}
		// An element that sends the same again and again does not get far.
		if w.points += len(d.Points); w.points > w.tile.pixels() {
			return fmt.Errorf("%w: element %s sent more pixels than were asked for", ErrProtocol, w.element)
		}
		again, err := w.board.paint(w.index, w.tile, d, w.element)
		if err != nil {
			return err
		}
		if w.moved != nil {
			w.moved.Lost += again
		}
	}
}

// request asks for the tile.
func (w *work) request(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.StallTimeout)
	defer cancel()
	return w.session.Send(ctx, pool.Message{Data: w.view.Request(w.tile).Append(nil), PPID: PPID})
}

func (w *work) recv(ctx context.Context) (pool.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.StallTimeout)
	defer cancel()
	return w.session.Recv(ctx)
}

// stalled reports whether the element's time has run out, and leaves it then: its
// machine answers, but the element does not work.
func (w *work) stalled(ctx context.Context, err error) bool {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return false
	}
	w.stalls++
	reason := fmt.Sprintf("it has sent nothing for %v", w.cfg.StallTimeout)
	return w.stalls < w.cfg.Attempts && w.session.ForceFailover(reason, true) == nil
}

// hear notes that the element has sent something: that ends an interruption.
func (w *work) hear() {
	now := time.Now()
	if w.moved != nil && w.moved.Interruption == 0 {
		w.moved.Interruption = max(now.Sub(w.heard), 1)
	}
	w.heard = now
}

// move notes a failover.
func (w *work) move(f *pool.Failover) {
	w.settle()
	w.board.begin(w.index, w.tile, f.To)
	w.element, w.points = f.To, 0
	w.moved = &FailoverReport{
		Tile: w.index, From: f.From, To: f.To, Reason: f.Reason, Resumed: f.Resumed, Failover: f.Duration,
	}
	w.cfg.Log.Debug("session moved", "tile", w.index, "from", f.From, "to", f.To, "reason", f.Reason, "resumed", f.Resumed)
}

// settle enters the last failover into the report.
func (w *work) settle() {
	if w.moved == nil {
		return
	}
	if w.moved.Interruption == 0 { // the next element was gone before it said anything
		w.moved.Interruption = max(time.Since(w.heard), 1)
	}
	w.board.failedOver(*w.moved)
	w.moved = nil
}
