package fractal

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
	"github.com/rspool/rspool/internal/transport/memory"
)

// world is a network in memory with a registrar and elements of this service.
type world struct {
	*sessionstest.World
	t        *testing.T
	machines map[rserpool.ElementID]*memory.Host
}

// inWorld runs f in virtual time and sees to it that nothing is left behind.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		f(&world{World: w, t: t, machines: map[rserpool.ElementID]*memory.Host{}})
	})
}

// element starts an element.
func (w *world) element(id rserpool.ElementID, cfg ServerConfig) *Server {
	w.t.Helper()
	ln, at := w.Element(DefaultHandle, id, rserpool.LeastUsed)
	w.machines[id] = at
	cfg.Log = quiet
	cfg.Load = ln.SetLoad
	s := NewServer(cfg)
	w.Serve(func(ctx context.Context) error { return s.Serve(ctx, ln) })
	return s
}

// render computes the view with the pool, and calls each now and then.
func (w *world) render(v *View, cfg RenderConfig, each func(Progress)) (*Image, Report) {
	w.t.Helper()
	cfg.User, cfg.Log = w.User(), quiet
	r := NewRender(v, cfg)
	type outcome struct {
		m      *Image
		report Report
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		m, report, err := r.Run(w.t.Context())
		done <- outcome{m, report, err}
	}()
	for {
		select {
		case o := <-done:
			if o.err != nil {
				w.t.Fatal(o.err)
			}
			return o.m, o.report
		case <-time.After(10 * time.Millisecond):
			each(r.Progress())
		}
	}
}

func testView(t *testing.T) (*View, []uint32) {
	t.Helper()
	v, err := NewView(Parameter{Width: 160, Height: 120, MaxIterations: 100, Algorithm: Mandelbrot, C1: complex(2.25, -1.2), C2: complex(-0.95, 1.2)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compute(t.Context(), v.Parameter())
	if err != nil {
		t.Fatal(err)
	}
	return v, m.Counts
}

func TestImageSurvivesItsElements(t *testing.T) {
	v, want := testView(t)
	inWorld(t, func(w *world) {
		for id := rserpool.ElementID(1); id <= 4; id++ {
			w.element(id, ServerConfig{Capacity: 500 * float64(id), MaxSessions: 2 * int(id), CookiePackets: 2})
		}
		killed := 0
		m, report := w.render(v, RenderConfig{TileSize: 40, Parallel: 4}, func(p Progress) {
			if p.Pixels < p.Total*(killed+1)/3 || killed == 2 {
				return
			}
			for _, e := range p.Elements {
				if at := w.machines[e.Element]; e.Working > 0 && at != nil {
					at.Kill()
					delete(w.machines, e.Element)
					killed++
					return
				}
			}
		})
		if diff := cmp.Diff(want, m.Counts); diff != "" {
			t.Errorf("the image differs from the local one (-want +got):\n%s", diff)
		}
		tiles, pixels, failovers := 0, 0, 0
		for _, e := range report.Elements {
			tiles, pixels, failovers = tiles+e.Tiles, pixels+e.Pixels, failovers+e.Failovers
		}
		if tiles != 12 || pixels != v.Parameter().Pixels() {
			t.Errorf("%d tiles and %d pixels are accounted for, want 12 and %d", tiles, pixels, v.Parameter().Pixels())
		}
		if killed != 2 || failovers < 2 || failovers != len(report.Failovers) {
			t.Errorf("%d elements killed, %d failovers counted, %d described; want 2 elements killed and a failover each", killed, failovers, len(report.Failovers))
		}
		for _, f := range report.Failovers {
			// Detection takes 500 ms; a message of the slowest element takes 648.
			if !f.Resumed || f.Interruption > 3*time.Second || f.Interruption < 500*time.Millisecond {
				t.Errorf("failover %+v: want it resumed, after the detection and soon", f)
			}
			// Two messages between cookies, and one more on its way.
			if f.Lost > 3*MaxPoints {
				t.Errorf("%d pixels were lost in one failover, want %d at most", f.Lost, 3*MaxPoints)
			}
		}
	})
}

func TestCapacityDecidesTheShare(t *testing.T) {
	v, want := testView(t)
	inWorld(t, func(w *world) {
		for id := rserpool.ElementID(1); id <= 3; id++ {
			w.element(id, ServerConfig{Capacity: 1000 * float64(id), MaxSessions: 6 * int(id)})
		}
		m, report := w.render(v, RenderConfig{TileSize: 16, Parallel: 6}, func(Progress) {})
		if diff := cmp.Diff(want, m.Counts); diff != "" {
			t.Errorf("the image differs from the local one (-want +got):\n%s", diff)
		}
		for i, e := range report.Elements {
			if fair := float64(i+1) / 6; e.Share < fair-0.08 || e.Share > fair+0.08 {
				t.Errorf("element %v has a share of %.2f, want about %.2f", e.Element, e.Share, fair)
			}
		}
		if report.Lost != 0 || len(report.Failovers) != 0 {
			t.Errorf("%d failovers and %d lost pixels, want none", len(report.Failovers), report.Lost)
		}
	})
}

func TestUserFindsAnotherElementWhereItIsRefused(t *testing.T) {
	v, want := testView(t)
	inWorld(t, func(w *world) {
		first := w.element(1, ServerConfig{Capacity: 4000, MaxSessions: 1})
		w.element(2, ServerConfig{Capacity: 4000, MaxSessions: 1})
		m, report := w.render(v, RenderConfig{TileSize: 60, Parallel: 3}, func(Progress) {})
		if diff := cmp.Diff(want, m.Counts); diff != "" {
			t.Errorf("the image differs from the local one (-want +got):\n%s", diff)
		}
		if report.Retries != 0 {
			t.Errorf("%d tiles were begun again, want none: a refused session moves on", report.Retries)
		}
		if first.Stats().Sessions != 0 {
			t.Errorf("%d sessions are left", first.Stats().Sessions)
		}
	})
}

func TestWholeImageInOneSession(t *testing.T) {
	v, want := testView(t)
	inWorld(t, func(w *world) {
		w.element(1, ServerConfig{Capacity: 10000})
		m, report := w.render(v, RenderConfig{TileSize: -1, Elements: []rserpool.ElementID{7}}, func(Progress) {})
		if diff := cmp.Diff(want, m.Counts); diff != "" {
			t.Errorf("the image differs from the local one (-want +got):\n%s", diff)
		}
		idle := ElementReport{Element: 7}
		if report.Tiles != 1 || len(report.Elements) != 2 || report.Elements[1] != idle {
			t.Errorf("got %+v, want one tile, and an idle element in the report", report)
		}
	})
}
