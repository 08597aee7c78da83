package plugins

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/engine"
)

func TestRanksDecide(t *testing.T) {
	p := up(t, self(t, "well"))
	w := open(t, p, "least", nil, 0.5, 0.1, 0.3)
	eventually(t, "ranks", w.is(true))
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{2, 3, 1}) })

	w.add(4, 0.2, 0.15) // each selection adds to it
	eventually(t, "order", func() bool { return slices.Equal(w.order(), []uint32{2, 4, 3, 1}) })
	w.remove(2)
	if d := cmp.Diff([]uint32{4, 3, 3, 3}, w.pick(4)); d != "" {
		t.Errorf("picks differ (-want +got):\n%s", d)
	}
}

func TestPaceTakesTurns(t *testing.T) {
	w := open(t, up(t, self(t, "pace")), "least", nil, 0, 0, 0)
	eventually(t, "all ranks", w.ranked(3))
	counts := map[uint32]int{}
	for _, id := range w.pick(600) {
		counts[id]++
	}
	for id, n := range counts {
		if want := 100 * int(id); n < want-2 || n > want+2 {
			t.Errorf("element %d: picked %d times, want about %d", id, n, want)
		}
	}
}

func TestWeightsAreDrawn(t *testing.T) {
	w := open(t, up(t, self(t, "weight")), "least", nil, 0, 0, 0)
	eventually(t, "all ranks", w.ranked(3))
	counts := map[uint32]int{}
	for _, id := range w.pick(6000) {
		counts[id]++
	}
	for id, n := range counts {
		if want := 1000 * int(id); n < want-200 || n > want+200 {
			t.Errorf("element %d: drawn %d times, want about %d", id, n, want)
		}
	}
}

// ranked reports whether n elements have ranks.
func (w *world) ranked(n int) func() bool {
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		count := 0
		for _, r := range w.pool.records {
			if r.ranked {
				count++
			}
		}
		return count == n
	}
}

func TestQueueIsFollowed(t *testing.T) {
	p := up(t, self(t, "well"))
	w := open(t, p, "in-turn", nil, 0, 0, 0)
	eventually(t, "a queue", w.is(true))
	eventually(t, "everybody", func() bool { return len(w.order()) == 3 })
	w.add(4, 0, 0)
	eventually(t, "a new queue", func() bool { // the former one is replaced
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.pool.records[4].positions) > 0
	})
	first := w.pick(1)[0]
	for i, id := range w.pick(2000) { // several queues long
		if want := (first+uint32(i))%4 + 1; id != want {
			t.Fatalf("pick %d is %d, want %d", i, id, want)
		}
		if i%100 == 0 {
			eventually(t, "more", func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.pool.queue.left > 100
			})
		}
	}
	w.remove(3)
	if picks := w.pick(100); slices.Contains(picks, 3) {
		t.Errorf("an element was selected that has left: %v", picks)
	}
}

func TestEmptyQueueIsNoPolicy(t *testing.T) {
	p := up(t, self(t, "well"))
	w := open(t, p, "in-turn", nil, 0, 0, 0)
	eventually(t, "a queue", w.is(true))
	w.mu.Lock()
	for range queueLimit { // faster than the plugin can answer
		if m := w.selector.Select(&engine.Request{Items: 1, Now: time.Now()}, nil); len(m) != 1 {
			t.Fatal("a selection found nobody")
		}
	}
	available := w.pool.available
	w.mu.Unlock()
	if available || w.fault() != "" || w.pool.queue.wanted <= queueWanted {
		t.Errorf("available %v, fault %q", available, w.fault())
	}
	eventually(t, "another queue", w.is(true))
}

