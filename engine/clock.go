package engine

import "time"

// batch is how long changes of the membership are gathered before a policy that
// depends on it is asked anew.
const batch = 100 * time.Millisecond

// timer knows when a policy is asked anew because of the time.
type timer struct {
	every  time.Duration
	ticker Ticker // nil without
	clock  Clock
	zone   *time.Location

	period  time.Time // when every has passed, zero for never
	turn    time.Time // when the clock's part of the day changes, zero for never
	gathers time.Time // when changes of the membership are taken into account
}

func (t *timer) set(now time.Time, p Policy, d *Description) {
	*t = timer{every: d.Every, clock: d.Clock, zone: d.Zone}
	if t.every > 0 {
		t.ticker, _ = p.(Ticker)
		t.period = now.Add(t.every)
	}
	if t.zone == nil {
		t.zone = time.UTC
	}
	t.turn = t.clock.next(now.In(t.zone))
}

// next returns when the part of the day changes, the zero time for never.
func (c Clock) next(now time.Time) time.Time {
	year, month, day := now.Date()
	second := time.Second*time.Duration(now.Second()) + time.Duration(now.Nanosecond())
	var next time.Time
	switch c {
	case Minute:
		next = now.Add(time.Minute - second)
	case Hour:
		// Where the zone's offset changes by half an hour, it does so when an
		// hour begins.
		next = now.Add(time.Hour - time.Duration(now.Minute())*time.Minute - second)
	case Weekday:
		next = time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
		if !next.After(now) { // there is no such midnight
			next = now.Add(time.Hour)
		}
	default:
		return time.Time{}
	}
	return next.Round(0)
}

// NextTick returns when Tick is due, the zero time for never.
func (s *Selector) NextTick() time.Time {
	if s.watch == nil {
		return time.Time{}
	}
	t := &s.watch.timer
	return earlier(earlier(t.period, t.turn), t.gathers)
}

// Tick does what has become due.
func (s *Selector) Tick(now time.Time) {
	if s.watch == nil {
		return
	}
	s.at(now)
	t := &s.watch.timer
	var changed Inputs
	if due(t.period, now) {
		// What was missed is not made up for.
		t.period = now.Add(t.every)
		if t.ticker != nil {
			s.told(tick(t.ticker, now))
		}
		changed = Time | State
	}
	if due(t.turn, now) {
		t.turn = t.clock.next(now.In(t.zone))
		changed |= Time
	}
	if due(t.gathers, now) {
		t.gathers = time.Time{}
		changed |= Membership
	}
	if changed != 0 && !s.failing() && s.inputs&changed != 0 {
		s.refresh()
	}
}

// changed notes a change of the membership.
func (s *Selector) changed() {
	if s.inputs&Membership != 0 && s.watch != nil && s.watch.timer.gathers.IsZero() {
		s.watch.timer.gathers = s.watch.now.Add(batch)
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
