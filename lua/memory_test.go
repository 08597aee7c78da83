package lua

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/rspool/rspool/engine"
)

// held returns the bytes that f's result keeps alive.
func held[T any](f func() T) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := f()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// manyPolicies are texts that differ by a number.
var manyPolicies = []struct{ name, policy string }{
	{"compiled", `-- policy %d
return {
  key = function(load, degradation, selections)
    return math.min(load + selections * degradation, 1)
  end,
  tests = { { elements = { a = { load = 0.9 }, b = { load = 0.1 } }, expect = "b" } },
}`},
	{"interpreted", `-- policy %d
local penalty = config.penalty or 2
return {
  inputs = { "speed" },
  key = function(load, degradation, selections, speed, data)
    local work = load + (selections + 1) * degradation
    return work / (speed or 1) + (data.penalty or 0)
  end,
  filter = function(pe, request)
    return request.attributes.region == nil or pe.tags.region == request.attributes.region
  end,
  on_register = function(pe)
    local data = pe.data
    data.seen = (data.seen or 0) + 1
    if data.penalty then data.penalty = data.penalty - penalty / 3 end
  end,
  on_failure = function(pe, reason) pe.data.penalty = penalty end,
  tests = {
    { name = "the faster of two",
      elements = { { id = "slow", load = 0.2 }, { id = "fast", load = 0.5, tags = { speed = 4 } } },
      expect = "fast" },
  },
}`},
}

// manyPools is the number of pools that have a policy each.
const manyPools = 1000

// openMany opens pools of four elements, each with a policy of its own, and returns
// the bytes that they hold.
func openMany(tb testing.TB, policy string) int64 {
	type pool struct {
		program  *Program
		selector *engine.Selector
	}
	return held(func() []pool {
		all := make([]pool, manyPools)
		for i := range all {
			p, err := Load(fmt.Sprintf("policy-%d", i), fmt.Sprintf(policy, i), Options{})
			if err != nil {
				tb.Fatal(err)
			}
			s, err := engine.NewSelector(noon, p, engine.Setting{Handle: "pool", Rand: rand.New(rand.NewPCG(1, uint64(i)))})
			if err != nil {
				tb.Fatal(err)
			}
			for range 4 {
				e := loaded(0.5)
				s.Add(noon, &engine.Member{Element: &e})
			}
			s.Select(&engine.Request{Items: 2, Now: noon, Handle: "pool"}, nil)
			if s.Faults() > 0 {
				tb.Fatal(s.LastFault())
			}
			all[i] = pool{p, s}
		}
		return all
	})
}

// TestMemoryOfManyPools looks at what a thousand policies hold, with their pools.
func TestMemoryOfManyPools(t *testing.T) {
	const allowance = 40 << 20
	for _, tc := range manyPolicies {
		t.Run(tc.name, func(t *testing.T) {
			used := openMany(t, tc.policy)
			t.Logf("%.1f MiB, %.1f KiB a pool", float64(used)/(1<<20), float64(used)/manyPools/1024)
			if used > allowance {
				t.Errorf("%d pools hold %d MiB, more than %d", manyPools, used>>20, allowance>>20)
			}
		})
	}
}

// BenchmarkLuaPools reports what they hold.
func BenchmarkLuaPools(b *testing.B) {
	for _, tc := range manyPolicies {
		b.Run(tc.name, func(b *testing.B) {
			var used int64
			for b.Loop() {
				used = openMany(b, tc.policy)
			}
			b.ReportMetric(float64(used)/(1<<20), "MiB")
		})
	}
}
