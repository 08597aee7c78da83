package main

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/status"
)

var (
	steady         = flag.Duration("steady", 3*time.Second, "how long TestSteadyScopeIsNotSynchronised looks on")
	steadyElements = flag.Int("steady-elements", 500, "how many elements there are in it")
)

// joinLimit is how long a registrar may take to learn a scope of 10,000 elements.
const joinLimit = 5 * time.Second

// A scope in which nobody comes or goes has nothing to repair, however long one
// looks on: -steady 10m -steady-elements 10000.
func TestSteadyScopeIsNotSynchronised(t *testing.T) {
	s := newScopeRun(t)
	for range 2 {
		s.start()
	}
	const each = 100
	began := time.Now()
	s.register((*steadyElements+each-1)/each, each)
	registered := time.Since(began)
	s.eventually("all elements everywhere", func() error { return s.complete(s.registrars...) })
	t.Logf("%d elements are registered, one after the other, after %v, and known to both registrars after %v",
		s.elements, registered.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	began = time.Now()
	s.start()
	joined := time.Since(began)
	if err := s.complete(s.registrars...); err != nil {
		t.Errorf("the registrar that has joined says that it is in sync: %v", err)
	}
	t.Logf("a registrar has started and knows %d elements after %v", s.elements, joined.Round(time.Millisecond))
	if joined > joinLimit {
		t.Errorf("that is more than %v", joinLimit)
	}

	s.register((*steadyElements/10+each-1)/each, each) // so that all three are homes
	s.eventually("all elements everywhere", func() error { return s.complete(s.registrars...) })
	for _, r := range s.registrars {
		t.Logf("%s is the home of %d elements", r.process.name, s.statusOf(r).OwnedCount)
	}
	before := s.audits()
	for end := time.Now().Add(*steady); time.Now().Before(end); {
		time.Sleep(min(30*time.Second, time.Until(end)))
		t.Logf("%s", time.Now().Format(time.TimeOnly))
		for i, r := range s.registrars {
			now := s.statusOf(r).Scope
			t.Logf("%s: audits %v", r.process.name, now.Counters.Audits)
			if n := now.Counters.Audits["resyncs"] - before[i]["resyncs"]; n > 0 {
				t.Errorf("%s has synchronised itself %d times", r.process.name, n)
			}
		}
		if t.Failed() {
			return
		}
	}
	if err := s.complete(s.registrars...); err != nil {
		t.Error(err)
	}
}

// statusOf reads the status of a registrar.
func (s *scopeRun) statusOf(r *scopeRegistrar) *status.Registrar {
	s.t.Helper()
	snapshot, err := readSnapshot(context.Background(), r.ready.Telemetry, status.Query{Limit: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	return snapshot.(*status.Registrar)
}

// audits are those of each registrar.
func (s *scopeRun) audits() []status.Counts {
	var list []status.Counts
	for _, r := range s.registrars {
		list = append(list, s.statusOf(r).Scope.Counters.Audits)
	}
	return list
}
