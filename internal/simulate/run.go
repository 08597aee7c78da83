package simulate

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// Result is what has become of a world.
type Result struct {
	Seed    uint64
	Setting Setting
	Failure *Failure      // nil where every invariant held
	Hash    uint64        // of everything that was sent
	Virtual time.Duration // how long the world has lasted
	Tally   Tally
	Faults  []string // that happened, in words
	Lines   []Line   // the transcript, where one was wanted
}

// Run lets a seed's world run to its end, or to the first failure.
func Run(seed uint64, o Options) *Result { return run(seed, o, nil, false) }

// run lets a world run with those faults alone that are to be kept, or with all
// if that is nil.
func run(seed uint64, o Options, keep []int, recording bool) *Result {
	w, fs := build(seed, o)
	w.recording = recording
	w.note("seed %d: %v", seed, &w.setting)
	if keep != nil {
		kept := make([]Fault, len(keep))
		for i, k := range keep {
			kept[i] = fs[k]
		}
		fs = kept
	}
	w.run(fs)
	w.tally.Associations = uint64(w.lastID)
	result := &Result{Seed: seed, Setting: w.setting, Failure: w.failure, Hash: w.hash, Virtual: w.now, Tally: w.tally, Lines: w.lines}
	for _, f := range fs {
		result.Faults = append(result.Faults, fmt.Sprintf("%9.3fs  %s", f.At.Seconds(), w.describe(f)))
	}
	return result
}

// build makes a world in which nothing has happened yet, and what will go wrong in
// it.
func build(seed uint64, o Options) (*World, []Fault) {
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(seed, drawSetting(r, o), r)
	for _, h := range w.hosts {
		w.at(time.Duration(r.Int64N(int64(2*time.Second))), func() { w.start(h, true) })
	}
	return w, drawFaults(r, w)
}

// run lets everything happen until the world's end, or the first failure.
func (w *World) run(fs []Fault) {
	defer func() {
		if p := recover(); p != nil {
			w.fail(Panic, "%v\n%s", p, debug.Stack())
		}
	}()
	for _, f := range fs {
		w.at(f.At, func() { w.happen(f) })
	}
	w.at(w.setting.Chaos, func() {
		w.note("*** quiet from here")
		w.loss = 0 // a keep-alive that arrives late costs an element its place
	})
	w.at(w.setting.Settled, func() { w.note("*** settled from here") })
	w.after(time.Second, w.inspect)
	for w.failure == nil && w.next(w.setting.End) {
	}
}

// inspect checks the invariants once a second.
func (w *World) inspect() {
	w.check()
	if w.settled() && w.failure == nil {
		w.checkSettled()
	}
	w.after(time.Second, w.inspect)
}
