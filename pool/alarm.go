package pool

import "time"

// alarm is the timer that rings at a machine's deadline. It belongs to the
// machine's lock.
type alarm struct {
	timer *time.Timer
	at    time.Time // when it rings, zero: it does not
}

// newAlarm returns an alarm that is not set. Where the deadline stays although it
// rang, ring has to clear at.
func newAlarm(ring func()) alarm {
	t := time.AfterFunc(time.Hour, ring)
	t.Stop()
	return alarm{timer: t}
}

// set lets it ring at a deadline, zero: not at all.
func (a *alarm) set(at time.Time) {
	if at.Equal(a.at) {
		return
	}
	a.at = at
	if at.IsZero() {
		a.timer.Stop()
		return
	}
	a.timer.Reset(max(0, time.Until(at)))
}

func (a *alarm) stop() { a.timer.Stop() }
