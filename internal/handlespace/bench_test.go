package handlespace_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
)

// shape is a number of pools and of elements in each.
type shape struct{ pools, elements int }

func (s shape) String() string {
	if s.pools == 1 {
		return fmt.Sprint(s.elements)
	}
	return fmt.Sprintf("%dx%d", s.pools, s.elements)
}

var shapes = []shape{{1, 10}, {1, 100}, {1, 1_000}, {1, 10_000}, {1, 100_000}, {1_000, 100}, {10_000, 10}}

// bench is a handlespace, what is registered in it, and in which order it is used.
type bench struct {
	rand     *rand.Rand
	space    *handlespace.Space
	handles  []rserpool.Handle
	elements []rserpool.Element // of handle i/shape.elements
	order    []int32
	perPool  int
	now      time.Time
}

func newBench(sh shape, t rserpool.PolicyType) *bench {
	b := &bench{rand: rand.New(rand.NewPCG(1, 2)), now: time.Unix(1e9, 0), perPool: sh.elements}
	b.empty()
	n := sh.pools * sh.elements
	for i := range sh.pools {
		b.handles = append(b.handles, rserpool.Handle(fmt.Sprintf("Pool-%08d", i)))
	}
	seen := map[rserpool.ElementID]bool{}
	for range n {
		id := rserpool.ElementID(b.rand.Uint32() | 1)
		for seen[id] {
			id = rserpool.ElementID(b.rand.Uint32() | 1)
		}
		seen[id] = true
		b.elements = append(b.elements, b.element(id, t))
	}
	for _, i := range b.rand.Perm(n) {
		b.order = append(b.order, int32(i))
	}
	return b
}

// empty starts over without elements.
func (b *bench) empty() {
	b.space = handlespace.New(handlespace.Config{Policies: engine.NewRegistry(builtin.All()...), Rand: b.rand})
}

func (b *bench) element(id rserpool.ElementID, t rserpool.PolicyType) rserpool.Element {
	return rserpool.Element{
		ID:   id,
		Home: 7,
		Life: 60_000,
		UserTransport: rserpool.Transport{
			Protocol:  rserpool.SCTP,
			Port:      5001,
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(id)})},
		},
		Policy: rserpool.Policy{
			Type:        t,
			Weight:      1 + b.rand.Uint32N(100),
			Priority:    b.rand.Uint32N(100),
			Load:        rserpool.Load(b.rand.Uint32()),
			Degradation: rserpool.Load(b.rand.Uint32N(1 << 24)),
			WeightDPF:   1 << 16,
			LoadDPF:     1 << 16,
			Distance:    b.rand.Uint32N(200),
		},
	}
}

func (b *bench) register(i int) {
	b.space.Register(b.now, b.handles[i/b.perPool], &b.elements[i], b.now.Add(time.Minute))
}

func (b *bench) registerAll() {
	for _, i := range b.order {
		b.register(int(i))
	}
}

// next returns a number that goes through the elements in random order.
func (b *bench) next(i int) int { return int(b.order[i%len(b.order)]) }

// stopwatch measures the time of a benchmark, and the processor time of all
// threads, the collector's among them: on a machine with other work, that is what
// can be compared.
type stopwatch struct {
	b     *testing.B
	spent time.Duration
	since time.Duration
}

func newStopwatch(b *testing.B) *stopwatch {
	b.ReportAllocs()
	b.ResetTimer()
	return &stopwatch{b: b, since: processorTime()}
}

func (w *stopwatch) pause() {
	w.b.StopTimer()
	w.spent += processorTime() - w.since
}

func (w *stopwatch) resume() {
	w.since = processorTime()
	w.b.StartTimer()
}

func (w *stopwatch) report() {
	w.pause()
	w.b.ReportMetric(float64(w.b.N)/w.b.Elapsed().Seconds(), "ops/s")
	if w.spent > 0 {
		w.b.ReportMetric(float64(w.b.N)/w.spent.Seconds(), "ops/cpu-s")
	}
}

