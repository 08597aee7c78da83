package plugins

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReloadTakesOverWithoutAGap replaces a plugin under load.
func TestReloadTakesOverWithoutAGap(t *testing.T) {
	cfg := self(t, "version 1.0.0")
	p := up(t, cfg)
	loads := make([]float64, 1000)
	for i := range loads {
		loads[i] = 0.5 + float64(i)/10_000
	}
	w := open(t, p, "least", nil, loads...)
	eventually(t, "all ranks", w.ranked(len(loads)))
	first := pid(t, p)

	stop, gaps := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				gaps <- n
				return
			default:
			}
			if !w.is(true)() || w.pick(1)[0] != 1 {
				n++
			}
			w.add(100+i%900, 0.6, 0) // changes go on
		}
	}()
	cfg.Env["BEHAVIOUR"] = "version 2.0.0"
	err := p.Reload(context.Background(), cfg)
	close(stop)
	if n := <-gaps; err != nil || n > 0 {
		t.Fatalf("%v; %d picks went wrong", err, n)
	}
	s := p.Status()
	if s.Version != "2.0.0" || s.PID == first || s.State != "running" || s.Restarts != 0 {
		t.Errorf("status %+v", s)
	}
	if err := syscall.Kill(first, 0); err != syscall.ESRCH {
		t.Errorf("the old process: %v", err)
	}
	w.add(2000, 0.1, 0)
	eventually(t, "ranks of the new one", func() bool { return w.order()[0] == 2000 })

	second := pid(t, p)
	_ = syscall.Kill(second, syscall.SIGKILL) // who supervises the new one?
	eventually(t, "another process", running(p, second))
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	for _, tc := range []struct{ name, behaviour, want string }{
		{"it does not start", "exit", "exit status 3"},
		{"it has not the policy", "raw", `has no policy "least"`},
		{"the policy has another order", "pace", "is rank by pace instead of rank by key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := self(t, "well")
			p := up(t, cfg)
			w := open(t, p, "least", nil, 0.5, 0.1)
			eventually(t, "all ranks", w.ranked(2))
			first := pid(t, p)
			cfg.Env = map[string]string{"BEHAVIOUR": tc.behaviour}
			if err := p.Reload(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if !running(p, 0)() || pid(t, p) != first || !w.is(true)() {
				t.Errorf("status %+v", p.Status())
			}
			w.add(3, 0, 0)
			eventually(t, "ranks of the old one", func() bool { return slices.Equal(w.order(), []uint32{3, 2, 1}) })
		})
	}
	t.Run("it ranks nobody", func(t *testing.T) {
		cfg := self(t, "raw")
		p := up(t, cfg)
		w := open(t, p, "raw", nil, 0.5, 0.1)
		eventually(t, "all ranks", w.ranked(2))
		cfg.Env = map[string]string{"BEHAVIOUR": "no-ranks"}
		cfg.StartTimeout = 500 * time.Millisecond
		err := p.Reload(context.Background(), cfg)
		if err == nil || !strings.Contains(err.Error(), "has not ranked pool EchoPool") {
			t.Errorf("got %v", err)
		}
		if !w.is(true)() || len(p.Status().Pools) != 1 {
			t.Errorf("status %+v", p.Status())
		}
		w.pool.mu.Lock()
		defer w.pool.mu.Unlock()
		if w.pool.active == nil || w.pool.links[1-w.pool.active.slot] != nil {
			t.Errorf("links %v, active %v", w.pool.links, w.pool.active)
		}
	})
}

func TestReloadWithQueues(t *testing.T) {
	cfg := self(t, "well")
	p := up(t, cfg)
	w := open(t, p, "in-turn", nil, 0, 0, 0)
	d := open(t, p, "first", nil, 0, 0, 0)
	e := open(t, p, "least", nil) // nobody in it
	eventually(t, "a queue", w.is(true))
	if err := p.Reload(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if len(w.pick(100)) != 100 || !w.is(true)() {
		t.Errorf("status %+v", p.Status())
	}
	eventually(t, "answers", d.is(true))
	e.add(1, 0, 0)
	eventually(t, "ranks", e.is(true))
}

func TestReloadAfterClose(t *testing.T) {
	cfg := self(t, "well")
	p := up(t, cfg)
	_ = p.Close()
	if err := p.Reload(context.Background(), cfg); err != ErrClosed {
		t.Error(err)
	}
	cfg.Name = "other"
	if err := p.Reload(context.Background(), cfg); err == nil {
		t.Error("it became another")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
