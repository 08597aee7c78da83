package pool

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
)

// TestThousandElements lets a thousand elements of one process register, stay for
// five minutes of keep-alives and leave.
func TestThousandElements(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		s.registrar("192.0.2.1", 0xa)
		h, at := s.host(registrarAt)
		const n = 1000
		ls := make([]*Listener, n)
		var all sync.WaitGroup
		start := time.Now()
		for i := range ls {
			all.Go(func() {
				ls[i] = listen(t, h, rserpool.Handle(fmt.Sprintf("Pool%d", i%10)), ElementConfig{ID: rserpool.ElementID(i + 1)})
			})
		}
		all.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("registering took %v", d)
		}
		time.Sleep(5 * time.Minute)
		for i := range 10 {
			if got := elementsOf(t, h, rserpool.Handle(fmt.Sprintf("Pool%d", i))); len(got) != n/10 {
				t.Errorf("pool %d has %d elements after five minutes, want %d", i, len(got), n/10)
			}
		}
		c := registrations(h)
		if c.KeepAlives < 50*n || c.Acks != c.KeepAlives || c.Timeouts != 0 || c.Lapses != 0 {
			t.Errorf("counters %+v", c)
		}
		start = time.Now()
		for _, l := range ls {
			all.Go(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("leaving took %v", d)
		}
		h.Close()
		if k := h.elements.machine.Len(); k != 0 {
			t.Errorf("%d elements are left", k)
		}
		synctest.Wait()
		if k := at.Stats().Associations; k != 0 {
			t.Errorf("%d associations are left", k)
		}
	})
}
