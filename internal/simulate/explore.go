package simulate

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Exploration is the plan of running many worlds.
type Exploration struct {
	First   uint64 // the first seed
	Seeds   int
	Options Options
	// Workers is how many run at a time. If zero, as many as there are processors.
	Workers int
	// MaxFailures ends the exploration early. If zero, 10.
	MaxFailures int
	// Done is told after each world how many are over, and may be nil. It is
	// called by one goroutine at a time.
	Done func(over, failures int)
}

// Summary is what many worlds have come to.
type Summary struct {
	Seeds    int
	Virtual  time.Duration
	Tally    Tally
	Failures []*Result // by seed
}

// Explore runs the worlds of consecutive seeds. It ends early when ctx does.
func Explore(ctx context.Context, x Exploration) *Summary {
	if x.Workers == 0 {
		x.Workers = runtime.GOMAXPROCS(0)
	}
	if x.MaxFailures == 0 {
		x.MaxFailures = 10
	}
	var mu sync.Mutex
	var workers sync.WaitGroup
	s := &Summary{}
	next := 0
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == x.Seeds || ctx.Err() != nil || len(s.Failures) >= x.MaxFailures {
			return 0, false
		}
		next++
		return x.First + uint64(next-1), true
	}
	for range x.Workers {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := Run(seed, x.Options)
				mu.Lock()
				s.add(r)
				if x.Done != nil {
					x.Done(s.Seeds, len(s.Failures))
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	slices.SortFunc(s.Failures, func(a, b *Result) int { return int(int64(a.Seed) - int64(b.Seed)) })
	return s
}

func (s *Summary) add(r *Result) {
	s.Seeds++
	s.Virtual += r.Virtual
	s.Tally.add(&r.Tally)
	if r.Failure != nil {
		s.Failures = append(s.Failures, r)
	}
}

func (t *Tally) add(o *Tally) {
	t.Steps += o.Steps
	t.Messages += o.Messages
	t.Associations += o.Associations
	t.Resolutions += o.Resolutions
	t.Unresolved += o.Unresolved
	t.Failovers += o.Failovers
	t.LongestFailover = max(t.LongestFailover, o.LongestFailover)
	t.Takeovers += o.Takeovers
	t.TableRequests += o.TableRequests
}

// Replay runs a seed's world and writes its transcript down.
func Replay(seed uint64, o Options) *Result { return run(seed, o, nil, true) }

// maxTrials bounds the worlds that Minimise runs beside the first and the last.
const maxTrials = 500

// Minimise replays a seed's world with as few of its faults as the failure needs.
// Where the world does not fail, it is replayed as it is.
func Minimise(seed uint64, o Options) *Result {
	whole := Run(seed, o)
	if whole.Failure == nil {
		return Replay(seed, o)
	}
	keep := minimise(len(whole.Faults), func(keep []int) bool {
		r := run(seed, o, keep, false)
		return r.Failure != nil && r.Failure.Invariant == whole.Failure.Invariant
	})
	return run(seed, o, keep, true)
}

// minimise leaves out as many of n faults as it can without an end to the failure:
// first large parts, then one by one.
func minimise(n int, fails func(keep []int) bool) []int {
	keep := make([]int, n)
	for i := range keep {
		keep[i] = i
	}
	trials := 0
	for size := len(keep); size > 0 && trials < maxTrials; {
		dropped := false
		for from := 0; from < len(keep) && trials < maxTrials; {
			fewer := slices.Delete(slices.Clone(keep), from, min(from+size, len(keep)))
			trials++
			if fails(fewer) {
				keep, dropped = fewer, true
			} else {
				from += size
			}
		}
		if size = min(size, len(keep)); size == 1 && dropped {
			continue
		}
		size /= 2
	}
	return keep
}

// Brief returns the lines that are not routine.
func Brief(lines []Line) []Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return l.Routine })
}

// Tail returns the lines of the last seconds of the transcript.
func (r *Result) Tail(d time.Duration) []Line {
	i, _ := slices.BinarySearchFunc(r.Lines, r.Virtual-d, func(l Line, t time.Duration) int { return int(l.At - t) })
	return r.Lines[i:]
}
