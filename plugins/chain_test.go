package plugins

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// TestFallbackAndReturn has a pool that goes by a plugin and falls back to a built-in
// policy while the plugin is away.
func TestFallbackAndReturn(t *testing.T) {
	cfg := self(t, "well")
	cfg.Restart.BackoffMin = time.Hour
	cfg.RankTTL = 200 * time.Millisecond
	cfg.TickInterval = 20 * time.Millisecond
	p := up(t, cfg)
	q, _, err := p.Policy(context.Background(), PolicyConfig{Name: "plugin.least"})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var events []string
	mu.Lock()
	c := engine.NewChain(time.Now(), &engine.ChainConfig{Policies: []engine.Policy{q, builtin.Priority{}}}, engine.Setting{
		Handle: "EchoPool",
		Rand:   rand.New(rand.NewPCG(1, 2)),
		Run: func(f func(time.Time)) {
			mu.Lock()
			defer mu.Unlock()
			f(time.Now())
		},
	}, func(e engine.Event) { events = append(events, e.String()) }, nil)
	for id := range 3 {
		c.Add(time.Now(), &engine.Member{Element: &rserpool.Element{
			ID:     rserpool.ElementID(id + 1),
			Policy: rserpool.Policy{Type: rserpool.Priority, Priority: uint32(10 - id), Load: rserpool.LoadOf(0.9 - float64(id)/10)},
		}})
	}
	mu.Unlock()
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		c.Close()
	}()
	pick := func(want uint32) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			m := c.Select(&engine.Request{Items: 1, Now: time.Now()}, nil)
			if len(m) != 1 {
				t.Fatal("a selection found nobody")
			}
			return uint32(m[0].Element.ID) == want
		}
	}
	eventually(t, "the plugin's choice, the least load", pick(3))
	_ = syscall.Kill(pid(t, p), syscall.SIGKILL)
	eventually(t, "the fallback's choice, the highest priority", pick(1))
	if err := p.Reload(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin's choice", pick(3))

	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"policy is left: plugin.least -> priority: plugin \"test\": the plugin was not heard of for 200ms", "policy is back: plugin.least"} {
		if !slices.ContainsFunc(events, func(e string) bool { return strings.HasPrefix(e, want) }) {
			t.Errorf("events %q without %q", events, want)
		}
	}
}
