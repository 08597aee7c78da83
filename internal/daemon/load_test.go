package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/protocol"
	"github.com/rspool/rspool/plugins/sdk"
	"github.com/rspool/rspool/pool"
)

// TestMain makes the test binary a plugin where it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv(protocol.Cookie) != "" {
		_ = sdk.Serve(sdk.Plugin{
			Name: "tester", Version: "1.0.0",
			Policies: []sdk.Policy{{
				Name: "by-load", Summary: "The least load first.", Needs: []sdk.Field{sdk.Load},
				Rank: func(*sdk.Pool) (sdk.Ranker, error) {
					return sdk.RankFunc(func(e sdk.Element) sdk.Rank { return sdk.Rank{Key: e.Load, Step: 0.001} }), nil
				},
			}},
		})
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// The size of the pool and of the load.
const (
	crowdSize = 1000
	users     = 4
	inFlight  = 2
	// pause leaves the processors to others now and then: the tests of other
	// packages run at the same time.
	pause = time.Millisecond
	// tooLate is when a resolution counts as lost, however busy the machine is.
	tooLate = 20 * time.Second
)

// crowd is a pool of a thousand elements and users that resolve it without a pause.
type crowd struct {
	t        *testing.T
	stop     context.CancelFunc
	wait     sync.WaitGroup
	answered atomic.Int64
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
	c.stop = stop
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
	c.t.Logf("%s: %d resolutions, none lost", what, c.answered.Load())
}

// goOn waits until so many more resolutions were answered.
func (c *crowd) goOn(n int64) {
	c.t.Helper()
	target := c.answered.Load() + n
	for end := time.Now().Add(20 * time.Second); c.answered.Load() < target; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%d of %d resolutions are answered", c.answered.Load(), target)
		}
	}
}

func TestScriptIsReloadedUnderLoad(t *testing.T) {
	w := start(t, files(t, ""))
	c := gather(t, w)
	c.goOn(500)
	for i := range 5 {
		before := w.version()
		w.write("a.lua", strings.Replace(script, "return load", fmt.Sprintf("return load * %d", i+2), 1))
		w.until("policy=lua.a from=" + before)
		c.goOn(200)
	}
	w.write("a.lua", "nonsense")
	w.until("configuration is refused")
	c.goOn(200)
	if _, err := w.Rollback(t.Context(), ""); err != nil {
		t.Error(err)
	}
	c.goOn(200)
	c.noneLost(w, "reloads and a rollback")
	s := w.Status(status.Query{}).(*status.Registrar)
	if p := policyIn(t, s, "lua.a"); p.Faults > 0 || p.Trips > 0 || p.Passed > 0 || p.Pools["in-use"] != 1 {
		t.Errorf("policy lua.a is %+v", p)
	}
	if r := s.Configuration.Reloads; r["changed"] != 5 || r["refused"] != 1 {
		t.Errorf("reloads are %v", r)
	}
}

func policyIn(t *testing.T, s *status.Registrar, name string) *status.Policy {
	t.Helper()
	for i := range s.Policies {
		if s.Policies[i].Name == name {
			return &s.Policies[i]
		}
	}
	t.Fatalf("there is no policy %s in %+v", name, s.Policies)
	return nil
}

// trips is how often a policy was left.
func (w *world) trips(policy string) uint64 {
	w.t.Helper()
	return policyIn(w.t, w.Status(status.Query{}).(*status.Registrar), policy).Trips
}

// pluginFiles have the test binary for a plugin, with further attributes.
func pluginFiles(t *testing.T, attributes string) map[string]string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := plugins.Checksum(self)
	if err != nil {
		t.Fatal(err)
	}
	all := files(t, fmt.Sprintf(`
plugin "tester" {
  command       = %q
  sha256        = %q
  %s
}

policy "plugin" "by-load" {
  plugin = "tester"
}
`, self, sum, attributes))
	all["x.hcl"] = strings.Replace(all["x.hcl"], `policy   = "lua.a"`, `policy   = "plugin.by-load"`, 1)
	return all
}

func TestPluginDiesUnderLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	w := start(t, pluginFiles(t, `
  tick_interval = "100ms"
  tick_timeout  = "1s"
  rank_ttl      = "1s"
  restart {
    backoff_min = "2s"
  }`))
	c := gather(t, w)
	standing := func(of, want string) {
		t.Helper()
		var s *status.Registrar
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if s = w.Status(status.Query{}).(*status.Registrar); policyIn(t, s, of).Pools[want] == 1 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s is %v, want %s\n%s", of, policyIn(t, s, of).Pools, want, w.logs.String())
			}
		}
	}
	standing("plugin.by-load", "in-use")
	left := w.trips("plugin.by-load") // while the first ranks were awaited
	c.goOn(500)
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"killed", syscall.SIGKILL},
		{"frozen", syscall.SIGSTOP},
	} {
		before := w.Plugins()[0]
		if before.State != "running" {
			t.Fatalf("plugin is %+v", before)
		}
		if err := syscall.Kill(before.PID, tt.signal); err != nil {
			t.Fatal(err)
		}
		standing("least-used", "in-use")
		standing("plugin.by-load", "unavailable")
		c.goOn(200)
		standing("plugin.by-load", "in-use")
		c.goOn(200)
		if s := w.Plugins()[0]; s.State != "running" || s.PID == before.PID || s.Restarts != before.Restarts+1 {
			t.Errorf("%s: plugin is %+v, was %+v", tt.name, s, before)
		}
	}
	c.noneLost(w, "a plugin that is killed and one that is frozen")
	if n := w.trips("plugin.by-load") - left; n < 2 {
		t.Errorf("the policy was left %d times, want twice at least", n)
	}
}

func TestPluginIsReplacedUnderLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	w := start(t, pluginFiles(t, `stop_timeout = "1s"`))
	c := gather(t, w)
	c.goOn(200)
	before, left := w.Plugins()[0], w.trips("plugin.by-load")
	if err := w.ReloadPlugin(t.Context(), "tester"); err != nil {
		t.Fatal(err)
	}
	c.goOn(200)
	if s := w.Plugins()[0]; s.State != "running" || s.PID == before.PID {
		t.Errorf("plugin is %+v, was %+v", s, before)
	}
	w.edit("x.hcl", `stop_timeout = "1s"`, `stop_timeout = "3s"`)
	w.until(`msg="attribute is reloaded" attribute="plugin \"tester\".stop_timeout"`)
	c.goOn(200)
	c.noneLost(w, "a plugin that is replaced twice")
	if n := w.trips("plugin.by-load") - left; n != 0 {
		t.Errorf("the policy was left %d times, want never", n)
	}
}
