package fractal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/pool"
)

// caller is a session as the server sees it, with the test at the other end.
type caller struct {
	requests chan pool.Message
	hangUp   chan struct{}
	out      []Data
	cookies  []Cookie
	order    []string // of what came in: "cookie", "data", "end"
	stuck    bool     // sends wait for ever: the user does not read
	hook     func(Data)
}

func newCaller(requests ...pool.Message) *caller {
	c := &caller{requests: make(chan pool.Message, 8), hangUp: make(chan struct{})}
	for _, m := range requests {
		c.requests <- m
	}
	return c
}

func (c *caller) Recv(ctx context.Context) (pool.Message, error) {
	select {
	case m := <-c.requests:
		return m, nil
	case <-c.hangUp:
		return pool.Message{}, pool.ErrLost
	case <-ctx.Done():
		return pool.Message{}, ctx.Err()
	}
}

func (c *caller) Send(ctx context.Context, m pool.Message) error {
	if c.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	d, err := ParseData(m.Data, nil)
	if err != nil || m.PPID != PPID {
		return errors.Join(err, errors.New("bad message of the server"))
	}
	c.out = append(c.out, d)
	kind := "data"
	if d.IsEnd() {
		kind = "end"
	}
	c.order = append(c.order, kind)
	if c.hook != nil {
		c.hook(d)
	}
	return nil
}

func (c *caller) SaveCookie(_ context.Context, b []byte) error {
	cookie, err := ParseCookie(slices.Clone(b))
	c.cookies = append(c.cookies, cookie)
	c.order = append(c.order, "cookie")
	return err
}

func (c *caller) Close() error { return nil }

// points returns what came in, in order.
func (c *caller) points() []uint32 {
	var all []uint32
	for _, d := range c.out {
		all = append(all, d.Points...)
	}
	return all
}

func ask(p Parameter) pool.Message { return pool.Message{Data: p.Append(nil), PPID: PPID} }

// wide is an image of ten messages.
var wide = Parameter{Width: 90, Height: 36, MaxIterations: 50, Algorithm: Mandelbrot, C1: complex(-1.5, 1.5), C2: complex(1.5, -1.5), N: 2}

// serveUntilEnd runs one session until so many images have ended, and returns what
// the server said about it.
func serveUntilEnd(t *testing.T, s *Server, c *caller, images int) error {
	t.Helper()
	c.hook = func(d Data) {
		if d.IsEnd() {
			if images--; images == 0 {
				close(c.hangUp)
			}
		}
	}
	return serveOne(t, s, c)
}

// serveOne runs one session, and checks that it has left in the end.
func serveOne(t *testing.T, s *Server, c *caller) error {
	t.Helper()
	s.sessions.Enter()
	err := s.serve(t.Context(), c)
	if n := s.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions have not left", n)
	}
	return err
}

func TestServerComputesTheImage(t *testing.T) {
	want, err := Compute(t.Context(), wide)
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(ask(wide))
	if err := serveUntilEnd(t, NewServer(ServerConfig{Log: quiet}), c, 1); !errors.Is(err, pool.ErrLost) {
		t.Errorf("error %v, want that the user hung up", err)
	}
	if diff := cmp.Diff(want.Counts, c.points()); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	at := uint32(0)
	for i, d := range c.out[:len(c.out)-1] {
		if d.X != at%wide.Width || d.Y != at/wide.Width {
			t.Errorf("message %d begins at (%d, %d), want (%d, %d)", i, d.X, d.Y, at%wide.Width, at/wide.Width)
		}
		at += uint32(len(d.Points))
	}
}

