package plugins

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// fill adds n elements of different loads and degradations.
func fill(add func(*engine.Member), n int) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		add(&engine.Member{Element: &rserpool.Element{
			ID: rserpool.ElementID(uint32(i+1) * 2654435761),
			Policy: rserpool.Policy{
				Type: rserpool.LeastUsedDegradation, Load: rserpool.LoadOf(r.Float64() / 10),
				Degradation: rserpool.LoadOf(1e-5 + r.Float64()/1e4),
			},
		}})
	}
}

// BenchmarkPluginSelect selects one element by the ranks of a plugin, and by the
// built-in policy that does the same.
func BenchmarkPluginSelect(b *testing.B) {
	p := up(b, self(b, "well"))
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("rank/%d", n), func(b *testing.B) {
			w := open(b, p, "least", nil)
			w.mu.Lock()
			fill(func(m *engine.Member) { w.selector.Add(time.Now(), m) }, n)
			w.mu.Unlock()
			eventually(b, "all ranks", w.ranked(n))
			w.mu.Lock()
			defer w.mu.Unlock()
			selects(b, w.selector)
		})
		b.Run(fmt.Sprintf("builtin/%d", n), func(b *testing.B) {
			s, err := engine.NewSelector(time.Now(), builtin.LeastUsedDegradation{}, engine.Setting{Rand: rand.New(rand.NewPCG(1, 2))})
			if err != nil {
				b.Fatal(err)
			}
			fill(func(m *engine.Member) { s.Add(time.Now(), m) }, n)
			selects(b, s)
		})
	}
}

func selects(b *testing.B, s *engine.Selector) {
	request := engine.Request{Items: 1, Now: time.Now()}
	var dst []*engine.Member
	b.ReportAllocs()
	before := processorTime()
	for b.Loop() {
		dst = s.Select(&request, dst[:0])
	}
	if spent := processorTime() - before; spent > 0 {
		b.ReportMetric(float64(b.N)/spent.Seconds(), "ops/cpu-s")
	}
}

// processorTime is what the process has used: the wall clock also measures neighbours.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPluginRerankOne takes one element from its registration to its new rank,
// through the plugin and back. The moment for which changes are gathered is part of
// it; TestMain's plugin does no work.
func BenchmarkPluginRerankOne(b *testing.B) {
	for _, mtls := range []bool{false, true} {
		for _, n := range []int{10, 1000, 10_000} {
			b.Run(fmt.Sprintf("mtls=%v/%d", mtls, n), func(b *testing.B) {
				cfg := self(b, "well")
				cfg.NoMTLS = !mtls
				w := open(b, up(b, cfg), "least", nil)
				for i := range n {
					w.add(uint32(i+1), 0.5, 0)
				}
				eventually(b, "all ranks", w.ranked(n))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					i++
					w.await(uint32(i%n+1), 0.1+float64(i%4093)/10_000) // 4093 is prime
				}
			})
		}
	}
}

// await registers an element with a load and waits for its rank.
func (w *world) await(id uint32, load float64) {
	w.add(id, load, 0)
	want := rserpool.LoadOf(load).Float64()
	for {
		w.mu.Lock()
		r := w.pool.records[rserpool.ElementID(id)]
		done := r.ranked && r.rank.key == want
		w.mu.Unlock()
		if done {
			return
		}
		time.Sleep(5 * time.Microsecond)
	}
}

// BenchmarkPluginRankAll has a plugin rank all elements of a pool.
func BenchmarkPluginRankAll(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := open(b, up(b, self(b, "well")), "least", nil)
			for i := range n {
				w.add(uint32(i+1), 0.5, 0)
			}
			eventually(b, "all ranks", w.ranked(n))
			b.ReportAllocs()
			for b.Loop() {
				w.mu.Lock()
				for _, r := range w.pool.records {
					r.ranked = false
				}
				w.mu.Unlock()
				w.pool.mu.Lock()
				w.pool.active.resend()
				w.pool.mu.Unlock()
				for !w.ranked(n)() {
					time.Sleep(20 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
		})
	}
}

// BenchmarkPluginStart starts a plugin until it is described.
func BenchmarkPluginStart(b *testing.B) {
	for _, mtls := range []bool{false, true} {
		b.Run(fmt.Sprintf("mtls=%v", mtls), func(b *testing.B) {
			cfg := self(b, "well")
			cfg.NoMTLS = !mtls
			for b.Loop() {
				p := New(cfg)
				if err := p.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				_ = p.Close()
			}
		})
	}
}