func TestDirectAsksEachTime(t *testing.T) {
	cfg := self(t, "well")
	cfg.DirectDeadline = 20 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "first", nil, 0, 0, 0)
	eventually(t, "it follows", w.is(true))
	eventually(t, "an answer", func() bool { return slices.Equal(w.order(), []uint32{1, 2, 3}) })

	slow := func(r *engine.Request) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		_, err := direct{form{pool: w.pool}}.Choose(slices.Collect(w.selector.All()), r, nil)
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if got := slow(&engine.Request{Items: 1, UserAddress: netip.MustParseAddr("192.0.2.7")}); got != "" {
		t.Error(got)
	}
	if got := slow(&engine.Request{Items: 1, Attributes: map[string]string{"slow": "yes"}}); !strings.Contains(got, "did not answer within 20ms") {
		t.Errorf("fault %q", got)
	}
	if !dropped(p, TooLate)() {
		t.Error("not counted")
	}
}

func TestUsageIsToldAndAnswered(t *testing.T) {
	w := open(t, up(t, self(t, "well")), "least-picked", nil, 0, 0)
	eventually(t, "all ranks", w.ranked(2))
	w.pick(10) // all of one, until the plugin has heard of it
	eventually(t, "a balance", func() bool {
		w.pick(1)
		time.Sleep(5 * time.Millisecond)
		w.mu.Lock()
		defer w.mu.Unlock()
		a, b := w.members[1].SelectionsTotal(), w.members[2].SelectionsTotal()
		return a > 8 && b > 8 && max(a, b)-min(a, b) < 3
	})
	w.fail(1)
	eventually(t, "the other one first", func() bool { return w.order()[0] == 2 })
	time.Sleep(20 * time.Millisecond)
	if picks := w.pick(20); slices.Contains(picks, 1) {
		t.Errorf("picks %v", picks)
	}
}

// TestUnrankedElementsAreMiddling holds an element without a rank at the median for
// the grace, and then behind the others.
func TestUnrankedElementsAreMiddling(t *testing.T) {
	cfg := self(t, "well")
	cfg.RankGrace = 200 * time.Millisecond
	cfg.Restart.BackoffMin = time.Hour
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5, 0.1, 0.3)
	eventually(t, "all ranks", w.ranked(3))
	w.mu.Lock()
	w.pool.links[0].cancel(errors.New("for the test")) // nobody ranks what comes now
	w.mu.Unlock()
	eventually(t, "the end of the link", func() bool {
		w.pool.mu.Lock()
		defer w.pool.mu.Unlock()
		return w.pool.active == nil
	})
	w.add(4, 0, 0)
	if d := cmp.Diff([]uint32{2, 3, 4, 1}, w.order()); d != "" {
		t.Errorf("order within the grace (-want +got):\n%s", d)
	}
	eventually(t, "the end of the grace", func() bool { return slices.Equal(w.order(), []uint32{2, 3, 1, 4}) })
	eventually(t, "another link, and a rank", func() bool { return slices.Equal(w.order(), []uint32{4, 2, 3, 1}) })
}

// TestLargePoolsAreSplit sends and ranks more elements than fit in an event.
func TestLargePoolsAreSplit(t *testing.T) {
	p := up(t, self(t, "well"))
	loads := make([]float64, 10_000)
	for i := range loads {
		loads[i] = float64(100+i%800) / 1000
	}
	w := open(t, p, "least", nil, loads...)
	eventually(t, "all ranks", w.ranked(len(loads)))
	if s := p.Status(); len(s.Dropped) > 0 || s.Pools[0].Elements != len(loads) {
		t.Errorf("status %+v", s)
	}
	for id := range uint32(5000) {
		w.remove(id + 1)
	}
	w.add(20_000, 0, 0)
	eventually(t, "the newcomer first", func() bool { return w.order()[0] == 20_000 || w.order()[1] == 20_000 })
	eventually(t, "all of it answered", func() bool {
		s := p.Status().Pools[0]
		return s.Answered == s.Epoch && s.Waiting == 0
	})
	w.pool.mu.Lock()
	left := len(w.pool.active.left)
	w.pool.mu.Unlock()
	if left > 0 {
		t.Errorf("%d removals are still remembered", left)
	}
}

