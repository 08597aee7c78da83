package calcapp

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/pool"
)

// element joins the pool, on a machine that may be killed.
func element(w *sessionstest.World, id rserpool.ElementID, cfg ServerConfig) (*Server, *memory.Host) {
	ln, at := w.Element(DefaultHandle, id, rserpool.LeastUsed)
	cfg.Load, cfg.Log = ln.SetLoad, sessionstest.Quiet
	s := NewServer(cfg)
	w.Serve(func(ctx context.Context) error { return s.Serve(ctx, ln) })
	return s, at
}

// strange joins the pool with another service.
func strange(w *sessionstest.World, id rserpool.ElementID, service services.Service) {
	ln, _ := w.Element(DefaultHandle, id, rserpool.LeastUsed)
	s := services.NewServer(services.Config{Service: service, Log: sessionstest.Quiet})
	w.Serve(func(ctx context.Context) error { return s.Serve(ctx, ln) })
}

// dialler makes sessions of one user.
func dialler(w *sessionstest.World) func(context.Context) (sessions.User, error) {
	cfg := w.User()
	return func(ctx context.Context) (sessions.User, error) { return pool.Dial(ctx, DefaultHandle, cfg) }
}

func TestJobOfAnElementThatDies(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		_, at := element(w, 1, ServerConfig{Capacity: 100, CookieInterval: time.Second})
		dial := dialler(w)
		go func() {
			time.Sleep(7500 * time.Millisecond)
			element(w, 2, ServerConfig{Capacity: 200})
			at.Kill()
		}()
		var job JobReport
		r, err := Use(t.Context(), UseConfig{
			Dial: dial, Count: 1, Interval: time.Second, Size: 1000, Fixed: true, Log: sessionstest.Quiet,
			Done: func(j JobReport) { job = j },
		})
		if err != nil {
			t.Fatal(err)
		}
		if job.Element != 2 || job.Resumed != 1 || job.Failovers.Count != 1 || r.Completed != 1 || r.Resumed != 1 {
			t.Errorf("job %+v\nreport %+v", job, r)
		}
		// The job comes after 1 s. Of its work, 600 of 1000 are in the cookie of 7 s, the loss
		// is seen at 8 s, and the rest takes the faster element 2 s.
		if d := job.Handling(); d < 9*time.Second || d > 9200*time.Millisecond {
			t.Errorf("handled in %v, want 9 s: nothing that was saved is done again", d)
		}
	})
}

func TestElementThatLeavesSavesWhatIsDone(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		ln, _ := w.Element(DefaultHandle, 1, rserpool.LeastUsed)
		first := NewServer(ServerConfig{Capacity: 100, CookieInterval: time.Hour, CookieCalculations: 1e9, Log: sessionstest.Quiet})
		dial := dialler(w)
		ctx, leave := context.WithTimeout(t.Context(), 5*time.Second)
		defer leave()
		w.Serve(func(context.Context) error { return first.Serve(ctx, ln) })
		go func() {
			time.Sleep(4 * time.Second)
			element(w, 2, ServerConfig{Capacity: 100})
		}()
		var job JobReport
		_, err := Use(t.Context(), UseConfig{
			Dial: dial, Count: 1, Interval: time.Second, Size: 1000, Fixed: true, Log: sessionstest.Quiet,
			Done: func(j JobReport) { job = j },
		})
		if err != nil || job.Resumed != 1 || job.Element != 2 {
			t.Fatalf("job %+v, error %v", job, err)
		}
		if d := job.Handling(); d < 10*time.Second || d > 10500*time.Millisecond {
			t.Errorf("handled in %v, want 10 s: nothing is done twice", d)
		}
	})
}

func TestUnequalElementsGetTheirShare(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		var servers []*Server
		for id := rserpool.ElementID(1); id <= 3; id++ {
			s, _ := element(w, id, ServerConfig{Capacity: 1000 * float64(id), MaxJobs: 2 * int(id)})
			servers = append(servers, s)
		}
		r, err := Use(t.Context(), UseConfig{
			Dial: dialler(w), Count: 300, Interval: 200 * time.Millisecond, Size: 1000, Parallel: 12,
			Rand: rand.New(rand.NewPCG(1, 2)), Log: sessionstest.Quiet,
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Queued != 300 || r.Completed != 300 || r.SizeQueued != r.SizeCompleted || len(r.Elements) != 3 {
			t.Errorf("report %+v", r)
		}
		if !(r.Elements[0].Size < r.Elements[1].Size && r.Elements[1].Size < r.Elements[2].Size) {
			t.Errorf("elements %+v: want the faster ones to do more", r.Elements)
		}
		if r.Handling != r.Queuing+r.Startup+r.Processing || r.HandlingSpeed > r.ProcessingSpeed || r.HandlingSpeed <= 0 {
			t.Errorf("report %+v: the times do not fit", r)
		}
		sum := 0.0
		for i, s := range servers {
			stats := s.Stats()
			sum += stats.Calculations
			if stats.Utilisation <= 0.2 || stats.Utilisation > 1.0001 {
				t.Errorf("element %d: %+v", i+1, stats)
			}
		}
		if sum < 0.999*r.SizeCompleted || sum > 1.001*r.SizeCompleted {
			t.Errorf("the elements have done %v, the user got %v", sum, r.SizeCompleted)
		}
	})
}

