package fractal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/pool"
)

// quiet is a log that nobody reads.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// A step is what Recv of a scripted session returns next: a message, or an error.
type step struct {
	data   []byte
	err    error
	after  time.Duration
	silent bool // nothing, until the caller's context ends
}

// scripted is a session of which every answer is known beforehand.
type scripted struct {
	element rserpool.ElementID
	steps   []step
	sent    [][]byte
	closed  bool
	forced  string // the reason of a forced failover
}

func (s *scripted) Element() rserpool.ElementID { return s.element }
func (s *scripted) Close() error                { s.closed = true; return nil }
func (s *scripted) ForceFailover(reason string, _ bool) error {
	s.forced, s.steps = reason, s.steps[1:]
	return nil
}
func (s *scripted) Send(_ context.Context, m pool.Message) error {
	s.sent = append(s.sent, m.Data)
	return nil
}

func (s *scripted) Recv(ctx context.Context) (pool.Message, error) {
	if len(s.steps) == 0 || s.steps[0].silent {
		<-ctx.Done()
		return pool.Message{}, ctx.Err()
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	time.Sleep(next.after)
	return pool.Message{Data: next.data, PPID: PPID}, next.err
}

// small is a view of 4 x 2 pixels, cut into one tile.
func small(t *testing.T) (v *View, counts []uint32) {
	t.Helper()
	v, err := NewView(Parameter{Width: 4, Height: 2, MaxIterations: 30, Algorithm: Mandelbrot, C1: complex(-1.5, 1.5), C2: complex(1.5, -1.5)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compute(t.Context(), v.Parameter())
	if err != nil {
		t.Fatal(err)
	}
	return v, m.Counts
}

// piece is the data message with the pixels from x, y on.
func piece(counts []uint32, x, y, n uint32) []byte {
	at := y*4 + x
	return Data{X: x, Y: y, Points: counts[at : at+n]}.Append(nil)
}

// render runs an image of one tile in the sessions given, one after another.
func render(t *testing.T, v *View, sessions ...*scripted) (*Image, Report, error) {
	t.Helper()
	r := NewRender(v, RenderConfig{TileSize: -1, StallTimeout: 10 * time.Second, Attempts: len(sessions), Log: quiet})
	r.dial = func(context.Context) (userSession, error) {
		s := sessions[0]
		sessions = sessions[1:]
		return s, nil
	}
	m, report, err := r.Run(t.Context())
	for _, e := range r.Progress().Elements {
		if e.Working != 0 || e.Ahead != 0 {
			t.Errorf("element %v still works in %d sessions", e.Element, e.Working)
		}
	}
	return m, report, err
}

func TestRenderSurvivesAFailoverWithTheCookie(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v, counts := small(t)
		s := &scripted{element: 1, steps: []step{
			{data: piece(counts, 0, 0, 3), after: time.Second},
			{data: piece(counts, 3, 0, 3), after: time.Second},
			{err: &pool.Failover{From: 1, To: 2, Reason: "lost", Duration: 100 * time.Millisecond, Sent: 1, Resumed: true}, after: 300 * time.Millisecond},
			{data: piece(counts, 1, 1, 2), after: 100 * time.Millisecond}, // the cookie was at (1, 1)
			{data: piece(counts, 3, 1, 1), after: time.Second},
			{data: End().Append(nil)},
		}}
		m, got, err := render(t, v, s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counts, m.Counts); diff != "" {
			t.Errorf("image (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint16{1, 1, 1, 1, 1, 2, 2, 2}, m.Painters); diff != "" {
			t.Errorf("painters (-want +got):\n%s", diff)
		}
		want := Report{
			Width: 4, Height: 2, Tiles: 1, Elapsed: 3400 * time.Millisecond,
			Elements: []ElementReport{
				{Element: 1, Pixels: 5, Share: 0.625, Failovers: 1, Lost: 1, LongestFailover: 400 * time.Millisecond},
				{Element: 2, Tiles: 1, Pixels: 3, Share: 0.375},
			},
			Failovers: []FailoverReport{{
				From: 1, To: 2, Reason: "lost", Resumed: true, Lost: 1,
				Interruption: 400 * time.Millisecond, Failover: 100 * time.Millisecond,
			}},
			Lost: 1, LongestFailover: 400 * time.Millisecond,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if len(s.sent) != 1 || !s.closed {
			t.Errorf("%d requests, closed %v; want one request and a closed session", len(s.sent), s.closed)
		}
	})
}

func TestRenderAsksAgainWithoutACookie(t *testing.T) {
	for _, tc := range []struct {
		name     string
		failover pool.Failover
		requests int
	}{
		{"the request went to the lost element", pool.Failover{From: 1, To: 2, Sent: 1}, 2},
		{"the request waited for the new element", pool.Failover{From: 1, To: 2, Sent: 0}, 1},
		{"the new element has the cookie", pool.Failover{From: 1, To: 2, Sent: 1, Resumed: true}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, counts := small(t)
			s := &scripted{element: 1, steps: []step{
				{err: &tc.failover},
				{data: piece(counts, 0, 0, 8)},
				{data: End().Append(nil)},
			}}
			if _, _, err := render(t, v, s); err != nil {
				t.Fatal(err)
			}
			if len(s.sent) != tc.requests {
				t.Errorf("%d requests, want %d", len(s.sent), tc.requests)
			}
		})
	}
}

func TestRenderTakesOnlyWhatWasAskedFor(t *testing.T) {
	v, counts := small(t)
	all := piece(counts, 0, 0, 8)
	for _, tc := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"pixels beside the tile", []step{{data: Data{X: 4, Points: []uint32{1}}.Append(nil)}}, "1 points at (4, 0)"},
		{"pixels below the tile", []step{{data: Data{Y: 2, Points: []uint32{1}}.Append(nil)}}, "1 points at (0, 2)"},
		{"pixels beyond the last one", []step{{data: Data{X: 3, Y: 1, Points: []uint32{1, 2}}.Append(nil)}}, "2 points at (3, 1)"},
		{"more iterations than the maximum", []step{{data: Data{Points: []uint32{31}}.Append(nil)}}, "31 iterations"},
		{"an end with pixels missing", []step{{data: piece(counts, 0, 0, 7)}, {data: End().Append(nil)}}, "1 pixels missing"},
		{"the same pixels for ever", []step{{data: all}, {data: all}}, "more pixels than were asked for"},
		{"a request", []step{{data: reference.Append(nil)}}, "want data"},
		{"rubbish", []step{{data: []byte{2}}}, "message of 1 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := render(t, v, &scripted{element: 1, steps: tc.steps})
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want ErrProtocol with %q", err, tc.want)
			}
		})
	}
}

func TestRenderBeginsAFailedTileAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v, counts := small(t)
		first := &scripted{element: 1, steps: []step{{data: piece(counts, 0, 0, 4)}, {err: pool.ErrLost}}}
		last := &scripted{element: 2, steps: []step{{data: piece(counts, 0, 0, 8)}, {data: End().Append(nil)}}}
		m, report, err := render(t, v, first, last)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counts, m.Counts); diff != "" {
			t.Errorf("image (-want +got):\n%s", diff)
		}
		want := Report{
			Width: 4, Height: 2, Tiles: 1, Elapsed: 100 * time.Millisecond, // the pause before the second session
			Elements:  []ElementReport{{Element: 1, Lost: 4}, {Element: 2, Tiles: 1, Pixels: 8, Share: 1}},
			Failovers: []FailoverReport{}, Retries: 1, Lost: 4,
		}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if !first.closed || !last.closed {
			t.Error("a session was left open")
		}
	})
}

func TestRenderLeavesAnElementThatStalls(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v, counts := small(t)
		s := &scripted{element: 1, steps: []step{
			{silent: true},
			{err: &pool.Failover{From: 1, To: 2, Sent: 1}},
			{data: piece(counts, 0, 0, 8)},
			{data: End().Append(nil)},
		}}
		if _, report, err := render(t, v, s, s); err != nil || report.Retries != 0 || report.LongestFailover != 10*time.Second {
			t.Errorf("error %v, %d retries, longest failover %v; want one failover after 10s", err, report.Retries, report.LongestFailover)
		}
		if s.forced != "it has sent nothing for 10s" {
			t.Errorf("the session was left because %q", s.forced)
		}
	})
}

func TestRenderGivesUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v, _ := small(t)
		lost := func() *scripted { return &scripted{element: 1, steps: []step{{err: pool.ErrLost}}} }
		_, _, err := render(t, v, lost(), lost())
		if !errors.Is(err, pool.ErrLost) || !strings.Contains(err.Error(), "tile 1 of 1 failed in 2 sessions") {
			t.Errorf("error %v, want ErrLost after 2 sessions", err)
		}
	})
}

func TestRenderDoesNotInsistWhereNobodyIs(t *testing.T) {
	v, _ := small(t)
	for _, want := range []error{pool.ErrNoElement, pool.ErrNoRegistrar} {
		gone := &scripted{element: 1, steps: []step{{err: want}}}
		if _, report, err := render(t, v, gone, gone); !errors.Is(err, want) || report.Retries != 0 {
			t.Errorf("error %v after %d more sessions, want %v at once", err, report.Retries, want)
		}
	}
}

func TestRenderWaitsForAPoolThatHasServed(t *testing.T) {
	tests := []struct {
		name     string
		away     time.Duration
		patience time.Duration
		want     error
	}{
		{name: "a registrar restarts", away: 10 * time.Second},
		{name: "the pool stays away", away: time.Hour, want: pool.ErrNoElement},
		{name: "a short failover timeout", away: 10 * time.Second, patience: 5 * time.Second, want: pool.ErrNoElement},
		{name: "no end of patience", away: time.Hour, patience: -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				v, counts := small(t)
				user := &pool.UserConfig{FailoverTimeout: tt.patience}
				r := NewRender(v, RenderConfig{TileSize: 2, Parallel: 1, User: user, Log: quiet})
				began, sessions := time.Now(), 0
				r.dial = func(context.Context) (userSession, error) {
					if sessions == 1 && time.Since(began) < tt.away {
						return nil, &pool.Error{Op: "dial", Err: pool.ErrNoElement}
					}
					x := 2 * sessions // of the tile; its messages count from there
					sessions++
					return &scripted{element: 1, steps: []step{
						{data: Data{Y: 0, Points: counts[x : x+2]}.Append(nil)},
						{data: Data{Y: 1, Points: counts[x+4 : x+6]}.Append(nil)},
						{data: End().Append(nil)},
					}}, nil
				}
				m, report, err := r.Run(t.Context())
				if !errors.Is(err, tt.want) {
					t.Fatalf("got error %v, want %v", err, tt.want)
				}
				if err != nil {
					return
				}
				if diff := cmp.Diff(counts, m.Counts); diff != "" {
					t.Errorf("image (-want +got):\n%s", diff)
				}
				if report.Retries != 0 || report.Elapsed > tt.away+2*time.Second {
					t.Errorf("%d tiles begun again, %v in all; want none, and soon after %v", report.Retries, report.Elapsed, tt.away)
				}
			})
		})
	}
}

func TestRenderEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v, _ := small(t)
		r := NewRender(v, RenderConfig{TileSize: 1, Parallel: 2, Log: quiet})
		r.dial = func(context.Context) (userSession, error) { return &scripted{element: 1}, nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := r.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
	})
}

func TestRenderCountsWhatElementsComputeDifferently(t *testing.T) {
	v, counts := small(t)
	wrong := Data{Points: []uint32{counts[0], counts[1] + 1}}.Append(nil)
	s := &scripted{element: 1, steps: []step{
		{data: wrong},
		{err: &pool.Failover{From: 1, To: 2, Resumed: true}},
		{data: piece(counts, 0, 0, 8)},
		{data: End().Append(nil)},
	}}
	m, report, err := render(t, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if report.Conflicts != 1 || report.Lost != 2 {
		t.Errorf("%d conflicts and %d lost pixels, want 1 and 2", report.Conflicts, report.Lost)
	}
	if diff := cmp.Diff(counts, m.Counts); diff != "" {
		t.Errorf("the later value is not in the image (-want +got):\n%s", diff)
	}
}
