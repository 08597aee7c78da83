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

// TestMemoryOfManyPools opens a thousand pools of four elements, each with a policy
// of its own, and looks at what the policies hold.
func TestMemoryOfManyPools(t *testing.T) {
	const pools, allowance = 1000, 40 << 20
	for _, tc := range []struct{ name, policy string }{
		{"compiled", `-- policy %d
return {
  key = function(load, degradation, selections)
    return math.min(load + selections * degradation, 1)
  end,
  tests = { { elements = { a = { load = 0.9 }, b = { load = 0.1 } }, expect = "b" } },
}`},
		{"interpreted with hooks, a filter and data", `-- policy %d
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
	} {
		t.Run(tc.name, func(t *testing.T) {
			type pool struct {
				program  *Program
				selector *engine.Selector
			}
			var firstError error
			used := held(func() []pool {
				all := make([]pool, pools)
				for i := range all {
					p, err := Load(fmt.Sprintf("policy-%d", i), fmt.Sprintf(tc.policy, i), Options{})
					if err != nil {
						firstError = err
						return nil
					}
					s, err := engine.NewSelector(noon, p, engine.Setting{Handle: "pool", Rand: rand.New(rand.NewPCG(1, uint64(i)))})
					if err != nil {
						firstError = err
						return nil
					}
					for range 4 {
						e := loaded(0.5)
						s.Add(noon, &engine.Member{Element: &e})
					}
					s.Select(&engine.Request{Items: 2, Now: noon, Handle: "pool"}, nil)
					if s.Faults() > 0 {
						firstError = s.LastFault()
					}
					all[i] = pool{p, s}
				}
				return all
			})
			if firstError != nil {
				t.Fatal(firstError)
			}
			t.Logf("%.1f MiB, %.1f KiB a pool", float64(used)/(1<<20), float64(used)/pools/1024)
			if used > allowance {
				t.Errorf("%d pools hold %d MiB, more than %d", pools, used>>20, allowance>>20)
			}
		})
	}
}
