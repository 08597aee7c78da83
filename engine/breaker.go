package engine

import (
	"cmp"
	"time"
)

// Breaker says when a pool goes by the next policy of its chain because one fails,
// and when that one is tried again. Fields that are zero have the defaults said.
type Breaker struct {
	// Errors is the number of faults within Window that are too many; 5.
	Errors int
	// Window is 10 s.
	Window time.Duration
	// Cooldown is how long the policy is left alone; 30 s. Then it is asked again,
	// without its answers being used, and comes back if it does not fail as often
	// within Window.
	Cooldown time.Duration
}

func (b Breaker) filled() Breaker {
	return Breaker{
		Errors:   min(max(cmp.Or(b.Errors, 5), 1), maxErrors),
		Window:   cmp.Or(b.Window, 10*time.Second),
		Cooldown: cmp.Or(b.Cooldown, 30*time.Second),
	}
}

// maxErrors bounds what a breaker remembers.
const maxErrors = 1000

// phase is where a breaker stands.
type phase uint8

const (
	closed phase = iota // the policy may be used
	opened              // it is left alone
	trial               // it is asked, for nothing
)

// breaker is the state of one policy of a chain. It opens when faults come too
// close, or the policy cannot be opened; it closes after a trial.
type breaker struct {
	phase phase
	until time.Time // when open or trial ends
	cause error     // why it opened last
	trips uint64

	recent []time.Time // of faults, at most Errors of them; a ring
	oldest int
}

// count notes a fault and reports whether it is one too many.
func (b *breaker) count(now time.Time, rules *Breaker) bool {
	if len(b.recent) < rules.Errors {
		b.recent = append(b.recent, now)
	} else {
		b.recent[b.oldest] = now
		b.oldest = (b.oldest + 1) % len(b.recent)
	}
	return len(b.recent) == rules.Errors && now.Sub(b.recent[b.oldest]) <= rules.Window
}

// trip opens the breaker.
func (b *breaker) trip(now time.Time, cause error, rules *Breaker) {
	b.phase, b.until, b.cause = opened, now.Add(rules.Cooldown), cause
	b.trips++
	b.forget()
}

// try begins a trial.
func (b *breaker) try(now time.Time, rules *Breaker) {
	b.phase, b.until = trial, now.Add(rules.Window)
	b.forget()
}

// heal ends a trial that went well.
func (b *breaker) heal() {
	b.phase, b.until = closed, time.Time{}
	b.forget()
}

func (b *breaker) forget() { b.recent, b.oldest = b.recent[:0], 0 }
