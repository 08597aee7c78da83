package simulate

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	seeds = flag.Int("seeds", 0, "how many worlds to run; zero for as many as fit in 20 s")
	first = flag.Uint64("seed", 0, "the first seed; with -seeds 1 its transcript is printed")
	fixed Options
)

func init() {
	flag.IntVar(&fixed.Registrars, "registrars", 0, "registrars in each world; zero for the seed's choice")
}

// TestInvariants runs worlds that seeds make up.
func TestInvariants(t *testing.T) {
	x := Exploration{First: max(*first, 1), Seeds: *seeds, Options: fixed}
	ctx := context.Background()
	if x.Seeds == 0 {
		patience := 20 * time.Second
		if testing.Short() {
			patience = 2 * time.Second
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
		x.Seeds = 1 << 30
	}
	began := time.Now()
	s := Explore(ctx, x)
	took := time.Since(began)
	t.Logf("%d worlds, %v of virtual time, %d steps in %v: %.0f worlds and %.0f steps a second, %.0f times as fast as life",
		s.Seeds, s.Virtual, s.Tally.Steps, took.Round(time.Millisecond), float64(s.Seeds)/took.Seconds(),
		float64(s.Tally.Steps)/took.Seconds(), s.Virtual.Seconds()/took.Seconds())
	t.Logf("%+v", s.Tally)
	for i, r := range s.Failures {
		if i < 3 {
			t.Error(report(r))
		} else {
			t.Errorf("seed %d: %v", r.Seed, r.Failure)
		}
	}
	if x.Seeds == 1 && *first != 0 {
		t.Log("\n" + transcript(Replay(x.First, x.Options).Lines))
	}
}

// report describes a failure with as few faults as it needs.
func report(r *Result) string {
	m := Minimise(r.Seed, fixed)
	return fmt.Sprintf("seed %d: %v\n%v\nwith these faults alone: %v\n%s\n%s\nrspool simulate replay %d", r.Seed, r.Failure, &r.Setting,
		m.Failure, strings.Join(m.Faults, "\n"), transcript(Brief(m.Tail(5*time.Second))), r.Seed)
}

func transcript(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

// TestSameSeedSameBytes runs worlds twice, with and without a transcript.
func TestSameSeedSameBytes(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		a, b, plain := Replay(seed, Options{}), Replay(seed, Options{}), Run(seed, Options{})
		if diff := cmp.Diff(transcript(a.Lines), transcript(b.Lines)); diff != "" {
			t.Fatalf("seed %d: transcripts differ (-first +second):\n%s", seed, diff)
		}
		if a.Hash != b.Hash || a.Hash != plain.Hash || a.Tally != plain.Tally {
			t.Fatalf("seed %d: hashes %x, %x, and %x without a transcript", seed, a.Hash, b.Hash, plain.Hash)
		}
	}
}

// TestMinimiseKeepsWhatIsNeeded has a failure that needs a drain and any cut.
func TestMinimiseKeepsWhatIsNeeded(t *testing.T) {
	faults := []Fault{{Kind: Crash}, {Kind: Cut}, {Kind: Drain}, {Kind: Pause}, {Kind: Cut}, {Kind: Load}, {Kind: Slow}}
	trials := 0
	needed := func(keep []int) bool {
		trials++
		cut, drain := false, false
		for _, i := range keep {
			cut = cut || faults[i].Kind == Cut
			drain = drain || faults[i].Kind == Drain
		}
		return cut && drain
	}
	got := minimise(len(faults), needed)
	if diff := cmp.Diff([]int{1, 2}, got); diff != "" {
		t.Errorf("another set of faults is kept (-want +got):\n%s", diff)
	}
	if trials > maxTrials {
		t.Errorf("%d trials for %d faults", trials, len(faults))
	}
}
