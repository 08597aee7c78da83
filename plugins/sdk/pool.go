package sdk

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
)

// Pool is a pool that uses a policy of the plugin. The zero value, with a Config,
// will do in tests.
type Pool struct {
	// Handle names the pool.
	Handle rserpool.Handle
	// Config is the config block, checked and with the defaults filled in.
	Config Config

	ctx     context.Context
	wake    chan struct{}
	members map[rserpool.ElementID]*Element
	sorted  []Element // of members; nil where out of date
	timers  []timer

	mu       sync.Mutex
	stale    bool // Rerank was called
	problems []*protocol.Problem
}

// timer is what Every was called with.
type timer struct {
	interval time.Duration
	next     time.Time
	run      func()
}

// maxProblems bounds what is reported between two messages.
const maxProblems = 16

// Context ends when the pool is no longer followed.
func (p *Pool) Context() context.Context {
	if p.ctx == nil {
		return context.Background()
	}
	return p.ctx
}

// Log returns a logger whose lines the registrar's log takes up.
func (p *Pool) Log() *slog.Logger { return slog.Default().With("pool", p.Handle.String()) }

// Elements returns all elements in order of their identifiers. It may be called
// from the methods of a Ranker, Queuer or Chooser and by what Every runs. The
// slice must not be changed.
func (p *Pool) Elements() []Element {
	if p.sorted == nil {
		p.sorted = make([]Element, 0, len(p.members))
		for _, e := range p.members {
			p.sorted = append(p.sorted, *e)
		}
		slices.SortFunc(p.sorted, func(a, b Element) int { return cmp.Compare(a.ID, b.ID) })
	}
	return p.sorted
}

// Rerank has Rank, or Queue, called soon for all elements, because something else
// than the elements has changed. It may be called from anywhere.
func (p *Pool) Rerank() {
	p.mu.Lock()
	p.stale = true
	p.mu.Unlock()
	p.signal()
}

// Every runs f at an interval, never at once with a method of the Ranker, Queuer or
// Chooser. It may be called from where these are, and where the pool is opened. The
// interval is at least 10 ms.
func (p *Pool) Every(interval time.Duration, f func()) {
	interval = max(interval, 10*time.Millisecond)
	p.timers = append(p.timers, timer{interval, time.Now().Add(interval), f})
}

// Warn shows a text to the operator. It may be called from anywhere.
func (p *Pool) Warn(text string) { p.report(protocol.Severity_WARNING, text) }

// Fail shows a text to the operator and counts as a fault of the policy: enough of
// them, and the pool changes to its fallback. It may be called from anywhere.
func (p *Pool) Fail(text string) { p.report(protocol.Severity_ERROR, text) }

func (p *Pool) report(severity protocol.Severity, text string) {
	p.mu.Lock()
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, &protocol.Problem{Severity: severity, Text: text})
	}
	p.mu.Unlock()
	p.signal()
}

func (p *Pool) signal() {
	select {
	case p.wake <- struct{}{}:
	default: // also where there is no channel, in tests of authors
	}
}

// takeNotes returns what Rerank and report have left.
func (p *Pool) takeNotes() (stale bool, problems []*protocol.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stale, problems = p.stale, p.problems
	p.stale, p.problems = false, nil
	return stale, problems
}

// runTimers runs what is due and returns how long it is until the next, a long time
// if there is none.
func (p *Pool) runTimers(now time.Time) time.Duration {
	wait := time.Hour
	for i := range p.timers {
		t := &p.timers[i]
		if !t.next.After(now) {
			t.next = now.Add(t.interval)
			t.run()
		}
		wait = min(wait, t.next.Sub(now))
	}
	return max(wait, 0)
}
