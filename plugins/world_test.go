package plugins

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// self is the configuration of the test program as a plugin.
func self(t testing.TB, behaviour string) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Name: "test", Command: exe, Env: map[string]string{"BEHAVIOUR": behaviour, "GOCOVERDIR": t.TempDir()},
		AllowUnpinned: true, NoMTLS: true, StopTimeout: 300 * time.Millisecond,
		Limits: Limits{AddressSpace: -1}, // the race detector takes terabytes
		Log:    slog.New(slog.DiscardHandler),
	}
}

// up starts a plugin that is closed with the test.
func up(t testing.TB, cfg Config) *Plugin {
	t.Helper()
	p := New(cfg)
	t.Cleanup(func() { _ = p.Close() })
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a pool and who owns it.
type world struct {
	t        testing.TB
	mu       sync.Mutex
	selector *engine.Selector
	pool     *pool
	members  map[uint32]*engine.Member
}

// open opens a policy of p for a pool with elements of these loads; their
// identifiers are 1, 2, 3 ...
func open(t testing.TB, p *Plugin, policy string, config map[string]any, loads ...float64) *world {
	t.Helper()
	q, _, err := p.Policy(context.Background(), PolicyConfig{Name: "plugin." + policy, Policy: policy, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, members: map[uint32]*engine.Member{}}
	w.mu.Lock()
	w.selector, err = engine.NewSelector(time.Now(), q, engine.Setting{
		Handle: "EchoPool",
		Rand:   rand.New(rand.NewPCG(1, 2)),
		Run: func(f func(time.Time)) {
			w.mu.Lock()
			defer w.mu.Unlock()
			f(time.Now())
		},
	})
	w.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	p.mu.Lock()
	for o := range p.pools {
		if o.policy == q.terms {
			w.pool = o
		}
	}
	p.mu.Unlock()
	for i, l := range loads {
		w.add(uint32(i+1), l, 0)
	}
	return w
}

func (w *world) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.selector.Close()
}

// add registers an element.
func (w *world) add(id uint32, load, degradation float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.members[id]
	if m == nil {
		m = &engine.Member{Element: &rserpool.Element{ID: rserpool.ElementID(id)}}
	}
	m.Element.Policy = rserpool.Policy{
		Type: rserpool.WeightedRoundRobin, Load: rserpool.LoadOf(load),
		Degradation: rserpool.LoadOf(degradation), Weight: id,
	}
	if w.members[id] != nil {
		w.selector.Update(time.Now(), m)
		return
	}
	w.members[id] = m
	w.selector.Add(time.Now(), m)
}

func (w *world) remove(id uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.selector.Remove(w.members[id])
	delete(w.members, id)
}

func (w *world) fail(id uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.selector.Failed(time.Now(), w.members[id], engine.Unreachable)
}

// pick selects n elements, one after the other.
func (w *world) pick(n int) []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []uint32
	for range n {
		for _, m := range w.selector.Select(&engine.Request{Items: 1, Now: time.Now()}, nil) {
			ids = append(ids, uint32(m.Element.ID))
		}
	}
	return ids
}

// order is what a request for everybody is answered, without selecting anybody.
func (w *world) order() []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []uint32
	for _, m := range w.selector.Select(&engine.Request{Items: 1 << 20, Preview: true, Now: time.Now()}, nil) {
		ids = append(ids, uint32(m.Element.ID))
	}
	return ids
}

// is reports whether the policy is available.
func (w *world) is(available bool) func() bool {
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.pool.available == available
	}
}

// fault returns the latest fault.
func (w *world) fault() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.selector.LastFault(); err != nil {
		return err.Error()
	}
	return ""
}

func (w *world) faults(text string) func() bool {
	return func() bool { return strings.Contains(w.fault(), text) }
}

// eventually waits for what other processes do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// logged is a log that can be read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) has(text string) func() bool {
	return func() bool { return strings.Contains(l.String(), text) }
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// startError starts a plugin that must not come up.
func startError(t *testing.T, cfg Config) *StartError {
	t.Helper()
	cfg.Restart.BackoffMin = time.Hour
	p := New(cfg)
	defer func() { _ = p.Close() }()
	err := p.Start(context.Background())
	var e *StartError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *StartError", err)
	}
	return e
}
