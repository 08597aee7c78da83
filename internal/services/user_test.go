package services

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/pool"
)

const handle = "TestPool"

// element serves in a world, on a machine that may be killed.
func element(t *testing.T, w *sessionstest.World, id rserpool.ElementID, service Service) *memory.Host {
	t.Helper()
	ln, at := w.Element(handle, id, rserpool.LeastUsed)
	s := NewServer(Config{Service: service, Load: ln.SetLoad, Log: sessionstest.Quiet})
	w.Serve(func(ctx context.Context) error { return s.Serve(ctx, ln) })
	return at
}

func TestEchoSurvivesItsElement(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		machines := map[rserpool.ElementID]*memory.Host{1: element(t, w, 1, Echo), 2: element(t, w, 2, Echo)}
		s := w.Dial(handle)
		var numbers []uint64
		var moved []*pool.Failover
		first := s.Element()
		r, err := UseEcho(t.Context(), s, AskConfig{
			Count: 20, Interval: 100 * time.Millisecond, Size: 500,
			Replied: func(r Reply) {
				numbers = append(numbers, r.Number)
				if r.Number == 10 {
					machines[first].Kill()
				}
				if r.Bytes != 500 || (r.Element == first) != (r.Number <= 10) {
					t.Errorf("reply %+v, the first element is %s", r, first)
				}
			},
			Moved: func(f *pool.Failover) { moved = append(moved, f) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(numbers) != 20 || len(moved) != 1 || moved[0].From != first {
			t.Errorf("replies to %v, failovers %v; want 20 and one", numbers, moved)
		}
		if r.Asked != 20 || r.Answered != 20 || r.Trips.Count != 20 || r.Failovers.Count != 1 {
			t.Errorf("report %+v", r)
		}
		if r.Trips.Least != 2*time.Millisecond || r.Trips.Most < 400*time.Millisecond || r.Trips.Most > 2*time.Second {
			t.Errorf("trips %+v: want 2ms, and about half a second for the one that found the dead element", r.Trips)
		}
	})
}

func TestEchoLeavesAnElementThatIsSilent(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(t, w, 1, Discard)
		s := w.Dial(handle)
		element(t, w, 2, Echo)
		r, err := UseEcho(t.Context(), s, AskConfig{Count: 3, Patience: time.Second})
		if err != nil || r.Answered != 3 || s.Element() != 2 {
			t.Errorf("report %+v from element %s, error %v", r, s.Element(), err)
		}
	})
}

func TestEchoGivesUpWhereNobodyAnswers(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		for id := rserpool.ElementID(1); id <= 8; id++ {
			element(t, w, id, Discard)
		}
		r, err := UseEcho(t.Context(), w.Dial(handle), AskConfig{Count: 1, Patience: time.Second})
		if !errors.Is(err, context.DeadlineExceeded) || r.Asked != 1 || r.Answered != 0 || r.Failovers.Count != 4 {
			t.Errorf("report %+v, error %v", r, err)
		}
	})
}

func TestEchoEndsWithItsContext(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(t, w, 1, Echo)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		r, err := UseEcho(ctx, w.Dial(handle), AskConfig{Interval: time.Second})
		if err != nil || r.Asked != 10 || r.Answered != 10 {
			t.Errorf("report %+v, error %v", r, err)
		}
	})
}

func TestDaytimeOfAnElementThatEndsTheSession(t *testing.T) {
	deployed := func(ctx context.Context, s Session) error {
		return s.Send(ctx, pool.Message{Data: []byte("Saturday, 01-January-2000 00:00:00.000000\n")})
	}
	for _, tt := range []struct {
		name    string
		service Service
		want    string
	}{
		{"ours_stays", Daytime, "2000-01-01T00:00:00Z"},
		{"the_deployed_one_leaves", deployed, "Saturday, 01-January-2000 00:00:00.000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				element(t, w, 7, tt.service)
				r, err := UseDaytime(t.Context(), w.Dial(handle))
				if err != nil || r.Text != tt.want || r.Element != 7 {
					t.Errorf("reply %+v, error %v; want %q", r, err, tt.want)
				}
			})
		})
	}
}

func TestDiscardCountsWhatItSends(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		var received atomic.Uint64
		slow := func(ctx context.Context, s Session) error {
			for {
				m, err := s.Recv(ctx)
				if err != nil {
					return err
				}
				received.Add(uint64(len(m.Data)))
				_ = sessions.Wait(ctx, time.Millisecond) // so that virtual time passes
			}
		}
		at := element(t, w, 1, slow)
		s := w.Dial(handle)
		element(t, w, 2, slow)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go func() {
			_ = sessions.Wait(ctx, 3*time.Second)
			at.Kill()
		}()
		told := 0
		r, err := UseDiscard(ctx, s, 100, func(FlowReport) { told++ })
		if err != nil || r.Bytes != 100*r.Messages || r.Failovers.Count != 1 || told < 2 {
			t.Errorf("report %+v, told %d times, error %v", r, told, err)
		}
		if n := received.Load(); n < 100*2000 || n > r.Bytes {
			t.Errorf("%d bytes received, %d sent", n, r.Bytes)
		}
	})
}

func TestChargenTakesEnough(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(t, w, 1, Chargen)
		var b bytes.Buffer
		r, err := UseChargen(t.Context(), w.Dial(handle), 740, &b, nil)
		if err != nil || r.Bytes != 740 {
			t.Errorf("report %+v, error %v", r, err)
		}
		if diff := cmp.Diff(string(lines(0, 10)), b.String()); diff != "" {
			t.Errorf("characters (-want +got):\n%s", diff)
		}
	})
}

func TestChargenThatCannotBeWritten(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(t, w, 1, Chargen)
		from, to := io.Pipe()
		_ = from.CloseWithError(errFull)
		if _, err := UseChargen(t.Context(), w.Dial(handle), 0, to, nil); !errors.Is(err, errFull) {
			t.Errorf("error %v, want %v", err, errFull)
		}
	})
}

func TestFlowOfAPoolThatDies(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		at := element(t, w, 1, Discard)
		cfg := w.User()
		cfg.FailoverTimeout = time.Second
		s, err := pool.Dial(t.Context(), handle, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		at.Kill()
		time.Sleep(10 * time.Second) // until the failover has failed
		if _, err := UseDiscard(t.Context(), s, 100, nil); !errors.Is(err, pool.ErrNoElement) {
			t.Errorf("error %v, want that there is no element", err)
		}
	})
}