func TestServerSavesItsState(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  ServerConfig
		want []string
	}{
		{
			"at the start and every 10 messages by default", ServerConfig{},
			[]string{"cookie", "data", "data", "data", "data", "data", "data", "data", "data", "data", "data", "cookie", "end"},
		},
		{
			"every 4 messages", ServerConfig{CookiePackets: 4},
			[]string{"cookie", "data", "data", "data", "data", "cookie", "data", "data", "data", "data", "cookie", "data", "data", "end"},
		},
		{
			// A message is as much as the element computes in 250 ms: 322 pixels.
			"every 0.9 s", ServerConfig{Capacity: 1290, CookieInterval: 900 * time.Millisecond, CookiePackets: 100},
			[]string{"cookie", "data", "data", "data", "data", "cookie", "data", "data", "data", "data", "cookie", "data", "data", "data", "end"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				tc.cfg.Log = quiet
				c := newCaller(ask(wide))
				err := serveUntilEnd(t, NewServer(tc.cfg), c, 1)
				if !errors.Is(err, pool.ErrLost) {
					t.Errorf("error %v, want that the user hung up", err)
				}
				if diff := cmp.Diff(tc.want, c.order); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(Cookie{Parameter: wide}, c.cookies[0]); diff != "" {
					t.Errorf("first cookie (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestServerResumesAtTheCookie(t *testing.T) {
	whole, err := Compute(t.Context(), wide)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		x, y uint32
	}{
		{"at the first pixel", 0, 0},
		{"within a line", 17, 20},
		{"at the last pixel", 89, 35},
		{"behind the last pixel of a line", 90, 3},
		{"behind the last pixel", 0, 36},
		{"behind the last pixel, written the other way", 90, 35},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCaller(pool.Message{Cookie: Cookie{Parameter: wide, X: tc.x, Y: tc.y}.Append(nil)})
			if err := serveUntilEnd(t, NewServer(ServerConfig{Log: quiet}), c, 1); !errors.Is(err, pool.ErrLost) {
				t.Errorf("error %v, want that the user hung up", err)
			}
			var want []uint32
			if from := tc.y*wide.Width + tc.x; from < uint32(len(whole.Counts)) {
				want = whole.Counts[from:]
			}
			if diff := cmp.Diff(want, c.points()); diff != "" {
				t.Errorf("pixels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerComputesOneImageAfterAnother(t *testing.T) {
	c := newCaller(ask(reference), ask(reference))
	if err := serveUntilEnd(t, NewServer(ServerConfig{Log: quiet}), c, 2); !errors.Is(err, pool.ErrLost) {
		t.Errorf("error %v, want that the user hung up", err)
	}
	if got, want := len(c.points()), 2*reference.Pixels(); got != want {
		t.Errorf("%d pixels, want %d", got, want)
	}
}

func TestServerEndsSessionsThatBreakTheProtocol(t *testing.T) {
	tooWide := reference
	tooWide.Width = MaxWidth + 1
	slow := ServerConfig{Capacity: 1, Log: quiet}
	for _, tc := range []struct {
		name     string
		requests []pool.Message
		want     string
	}{
		{"rubbish", []pool.Message{{Data: []byte("hello, world"), PPID: PPID}}, "length field"},
		{"another protocol", []pool.Message{{Data: reference.Append(nil), PPID: 33}}, "payload protocol 33"},
		{"data", []pool.Message{{Data: End().Append(nil), PPID: PPID}}, "want a request"},
		{"an image too large", []pool.Message{ask(tooWide)}, "width 65537"},
		{"a forged cookie", []pool.Message{{Cookie: []byte("<FG-TD1>")}}, "cookie of 8 bytes"},
		{"an empty cookie", []pool.Message{{Cookie: []byte{}}}, "cookie of 0 bytes"},
		{"requests on and on", slices.Repeat([]pool.Message{ask(wide)}, 3*maxWaiting), "more than 2 requests wait"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				err := serveOne(t, NewServer(slow), newCaller(tc.requests...))
				if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want ErrProtocol with %q", err, tc.want)
				}
			})
		})
	}
	t.Run("a cookie behind a request", func(t *testing.T) {
		c := newCaller(ask(reference))
		c.hook = func(d Data) {
			if d.IsEnd() {
				c.requests <- pool.Message{Cookie: Cookie{Parameter: reference}.Append(nil)}
			}
		}
		err := serveOne(t, NewServer(ServerConfig{Log: quiet}), c)
		if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "cookie behind a request") {
			t.Errorf("error %v, want ErrProtocol", err)
		}
	})
}

func TestServerStopsComputingWhenTheUserIsGone(t *testing.T) {
	endless := wide
	endless.Width, endless.Height, endless.MaxIterations = MaxWidth, MaxHeight, MaxIterations
	t.Run("during a computation", func(t *testing.T) {
		// Around the origin nothing escapes: this image takes about a year.
		p := endless
		p.C1, p.C2 = complex(-0.1, -0.1), complex(0.1, 0.1)
		c := newCaller(ask(p))
		c.hook = func(Data) { close(c.hangUp); c.hook = nil }
		if err := serveOne(t, NewServer(ServerConfig{Log: quiet}), c); !errors.Is(err, pool.ErrLost) {
			t.Errorf("error %v, want that the user hung up", err)
		}
	})
	t.Run("while it does not read", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			c := newCaller(ask(endless))
			c.stuck = true
			s := NewServer(ServerConfig{Log: quiet})
			time.AfterFunc(time.Hour, func() { close(c.hangUp) })
			if err := serveOne(t, s, c); !errors.Is(err, pool.ErrLost) {
				t.Errorf("error %v, want that the user hung up", err)
			}
			if n := s.Stats().Pixels; n != 0 {
				t.Errorf("%d pixels were computed ahead of a user that does not read", n)
			}
		})
	})
}

