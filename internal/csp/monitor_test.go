package csp

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// until waits until f holds: far longer than it takes.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

func TestMonitorHearsAReporter(t *testing.T) {
	m, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var mu sync.Mutex
	said := []Report{{Sender: NewID(Element, 1), Status: "one"}, {Sender: NewID(Element, 2), Status: "two"}}
	r, err := NewReporter(ReporterConfig{
		Server: m.Addr(), Interval: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Source: func() []Report {
			mu.Lock()
			defer mu.Unlock()
			return said
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	known := func(want ...string) func() bool {
		return func() bool {
			got, _ := m.Components()
			if len(got) != len(want) {
				return false
			}
			for i, c := range got {
				if c.Status != want[i] || c.Interval != 10*time.Millisecond || c.From.String() != "127.0.0.1" {
					return false
				}
			}
			return true
		}
	}
	until(t, "two components", known("one", "two"))
	mu.Lock()
	said = []Report{{Sender: NewID(Element, 2), Status: "alone"}}
	mu.Unlock()
	until(t, "one has left", known("alone"))
	stop()
	<-done
	until(t, "all have left", known())
	if _, c := m.Components(); c.Taken < 5 || c.Malformed+c.Foreign+c.Refused != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestReporterWithoutMonitorGoesOn(t *testing.T) {
	m, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := m.Addr()
	m.Close()
	var rounds atomic.Int64
	r, err := NewReporter(ReporterConfig{
		Server: at, Interval: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Source: func() []Report {
			rounds.Add(1)
			return []Report{{Sender: NewID(User, 1)}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	until(t, "some reports that nobody hears", func() bool { return rounds.Load() > 10 })
	if m, err = Listen(at); err != nil {
		t.Skipf("another program has taken the port: %v", err)
	}
	defer m.Close()
	until(t, "a component", func() bool { all, _ := m.Components(); return len(all) == 1 })
	stop()
	<-done
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.0.0.1:99999", "127.0.0.1:port"} {
		if m, err := Listen(address); err == nil {
			t.Errorf("listened at %q", address)
			m.Close()
		}
		if r, err := NewReporter(ReporterConfig{Server: address}); err == nil {
			t.Errorf("reports to %q", address)
			r.Close()
		}
	}
}
