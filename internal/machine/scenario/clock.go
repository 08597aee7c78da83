package scenario

import (
	"bytes"
	"fmt"
	"time"
)

// Clock is the time of a scenario, and its transcript: most of a World.
type Clock struct {
	Began, Now time.Time
	Out        bytes.Buffer // the transcript since it was last asked for

	unit time.Duration
}

// NewClock returns a clock whose transcript rounds the time to a multiple of
// unit; if zero, it does not.
func NewClock(unit time.Duration) Clock {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Clock{Now: at, Began: at, unit: unit}
}

// Say writes a line of the transcript, behind the time since the scenario began.
func (c *Clock) Say(format string, args ...any) {
	fmt.Fprintf(&c.Out, "%-8s %s\n", c.Now.Sub(c.Began).Round(c.unit), fmt.Sprintf(format, args...))
}

// Transcript implements World.
func (c *Clock) Transcript() []byte {
	b := bytes.Clone(c.Out.Bytes())
	c.Out.Reset()
	return b
}

// Advance lets time pass and calls tick at every deadline on the way. A deadline
// that was met must not come back.
func (c *Clock) Advance(by string, deadline func() time.Time, tick func()) error {
	d, err := time.ParseDuration(by)
	if err != nil {
		return err
	}
	end := c.Now.Add(d)
	for range 10_000 {
		at := deadline()
		if at.IsZero() || at.After(end) {
			c.Now = end
			return nil
		}
		if at.After(c.Now) {
			c.Now = at
		}
		tick()
		if deadline().Equal(at) {
			return fmt.Errorf("the deadline %v stays although it was met", at.Sub(c.Began))
		}
	}
	return fmt.Errorf("the machine does not come to rest: its deadline is %v", deadline().Sub(c.Began))
}