func TestServerRefusesFurtherSessions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var loads []rserpool.Load
		s := NewServer(ServerConfig{MaxSessions: 2, Log: quiet, Load: func(l rserpool.Load) { loads = append(loads, l) }})
		callers := []*caller{newCaller(), newCaller(), newCaller()}
		next := 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- s.serveAll(ctx, func(ctx context.Context) (serverSession, error) {
				if next == len(callers) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				c := callers[next]
				next++
				return c, nil
			})
		}()
		synctest.Wait()
		if diff := cmp.Diff(ServerStats{Sessions: 2, Refused: 1}, s.Stats()); diff != "" {
			t.Errorf("after three sessions (-want +got):\n%s", diff)
		}
		close(callers[0].hangUp)
		synctest.Wait()
		if diff := cmp.Diff([]rserpool.Load{rserpool.LoadOf(0.5), rserpool.LoadOf(1), rserpool.LoadOf(0.5)}, loads); diff != "" {
			t.Errorf("loads (-want +got):\n%s", diff)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("error %v, want none after the context's end", err)
		}
		if n := s.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func TestServerCountsOnlySessionsThatWaitForAnImage(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := NewServer(ServerConfig{MaxSessions: 1, Log: quiet})
		first := newCaller(ask(reference))
		ended := make(chan error)
		s.sessions.Enter()
		go func() { ended <- s.serve(t.Context(), first) }()
		synctest.Wait()
		if !s.sessions.Enter() {
			t.Error("another session is refused though the first one's image is finished")
		}
		// The place is taken now: the first session cannot have another image.
		first.requests <- ask(reference)
		if err := <-ended; err != nil {
			t.Errorf("error %v, want none", err)
		}
		s.sessions.Leave()
		if diff := cmp.Diff(ServerStats{Pixels: 200, Images: 1, Refused: 1}, s.Stats()); diff != "" {
			t.Errorf("statistics (-want +got):\n%s", diff)
		}
	})
}

func TestServerEndsIdleSessions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		began := time.Now()
		err := serveOne(t, NewServer(ServerConfig{IdleTimeout: time.Minute, Log: quiet}), newCaller())
		if err == nil || time.Since(began) != time.Minute {
			t.Errorf("error %v after %v, want one after a minute", err, time.Since(began))
		}
	})
}

func TestServerFinishesItsSessionsWhenTheListenerCloses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := newCaller(ask(wide))
		c.hook = func(d Data) {
			if d.IsEnd() {
				close(c.hangUp)
			}
		}
		accepted := false
		err := NewServer(ServerConfig{Capacity: 1000, Log: quiet}).serveAll(t.Context(), func(context.Context) (serverSession, error) {
			if accepted {
				return nil, pool.ErrClosed
			}
			accepted = true
			return c, nil
		})
		if !errors.Is(err, pool.ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
		if got := len(c.points()); got != wide.Pixels() {
			t.Errorf("%d pixels, want %d", got, wide.Pixels())
		}
	})
}

func BenchmarkServer(b *testing.B) {
	p := wide
	p.Width, p.Height = 640, 480
	s := NewServer(ServerConfig{Log: quiet})
	b.ReportAllocs()
	for b.Loop() {
		if err := s.compute(b.Context(), discard{}, Cookie{Parameter: p}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(p.Pixels())/b.Elapsed().Seconds(), "pixels/s")
}

// discard is a session with a user who does not look.
type discard struct{ serverSession }

func (discard) Send(context.Context, pool.Message) error { return nil }
func (discard) SaveCookie(context.Context, []byte) error { return nil }
