package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/memory"
)

// numbers returns the identifiers of elements.
func numbers(es []rserpool.Element) (ids []rserpool.ElementID) {
	for _, e := range es {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestResolve(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for id := range rserpool.ElementID(5) {
			w.echo(id + 1)
		}
		h := w.host()
		for _, test := range []struct {
			name   string
			handle rserpool.Handle
			items  uint32
			want   int
			err    error
		}{
			{"one", testPool, 1, 1, nil},
			{"the registrar's choice", testPool, 0, 3, nil},
			{"all", testPool, AllElements, 5, nil},
			{"unknown pool", "Nowhere", 1, 0, ErrNoElement},
			{"empty handle", "", 1, 0, rserpool.ErrHandle},
		} {
			r, err := Resolve(t.Context(), h, test.handle, test.items)
			if !errors.Is(err, test.err) || len(r.Elements) != test.want {
				t.Errorf("%s: %d elements, %v", test.name, len(r.Elements), err)
			}
			if err == nil && r.Policy.Type != rserpool.RoundRobin {
				t.Errorf("%s: policy %v", test.name, r.Policy)
			}
		}
		// The registrar selects for each request: round robin serves all alike.
		by := map[rserpool.ElementID]int{}
		for range 50 {
			r, err := Resolve(t.Context(), h, testPool, 1)
			if err != nil {
				t.Fatal(err)
			}
			by[r.Elements[0].ID]++
		}
		if diff := cmp.Diff(map[rserpool.ElementID]int{1: 10, 2: 10, 3: 10, 4: 10, 5: 10}, by); diff != "" {
			t.Errorf("selections (-want +got):\n%s", diff)
		}
	})
}

func TestResolveHonoursItsContextAndItsHost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		w.net.Partition([]*memory.Host{w.registrar}, []*memory.Host{h.door.(*memory.Host)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Resolve(ctx, h, testPool, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("resolve: %v", err)
		}
		begin := time.Now()
		if _, err := Resolve(t.Context(), h, testPool, 1); !errors.Is(err, ErrNoRegistrar) || time.Since(begin) != 9*time.Second {
			t.Errorf("resolve after %v: %v", time.Since(begin), err)
		}
		failed := make(chan error)
		go func() {
			_, err := Resolve(t.Context(), h, testPool, 1)
			failed <- err
		}()
		time.Sleep(time.Second)
		h.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("resolve: %v", err)
		}
		if _, err := Resolve(t.Context(), h, testPool, 1); !errors.Is(err, ErrClosed) {
			t.Errorf("resolve after Close: %v", err)
		}
	})
}

func TestSessionsOutliveTheRegistrar(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		w.echo(1)
		s := w.dial(&UserConfig{Host: h})
		ask(t, s, "x")
		w.registrar.Restart()
		w.stopRegistrar()
		w.startRegistrar()
		// A request that is asked meanwhile is answered by the new one; its
		// element has registered again by then.
		time.Sleep(3 * time.Second)
		r, err := Resolve(t.Context(), h, testPool, 1)
		if err != nil || len(r.Elements) != 1 {
			t.Errorf("resolve: %v, %v", r, err)
		}
		// Sessions do not notice.
		if got, _ := ask(t, s, "y"); got != "1 2 y" {
			t.Errorf("answer %q", got)
		}
	})
}

func TestWatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		ctx, cancel := context.WithCancel(t.Context())
		type state struct {
			At      time.Duration
			IDs     []rserpool.ElementID
			Pushed  bool
			Unknown bool
		}
		begin := time.Now()
		states := make(chan []state)
		go func() {
			var seen []state
			for r, err := range Watch(ctx, h, testPool) {
				seen = append(seen, state{time.Since(begin).Truncate(time.Second), numbers(r.Elements), r.Pushed, errors.Is(err, ErrNoElement)})
			}
			states <- seen
		}()
		time.Sleep(time.Second)
		a := w.echo(1)
		time.Sleep(9 * time.Second)
		w.echo(2)
		time.Sleep(10 * time.Second)
		a.close()
		time.Sleep(10 * time.Second)
		cancel()
		want := []state{
			{0, nil, false, true},
			{5 * time.Second, []rserpool.ElementID{1}, true, false},
			{10 * time.Second, []rserpool.ElementID{1, 2}, true, false},
			{20 * time.Second, []rserpool.ElementID{2}, true, false},
		}
		if diff := cmp.Diff(want, <-states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestReportRemovesAnElement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.echo(1)
		w.echo(2)
		h := w.host()
		for i := range 4 {
			if err := Report(h, testPool, 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			r, err := Resolve(t.Context(), h, testPool, AllElements)
			if err != nil {
				t.Fatal(err)
			}
			// MAX-BAD-PE-REPORT is 3: the fourth report is one too many.
			if want := i < 3; slices.Contains(numbers(r.Elements), 1) != want {
				t.Errorf("after %d reports: %v", i+1, numbers(r.Elements))
			}
			time.Sleep(5 * time.Second)
		}
		if err := Report(h, "", 1); !errors.Is(err, rserpool.ErrHandle) {
			t.Errorf("report: %v", err)
		}
	})
}

// Sessions that lose an element at the same time cause one report, so they do not
// remove an element that answers the registrar.
func TestManySessionsReportOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		w.echo(1)
		var sessions []*Session
		for range 20 {
			sessions = append(sessions, w.dial(&UserConfig{Host: h}))
		}
		w.echo(2)
		for _, s := range sessions {
			s.ForceFailover("all at once", true)
		}
		for _, s := range sessions {
			if _, moved := hear(t, s); moved == nil || moved.To != 2 {
				t.Errorf("notice: %+v", moved)
			}
		}
		r, err := Resolve(t.Context(), h, testPool, AllElements)
		if err != nil || len(r.Elements) != 2 {
			t.Errorf("elements %v, %v", numbers(r.Elements), err)
		}
	})
}

func TestCachedSessionsAskTheRegistrarOnce(t *testing.T) {
	tests := []struct {
		name      string
		subscribe bool
	}{{"cached", false}, {"subscribed", true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				for id := range rserpool.ElementID(3) {
					w.echo(id + 1)
				}
				h := w.host()
				by := map[rserpool.ElementID]int{}
				for range 30 {
					s := w.dial(&UserConfig{Host: h, CacheTime: time.Minute, Subscribe: test.subscribe})
					by[s.Element()]++
				}
				if diff := cmp.Diff(map[rserpool.ElementID]int{1: 10, 2: 10, 3: 10}, by); diff != "" {
					t.Errorf("sessions (-want +got):\n%s", diff)
				}
				h.mu.Lock()
				st := h.resolver.machine.Stats()
				h.mu.Unlock()
				if st.Requests != 1 || st.CacheHits != 29 {
					t.Errorf("%d requests, %d served from the cache", st.Requests, st.CacheHits)
				}
			})
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.host()
		_, err := Dial(t.Context(), "Nowhere", &UserConfig{Host: h})
		want := `dial "Nowhere": no element can be reached: start one, or check the handle (the registrar says: unknown pool handle)`
		if fmt.Sprint(err) != want {
			t.Errorf("error %q, want %q", err, want)
		}
		w.net.Partition([]*memory.Host{w.registrar}, []*memory.Host{h.door.(*memory.Host)})
		time.Sleep(3 * time.Second)
		_, err = Resolve(t.Context(), h, testPool, 1)
		if !strings.HasPrefix(fmt.Sprint(err), `resolve "EchoPool": no registrar answered: start one, or name one in Registrars (`) {
			t.Errorf("error %q", err)
		}
	})
}
