package pool

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
)

func TestTimesOfAnElement(t *testing.T) {
	type times struct{ Life, Reregister time.Duration }
	for _, tt := range []struct {
		name     string
		dialect  rserpool.Dialect
		in, want times
	}{
		{"deployed", rserpool.Deployed, times{}, times{90 * time.Second, 30 * time.Second}},
		{"deployed, T4 given", rserpool.Deployed, times{0, time.Minute}, times{3 * time.Minute, time.Minute}},
		{"deployed, life given", rserpool.Deployed, times{time.Minute, 0}, times{time.Minute, 40 * time.Second}},
		{"short life", rserpool.Deployed, times{21 * time.Second, 0}, times{21 * time.Second, 7 * time.Second}},
		{"long life", rserpool.Deployed, times{time.Hour, 0}, times{time.Hour, 10 * time.Minute}},
		{"rfc", rserpool.RFC, times{}, times{15 * time.Minute, 10 * time.Minute}},
		{"rfc, T4 given", rserpool.RFC, times{0, time.Hour}, times{90 * time.Minute, time.Hour}},
		{"both given", rserpool.RFC, times{time.Minute, time.Second}, times{time.Minute, time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ElementConfig{Life: tt.in.Life, Reregister: tt.in.Reregister}
			c.setTimes(tt.dialect)
			if diff := cmp.Diff(tt.want, times{c.Life, c.Reregister}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if c.RegisterTimeout != 30*time.Second || c.DeregisterTimeout != 30*time.Second || c.LoadInterval != 100*time.Millisecond {
				t.Errorf("timers %v, %v, %v", c.RegisterTimeout, c.DeregisterTimeout, c.LoadInterval)
			}
		})
	}
}

func TestHostClosesItsElements(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		other, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{ID: 17})
		accepted := make(chan error, 1)
		go func() {
			_, err := l.Accept(context.Background())
			accepted <- err
		}()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := <-accepted; !errors.Is(err, ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
		if got := elementsOf(t, other, "EchoPool"); len(got) != 0 {
			t.Errorf("pool has %v after the host's Close", got)
		}
		if _, err := Listen(context.Background(), "EchoPool", &ElementConfig{Host: h}); err == nil {
			t.Error("a closed host has elements")
		}
	})
}

func TestHostCloseEndsListen(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		h, _ := s.host(registrarAt) // there is none
		failed := make(chan error, 1)
		go func() {
			_, err := Listen(context.Background(), "EchoPool", &ElementConfig{Host: h})
			failed <- err
		}()
		time.Sleep(time.Minute)
		start := time.Now()
		h.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("Listen: %v", err)
		}
		if d := time.Since(start); d > closeTime {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestRegistrarThatForgets lets a registrar come back at the same address without
// its memory: elements are there again soon.
func TestRegistrarThatForgets(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		at, stop := s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{ID: 17})
		at.Restart()
		stop()
		p := s.peer(at, 3863, accepts)
		time.Sleep(15 * time.Second)
		if !l.Status().Registered {
			t.Errorf("status %+v", l.Status())
		}
		if got := p.take(); len(got) == 0 {
			t.Error("nobody registers")
		}
	})
}
