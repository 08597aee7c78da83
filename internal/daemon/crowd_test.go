package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/pool"
)

// The size of the pool and of the load.
const (
	crowdSize = 1000
	users     = 4
	inFlight  = 2
	// pause leaves the processors to others now and then: the tests of other
	// packages run at the same time.
	pause = time.Millisecond
	// tooLate is when a resolution counts as lost, however busy the machine is.
	tooLate = time.Minute
)

// crowd is a pool of a thousand elements and users that resolve it without a pause.
type crowd struct {
	t        *testing.T
	stop     context.CancelFunc
	wait     sync.WaitGroup
	began    time.Time
	answered atomic.Int64
	slowest  atomic.Int64 // nanoseconds that an answer took at most
	mu       sync.Mutex
	lost     []error
}

const crowdHandle = rserpool.Handle("EchoPool")

// gather registers the elements with the daemon's registrar and lets the users loose.
// The real door is between them and the registrar.
func gather(t *testing.T, w *world) *crowd {
	t.Helper()
	c := &crowd{t: t}
	at := w.Registrar().Address().String()
	if !strings.Contains(at, "@") { // IP:PORT@UDPPORT
		t.Fatalf("the registrar is at %s, not behind the udp door", at)
	}
	host := func() *pool.Host {
		h, err := pool.NewHost(&pool.HostConfig{Listen: "127.0.0.1", Registrars: []string{at}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h
	}
	elements := host()
	known := map[rserpool.ElementID]bool{}
	for i := range crowdSize {
		id := rserpool.ElementID(i + 1)
		known[id] = true
		r, err := pool.Register(t.Context(), crowdHandle, &pool.ElementConfig{
			Host: elements, ID: id,
			Policy:    rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(float64(i) / crowdSize)},
			Transport: &rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.began = stop, time.Now()
	for range users {
		h := host()
		for range inFlight {
			c.wait.Go(func() { c.resolve(ctx, h, known) })
		}
	}
	t.Cleanup(c.end)
	return c
}

// resolve asks until ctx ends.
func (c *crowd) resolve(ctx context.Context, h *pool.Host, known map[rserpool.ElementID]bool) {
	for ctx.Err() == nil {
		asked, cancel := context.WithTimeout(context.Background(), tooLate)
		began := time.Now()
		r, err := pool.Resolve(asked, h, crowdHandle, 1)
		cancel()
		if err == nil && (len(r.Elements) != 1 || !known[r.Elements[0].ID]) {
			err = fmt.Errorf("answer %+v", r)
		}
		if err != nil {
			c.mu.Lock()
			c.lost = append(c.lost, err)
			c.mu.Unlock()
			continue
		}
		c.answered.Add(1)
		for took, most := int64(time.Since(began)), c.slowest.Load(); took > most && !c.slowest.CompareAndSwap(most, took); {
			most = c.slowest.Load()
		}
		time.Sleep(pause)
	}
}

// end stops the users.
func (c *crowd) end() {
	c.stop()
	c.wait.Wait()
}

// noneLost ends the load and fails if a resolution was lost in it.
func (c *crowd) noneLost(w *world, what string) {
	c.t.Helper()
	c.end()
	if r := w.Status(status.Query{}).(*status.Registrar).Counters.Resolutions; r["empty"]+r["unknown"] > 0 {
		c.t.Errorf("%s: resolutions are %v", what, r)
	}
	if n := len(c.lost); n > 0 {
		c.t.Errorf("%s: %d resolutions are lost of %d, the first: %v", what, n, c.answered.Load(), errors.Join(c.lost[:min(n, 3)]...))
	}
	took := time.Since(c.began)
	c.t.Logf("%s: %d elements, %d resolutions over UDP in %v (%.0f/s), %d lost, the slowest took %v", what, crowdSize,
		c.answered.Load(), took.Round(time.Millisecond), float64(c.answered.Load())/took.Seconds(), len(c.lost), time.Duration(c.slowest.Load()).Round(10*time.Microsecond))
}

// goOn waits until so many more resolutions were answered.
func (c *crowd) goOn(n int64) {
	c.t.Helper()
	target := c.answered.Load() + n
	for end := time.Now().Add(2 * time.Minute); c.answered.Load() < target; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%d of %d resolutions are answered", c.answered.Load(), target)
		}
	}
}

// metrics returns what Prometheus would read.
func (w *world) metrics() string {
	r := httptest.NewRecorder()
	status.Handler(w).ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	return r.Body.String()
}

// shows waits until the metrics have all the lines, and returns how long that took.
func (w *world) shows(lines ...string) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		m, missing := w.metrics(), ""
		for _, l := range lines {
			if !strings.Contains(m, "\n"+l+"\n") {
				missing = l
			}
		}
		if missing == "" {
			return time.Since(began)
		}
		if time.Since(began) > 2*time.Minute {
			w.t.Fatalf("the metrics do not show %s:\n%s\n%s", missing, m, w.logs.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
