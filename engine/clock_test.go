package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

func TestClockTurns(t *testing.T) {
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		return l
	}
	for _, tc := range []struct {
		name  string
		clock Clock
		zone  *time.Location
		now   string
		want  string
	}{
		{"a minute", Minute, time.UTC, "2026-01-05T21:00:00.5Z", "2026-01-05T21:01:00Z"},
		{"a minute that begins now", Minute, time.UTC, "2026-01-05T21:00:00Z", "2026-01-05T21:01:00Z"},
		{"an hour", Hour, time.UTC, "2026-01-05T21:59:59.999Z", "2026-01-05T22:00:00Z"},
		{"an hour half an hour away", Hour, zone("Asia/Kolkata"), "2026-01-05T21:00:00Z", "2026-01-05T21:30:00Z"},
		{"an hour that is there twice", Hour, zone("Europe/Berlin"), "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
		{"an hour before half an hour is skipped", Hour, zone("Australia/Lord_Howe"), "2026-10-03T15:20:00Z", "2026-10-03T15:30:00Z"},
		{"a day", Weekday, time.UTC, "2026-01-05T21:00:00Z", "2026-01-06T00:00:00Z"},
		{"a day of 25 hours", Weekday, zone("Europe/Berlin"), "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"a day of 23 hours", Weekday, zone("Europe/Berlin"), "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"no clock", NoClock, time.UTC, "2026-01-05T21:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339Nano, tc.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := tc.clock.next(now.In(tc.zone)).UTC().Format(time.RFC3339Nano); got != tc.want {
				t.Errorf("next at %s, want %s", got, tc.want)
			}
		})
	}
}

// TestClockAlwaysGoesOn goes through a year of odd days: every turn is ahead, and no
// change of the part of the day is missed by more than the turn itself.
func TestClockAlwaysGoesOn(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut", "Africa/Cairo"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		for clock, longest := range map[Clock]time.Duration{Hour: time.Hour, Weekday: 25 * time.Hour} {
			now := time.Date(2026, 1, 1, 0, 10, 0, 0, zone)
			for now.Year() == 2026 {
				next := clock.next(now)
				if !next.After(now) || next.Sub(now) > longest {
					t.Fatalf("%s: from %v to %v", name, now, next)
				}
				if a, b := now.Hour(), next.Add(-time.Nanosecond).Hour(); clock == Hour && a != b && next.Sub(now) == time.Hour {
					t.Fatalf("%s: the hour changes between %v and %v", name, now, next)
				}
				now = next
			}
		}
	}
}

// hourly has a key that follows the hour, and counts how often it is asked.
type hourly struct {
	d     Description
	asked int
	ticks []string
	pool  *Pool
}

func (p *hourly) Describe() Description { return p.d }
func (p *hourly) Open(pool *Pool) (Policy, error) {
	p.pool = pool
	return atWork{p}, nil
}

type atWork struct{ *hourly }

func (p atWork) Key(*Member) float64 {
	p.asked++
	return float64(p.pool.Now().Hour())
}
func (p atWork) Tick(now time.Time) error {
	p.ticks = append(p.ticks, now.UTC().Format("15:04:05"))
	return nil
}

func TestPoliciesAreAskedAnewInTime(t *testing.T) {
	at := func(s string) time.Time {
		d, _ := time.Parse("15:04:05.000", s)
		return time.Date(2026, 1, 5, d.Hour(), d.Minute(), d.Second(), d.Nanosecond(), time.UTC)
	}
	begin := at("21:30:00.000")
	for _, tc := range []struct {
		name  string
		d     Description
		times string // at which it is ticked, and how often the policy is asked then
		ticks string
	}{
		{"every 20 s", Description{Inputs: Time, Every: 20 * time.Second}, "21:30:20.000=3 21:30:40.000=3 21:31:00.000=3", "21:30:20 21:30:40 21:31:00"},
		{"the hour", Description{Inputs: Time, Clock: Hour}, "22:00:00.000=3 23:00:00.000=3", ""},
		{"the hour and every 20 min", Description{Inputs: Time, Clock: Hour, Every: 20 * time.Minute}, "21:50:00.000=3 22:00:00.000=3 22:10:00.000=3", "21:50:00 22:10:00"},
		{"a ticker whose key does not depend on it", Description{Every: time.Minute}, "21:31:00.000=0 21:32:00.000=0", "21:31:00 21:32:00"},
		{"the members", Description{Inputs: Membership}, "21:30:00.100=3", ""},
		{"nothing", Description{}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.d.Name = "hourly"
			p := &hourly{d: tc.d}
			s, err := NewSelector(begin, p, Setting{Rand: seeded()})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				s.Add(begin, member(uint32(i)))
			}
			var times []string
			for now := s.NextTick(); !now.IsZero() && len(times) < len(strings.Fields(tc.times)); now = s.NextTick() {
				p.asked = 0
				s.Tick(now.Add(-time.Nanosecond))
				if p.asked != 0 {
					t.Errorf("asked before %v", now)
				}
				s.Tick(now)
				times = append(times, fmt.Sprintf("%s=%d", now.Format("15:04:05.000"), p.asked))
			}
			if got := strings.Join(times, " "); got != tc.times {
				t.Errorf("asked at %s, want %s", got, tc.times)
			}
			if got := strings.Join(p.ticks, " "); got != tc.ticks {
				t.Errorf("ticks at %s, want %s", got, tc.ticks)
			}
		})
	}
}

// TestChangesOfTheMembershipAreGathered lets many members come at once.
func TestChangesOfTheMembershipAreGathered(t *testing.T) {
	p := &hourly{d: Description{Name: "hourly", Inputs: Membership}}
	s, err := NewSelector(start, p, Setting{Rand: seeded()})
	if err != nil {
		t.Fatal(err)
	}
	var ms []*Member
	for i := range 50 {
		ms = append(ms, member(uint32(i)))
		s.Add(start.Add(time.Duration(i)*time.Millisecond), ms[i])
	}
	if p.asked != 50 {
		t.Errorf("asked %d times while members join, want once each", p.asked)
	}
	if want := start.Add(batch); !s.NextTick().Equal(want) {
		t.Fatalf("next at %v, want %v", s.NextTick(), want)
	}
	s.Tick(start.Add(batch))
	if p.asked != 100 || !s.NextTick().IsZero() {
		t.Errorf("asked %d times, next at %v", p.asked, s.NextTick())
	}
	s.Update(start.Add(time.Second), ms[0]) // with the same load
	if !s.NextTick().IsZero() {
		t.Error("a re-registration without a new load changes the membership")
	}
	ms[0].Element.Policy.Load = 1 << 31
	s.Update(start.Add(time.Second), ms[0])
	if want := start.Add(time.Second + batch); !s.NextTick().Equal(want) {
		t.Errorf("next at %v, want %v", s.NextTick(), want)
	}
}

func TestPoolLoadIsTheMean(t *testing.T) {
	s := newSelector(byWeight{})
	if s.Load() != 0 {
		t.Errorf("load %g without members", s.Load())
	}
	var ms []*Member
	for i, l := range []uint32{0xffffffff, 0, 1 << 31, 0xffffffff} {
		m := member(uint32(i))
		m.Element.Policy.Load = rserpool.Load(l)
		ms = append(ms, m)
		s.Add(start, m)
	}
	if got := s.Load(); got != 0.625 {
		t.Errorf("load %g, want 0.625", got)
	}
	ms[1].Element.Policy.Load = 0xffffffff
	s.Update(start, ms[1])
	s.Remove(ms[2])
	if got := s.Load(); got != 1 {
		t.Errorf("load %g, want exactly 1", got)
	}
}