func TestJobsThatWait(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(w, 1, ServerConfig{Capacity: 100})
		var jobs []JobReport
		r, err := Use(t.Context(), UseConfig{
			Dial: dialler(w), Duration: 10*time.Second + 1, Interval: 2 * time.Second, Size: 400, Fixed: true, Log: sessionstest.Quiet,
			Done: func(j JobReport) { jobs = append(jobs, j) },
		})
		if err != nil || r.Queued != 5 || r.Completed != 5 {
			t.Fatalf("report %+v, error %v", r, err)
		}
		// Each takes 4 s and comes 2 s after the last one.
		for i, j := range jobs {
			if want := time.Duration(i) * 2 * time.Second; j.Queuing < want || j.Queuing > want+200*time.Millisecond || j.Waiting != i/2 {
				t.Errorf("job %+v: want it to wait %v behind %d", j, want, i/2)
			}
		}
	})
}

func TestRejectedJobsFindAnotherElement(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(w, 1, ServerConfig{Capacity: 100, MaxJobs: 1})
		element(w, 2, ServerConfig{Capacity: 100, MaxJobs: 1})
		r, err := Use(t.Context(), UseConfig{
			Dial: dialler(w), Count: 6, Interval: time.Millisecond, Size: 300, Fixed: true, Parallel: 3, Log: sessionstest.Quiet,
		})
		if err != nil || r.Completed != 6 || r.Rejects == 0 || r.Failed != 0 {
			t.Errorf("report %+v, error %v", r, err)
		}
	})
}

func TestElementThatSaysNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		service services.Service
	}{
		{"to_the_request", services.Discard},
		{"to_keep_alives", func(ctx context.Context, s services.Session) error {
			if err := s.Send(ctx, pool.Message{Data: Message{Type: Accept, Job: 1}.Append(nil), PPID: PPID}); err != nil {
				return err
			}
			return services.Discard(ctx, s)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				strange(w, 1, tt.service)
				dial := dialler(w)
				go func() {
					time.Sleep(1500 * time.Millisecond)
					element(w, 2, ServerConfig{Capacity: 100})
				}()
				r, err := Use(t.Context(), UseConfig{Dial: dial, Count: 1, Interval: time.Second, Size: 100, Fixed: true, Log: sessionstest.Quiet})
				if err != nil || r.Completed != 1 || r.Silences != 1 || r.Failovers.Count != 1 {
					t.Errorf("report %+v, error %v", r, err)
				}
			})
		})
	}
}

func TestElementsThatBreakTheProtocol(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer pool.Message
		want   string
	}{
		{"another_protocol", pool.Message{Data: []byte("x"), PPID: 1}, "payload protocol 1"},
		{"another_job", pool.Message{Data: Message{Type: Accept, Job: 9}.Append(nil), PPID: PPID}, "accept of job 9"},
		{"a_request", pool.Message{Data: Message{Type: Request, Job: 1}.Append(nil), PPID: PPID}, "request from an element"},
		{"completion_at_once", pool.Message{Data: Message{Type: Complete, Job: 1}.Append(nil), PPID: PPID}, "was not accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				strange(w, 1, func(ctx context.Context, s services.Session) error {
					_ = s.Send(ctx, tt.answer)
					return services.Discard(ctx, s)
				})
				r, err := Use(t.Context(), UseConfig{Dial: dialler(w), Count: 1, Interval: time.Second, Size: 100, Fixed: true, Attempts: 2, Log: sessionstest.Quiet})
				if !errors.Is(err, services.ErrProtocol) || !strings.Contains(err.Error(), tt.want) || r.Failed != 1 {
					t.Errorf("report %+v, error %v; want %q", r, err, tt.want)
				}
			})
		})
	}
}

func TestUsersThatBreakTheProtocolAreLeft(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    pool.Message
	}{
		{"another_protocol", pool.Message{Data: Message{Type: Request, Job: 1}.Append(nil), PPID: 33}},
		{"half_a_message", pool.Message{Data: []byte{1, 0, 0, 24}, PPID: PPID}},
		{"an_answer", pool.Message{Data: Message{Type: Complete, Job: 1}.Append(nil), PPID: PPID}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
				element(w, 1, ServerConfig{})
				cfg := w.User()
				cfg.NoFailover = true
				s, err := pool.Dial(t.Context(), DefaultHandle, cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if err := s.Send(t.Context(), tt.m); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if _, err := s.Recv(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("received %v, want the end of the session", err)
				}
			})
		})
	}
}

func TestIdleSessionsAreEnded(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		server, _ := element(w, 1, ServerConfig{IdleTimeout: 3 * time.Second, Capacity: 10, KeepAliveInterval: time.Hour})
		cfg := w.User()
		cfg.NoFailover = true
		s, err := pool.Dial(t.Context(), DefaultHandle, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Send(t.Context(), pool.Message{Data: Message{Type: Request, Job: 1, Size: 100}.Append(nil), PPID: PPID}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var types []Type
		for {
			m, err := s.Recv(t.Context())
			if err != nil {
				break
			}
			got, err := Parse(m.Data)
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, got.Type)
		}
		if d := time.Since(began); d < 12*time.Second || d > 16*time.Second {
			t.Errorf("ended after %v, want 10 s of work and 3 s of idleness", d)
		}
		if diff := cmp.Diff([]Type{Accept, Complete}, types); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		if stats := server.Stats(); stats.Completed != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestUseEndsWithItsContext(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T, w *sessionstest.World) {
		element(w, 1, ServerConfig{Capacity: 100})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := Use(ctx, UseConfig{Dial: dialler(w), Interval: time.Second, Size: 300, Fixed: true, Log: sessionstest.Quiet})
		if err != nil || r.Completed != 2 || r.Queued != 3 || r.Failed != 0 {
			t.Errorf("report %+v, error %v", r, err)
		}
	})
}