func BenchmarkSelect3(b *testing.B) {
	for _, p := range builtin.All() {
		d := p.Describe()
		for _, sh := range shapes {
			b.Run(fmt.Sprintf("%s/%s", d.Name, sh), func(b *testing.B) {
				f := newBench(sh, d.Types[0])
				f.registerAll()
				dst := make([]*handlespace.Entry, 0, 3)
				w := newStopwatch(b)
				for i := 0; b.Loop(); i++ {
					h := f.handles[0]
					if sh.pools > 1 {
						h = f.handles[f.next(i)/sh.elements]
					}
					dst = f.space.Pool(h).Select(3, dst[:0])
				}
				w.report()
				if len(dst) != 3 {
					b.Fatalf("selected %d elements, want 3", len(dst))
				}
			})
		}
	}
}

// eachType runs a benchmark of registrations with one policy of each form.
func eachType(b *testing.B, run func(b *testing.B, f *bench)) {
	for _, t := range []rserpool.PolicyType{rserpool.RoundRobin, rserpool.Random, rserpool.WeightedRandom, rserpool.LeastUsed} {
		for _, sh := range shapes {
			b.Run(fmt.Sprintf("%s/%s", t, sh), func(b *testing.B) { run(b, newBench(sh, t)) })
		}
	}
}

// batch is the least number of operations between two pauses of the stopwatch,
// which would weigh more than they do.
const batch = 20_000

func BenchmarkRegister(b *testing.B) {
	eachType(b, func(b *testing.B, f *bench) {
		w := newStopwatch(b)
		for done := 0; done < b.N; {
			w.pause()
			var spaces []*handlespace.Space
			for range max(1, batch/len(f.order)) {
				f.empty()
				spaces = append(spaces, f.space)
			}
			runtime.GC()
			w.resume()
			for _, f.space = range spaces {
				for _, n := range f.order[:min(len(f.order), b.N-done)] {
					f.register(int(n))
					done++
				}
			}
		}
		w.report()
	})
}

func BenchmarkReregister(b *testing.B) {
	eachType(b, func(b *testing.B, f *bench) {
		f.registerAll()
		w := newStopwatch(b)
		for i := 0; b.Loop(); i++ {
			n := f.next(i)
			f.now = f.now.Add(time.Microsecond)
			f.elements[n].Policy.Load = rserpool.Load(f.rand.Uint32())
			f.register(n)
		}
		w.report()
	})
}

func BenchmarkDeregister(b *testing.B) {
	eachType(b, func(b *testing.B, f *bench) {
		w := newStopwatch(b)
		for done := 0; done < b.N; {
			w.pause()
			var spaces []*handlespace.Space
			for range max(1, batch/len(f.order)) {
				f.empty()
				f.registerAll()
				spaces = append(spaces, f.space)
			}
			f.rand.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
			runtime.GC()
			w.resume()
			for _, f.space = range spaces {
				for _, n := range f.order[:min(len(f.order), b.N-done)] {
					p := f.space.Pool(f.handles[int(n)/f.perPool])
					f.space.Remove(p.Find(f.elements[n].ID))
					done++
				}
			}
		}
		w.report()
	})
}

func BenchmarkFind(b *testing.B) {
	for _, sh := range shapes {
		b.Run(sh.String(), func(b *testing.B) {
			f := newBench(sh, rserpool.RoundRobin)
			f.registerAll()
			w := newStopwatch(b)
			for i := 0; b.Loop(); i++ {
				n := f.next(i)
				if f.space.Find(f.handles[n/f.perPool], f.elements[n].ID) == nil {
					b.Fatal("lost")
				}
			}
			w.report()
		})
	}
}

// BenchmarkBytesPerElement reports what an element with one IPv4 address takes,
// everything included.
func BenchmarkBytesPerElement(b *testing.B) {
	eachType(b, func(b *testing.B, f *bench) {
		var before, after runtime.MemStats
		for range b.N {
			f.empty()
			runtime.GC()
			runtime.ReadMemStats(&before)
			for _, i := range f.order {
				e := f.elements[i]
				e.UserTransport.Addresses = append([]netip.Addr(nil), e.UserTransport.Addresses...)
				h := rserpool.Handle(strings.Clone(string(f.handles[int(i)/f.perPool])))
				f.space.Register(f.now, h, &e, f.now.Add(time.Minute))
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(f.order)), "B/element")
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(f.space)
	})
}