// TestChangesWaitForAnswers gathers what happens while the plugin is behind.
func TestChangesWaitForAnswers(t *testing.T) {
	p := up(t, self(t, "never-behind"))
	w := open(t, p, "raw", nil, 0.5)
	for i := range 20 {
		w.add(uint32(i%3+1), float64(i)/100, 0)
		time.Sleep(5 * time.Millisecond)
	}
	s := p.Status().Pools[0]
	if s.Epoch > maxBehind+1 || s.Waiting == 0 || s.Waiting > 3 || s.Answered != 0 {
		t.Errorf("status %+v", s)
	}
	if p.Status().State != "running" {
		t.Error("a plugin that answers ticks was ended")
	}
}

func TestPolicyChecksTheConfig(t *testing.T) {
	p := up(t, self(t, "well"))
	for _, tc := range []struct {
		name   string
		policy string
		config map[string]any
		want   string // empty: nothing is wrong
	}{
		{"the defaults", "least", nil, ""},
		{"a number of any kind", "least", map[string]any{"factor": 2}, ""},
		{"out of range", "least", map[string]any{"factor": -1.0}, "attribute factor: it is -1, and must be at least 0; What loads are multiplied by."},
		{"of another type", "least", map[string]any{"factor": "two"}, "attribute factor: it must be a number"},
		{"not one of", "least", map[string]any{"zone": "es"}, `attribute zone: it is "es", and must be one of de, fr`},
		{"misspelt", "least", map[string]any{"facter": 1.0}, "attribute facter: the policy has no such attribute; did you mean \"factor\"?"},
		{"unheard of", "least", map[string]any{"colour": "red"}, "attribute colour: the policy has no such attribute; it has factor, zone"},
		{"refused by the plugin", "least", map[string]any{"factor": 13.0}, `plugin "test": attribute factor: it is unlucky; take 12`},
		{"no such policy", "most", nil, `has no policy "most": it has least, in-turn, first, least-picked`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := p.Policy(context.Background(), PolicyConfig{Name: "plugin.x", Policy: tc.policy, Config: tc.config})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	q, _, err := p.Policy(context.Background(), PolicyConfig{Name: "plugin.least"})
	if err != nil || q.terms.info.Name != "least" {
		t.Errorf("the policy of the same name: %v", err)
	}
	if d := q.Describe(); d.Version != "1.4.2" || len(d.Hash) != 64 || d.Summary != "the least load" {
		t.Errorf("described as %+v", d)
	}
}

// TestPluginThatRefusesAPool hears of it again and again, and goes on with others.
func TestPluginThatRefusesAPool(t *testing.T) {
	var log logged
	cfg := self(t, "well")
	cfg.Log = log.logger()
	p := up(t, cfg)
	bad := open(t, p, "least", map[string]any{"factor": 666.0}, 0.5)
	good := open(t, p, "least", nil, 0.5)
	eventually(t, "ranks", good.is(true))
	eventually(t, "a fault", bad.faults("the devil is in pool EchoPool"))
	if bad.is(true)() || p.Status().State != "running" {
		t.Errorf("status %+v", p.Status())
	}
}

// TestPolicyWaitsForThePlugin names a policy of a plugin that does not start.
func TestPolicyWaitsForThePlugin(t *testing.T) {
	cfg := self(t, "exit")
	cfg.Restart.BackoffMin = time.Hour
	p := New(cfg)
	defer func() { _ = p.Close() }()
	if err := p.Start(context.Background()); err == nil {
		t.Fatal("it started")
	}
	q, _, err := p.Policy(context.Background(), PolicyConfig{Name: "plugin.least"})
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		s, err := engine.NewSelector(time.Now(), q, engine.Setting{})
		if err == nil {
			s.Close()
		}
		return err
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("opened with %v", err)
	}
	cfg.Env = map[string]string{"BEHAVIOUR": "well"}
	if err := p.Reload(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Error(err)
	}
}
