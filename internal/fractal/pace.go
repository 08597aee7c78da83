package fractal

import (
	"context"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/sessions"
)

// slack is the time for which a pace may be exceeded to make up for sleeps that
// took longer than asked for.
const slack = 20 * time.Millisecond

// Pace limits the sessions of one element to so many pixels a second together, as
// if the element's machine had that speed. Sessions wait in the order in which they
// ask and ask for one message at a time, so that each gets the same share
// (processor sharing). A nil Pace does not limit. It may be used by any number of
// callers at once.
type Pace struct {
	perPixel time.Duration

	mu   sync.Mutex
	next time.Time // when all that was granted so far is done
}

// NewPace returns a pace of so many pixels a second, nil if that is not positive.
func NewPace(pixelsPerSecond float64) *Pace {
	if !(pixelsPerSecond > 0) {
		return nil
	}
	return &Pace{perPixel: max(time.Duration(float64(time.Second)/pixelsPerSecond), 1)}
}

// Wait waits until the pixels given would have been computed at this pace, or
// returns the context's error when that ends first.
func (p *Pace) Wait(ctx context.Context, pixels int) error {
	if p == nil {
		return ctx.Err()
	}
	now := time.Now()
	p.mu.Lock()
	if earliest := now.Add(-slack); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(pixels) * p.perPixel)
	ahead := p.next.Sub(now)
	p.mu.Unlock()
	if ahead <= 0 {
		return ctx.Err()
	}
	return sessions.Wait(ctx, ahead)
}
