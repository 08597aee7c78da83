package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

var takeovers = flag.Int("takeovers", 1, "how often a registrar is killed in TestElementsOutliveTheirRegistrar")

// detection is how long a dead registrar may stay unnoticed by the defaults:
// max_time_last_heard and max_time_no_response.
const detection = 10 * time.Second

// scopeRun is an operation scope of real processes, with elements and users in
// this one.
type scopeRun struct {
	t          *testing.T
	folder     string
	processes  *processes
	registrars []*scopeRegistrar
	elements   int
	watch      bool // elements may not be missing at any time
}

type scopeRegistrar struct {
	process *process
	ready   readiness
}

func newScopeRun(t *testing.T) *scopeRun {
	t.Helper()
	t.Setenv(asCommand, "1")
	s := &scopeRun{t: t, folder: t.TempDir()}
	var err error
	if s.processes, err = newProcesses(s.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.processes.endAll(10 * time.Second) })
	return s
}

// start starts a registrar and waits until it is in sync.
func (s *scopeRun) start(args ...string) *scopeRegistrar {
	s.t.Helper()
	name := fmt.Sprintf("registrar-%d", len(s.registrars)+1)
	ready := filepath.Join(s.folder, name+".ready")
	all := append([]string{"registrar", "run", "--listen", loopback, "--asap-port", "any", "--udp-port", "any",
		"--announce=false", "--telemetry", loopback + ":0", "--ready-file", ready}, args...)
	for _, r := range s.registrars {
		all = append(all, "--peer", r.ready.ENRP)
	}
	p, err := s.processes.start(name, all...)
	if err != nil {
		s.t.Fatal(err)
	}
	r := &scopeRegistrar{process: p}
	s.eventually("a registrar that is ready", func() error {
		line, err := os.ReadFile(ready)
		if err == nil {
			err = json.Unmarshal(line, &r.ready)
		}
		return err
	})
	s.eventually("a registrar in sync", func() error {
		v, err := readSpace(context.Background(), r.ready.Telemetry, "")
		if err == nil && !v.InSync {
			err = errors.New("it is not in sync")
		}
		return err
	})
	s.registrars = append(s.registrars, r)
	return r
}

// eventually tries until f succeeds, and returns how long that took.
func (s *scopeRun) eventually(what string, f func() error) time.Duration {
	s.t.Helper()
	began := time.Now()
	for {
		err := f()
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > patience {
			for _, r := range s.registrars {
				s.t.Logf("%s:\n%s", r.process.name, tail(r.process.log, 40))
			}
			s.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// addresses are where hosts look for a registrar, beginning with the nth.
func (s *scopeRun) addresses(n int) []string {
	var list []string
	for i := range s.registrars {
		list = append(list, s.registrars[(n+i)%len(s.registrars)].ready.ASAP)
	}
	return list
}

func (s *scopeRun) host(n int) *pool.Host {
	s.t.Helper()
	h, err := pool.NewHost(&pool.HostConfig{Registrars: s.addresses(n), Listen: loopback, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = h.Close() })
	return h
}

// register lets hosts with elements join, evenly over the registrars.
func (s *scopeRun) register(hosts, each int) {
	s.t.Helper()
	for i := range hosts {
		h := s.host(i)
		for range each {
			s.elements++
			_, err := pool.Register(context.Background(), rserpool.Handle(fmt.Sprintf("Pool-%d", s.elements%7)), &pool.ElementConfig{
				Host: h, ID: rserpool.ElementID(s.elements), Transport: &rserpool.Transport{Protocol: rserpool.TCP, Port: 9},
			})
			if err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

var errMissing = errors.New("some are missing")

// complete reports why a registrar does not know all elements, each with a home
// that lives.
func (s *scopeRun) complete(homes ...*scopeRegistrar) error {
	for _, r := range homes {
		v, err := readSpace(context.Background(), r.ready.Telemetry, "")
		if err != nil {
			return err
		}
		if len(v.Elements) != s.elements {
			return fmt.Errorf("%s knows %d of %d elements: %w", r.process.name, len(v.Elements), s.elements, errMissing)
		}
		for i := range v.Elements {
			alive := false
			for _, h := range homes {
				alive = alive || v.Elements[i].Home.String() == h.ready.ID
			}
			if !alive {
				return fmt.Errorf("%s/%s has the home %s", v.Elements[i].Pool, v.Elements[i].ID, v.Elements[i].Home)
			}
		}
	}
	return nil
}

// scopeUser resolves without pause, and notes how long that failed at most.
type scopeUser struct {
	answered int
	longest  time.Duration // from one success to the next
	errors   int
	err      error // the last
}

func (u *scopeUser) run(ctx context.Context, h *pool.Host, pools int) {
	last := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		r, err := pool.Resolve(ctx, h, rserpool.Handle(fmt.Sprintf("Pool-%d", i%pools)), 2)
		switch {
		case err == nil && len(r.Elements) > 0:
			now := time.Now()
			u.longest = max(u.longest, now.Sub(last))
			last = now
			u.answered++
		case ctx.Err() == nil:
			u.errors++
			u.err = err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// The acceptance of the operation scope: kill -9 of the home of a third of the
// elements leaves every element with another home, and no user without answers
// for longer than it takes to detect the death.
func TestElementsOutliveTheirRegistrar(t *testing.T) {
	for n := range *takeovers {
		t.Run(fmt.Sprintf("run_%d", n+1), testTakeover)
	}
}

func testTakeover(t *testing.T) {
	s := newScopeRun(t)
	took, longest := s.without("kill -9", func(r *scopeRegistrar) error { return s.processes.kill(r.process) })
	if took > detection || longest > detection {
		t.Errorf("that is more than %v", detection)
	}
}

// A registrar that is told to end hands its elements over: the others know every
// one of them all the time.
func TestElementsAreHandedOver(t *testing.T) {
	s := newScopeRun(t)
	s.watch = true
	took, longest := s.without("SIGTERM", func(r *scopeRegistrar) error {
		s.processes.expectEnd(r.process)
		return r.process.cmd.Process.Signal(syscall.SIGTERM)
	})
	if took > detection || longest > detection {
		t.Errorf("that is more than %v", detection)
	}
}

// largest returns the home of the most elements: of a third at least.
func (s *scopeRun) largest() (home *scopeRegistrar, owned int) {
	for _, r := range s.registrars {
		if n := s.statusOf(r).OwnedCount; home == nil || n > owned {
			home, owned = r, n
		}
	}
	return home, owned
}

// without ends the home of a third of 200 elements while users resolve, and returns
// how long it took until each has another home, and how long a user waited at most.
func (s *scopeRun) without(how string, end func(*scopeRegistrar) error) (took, longest time.Duration) {
	s.t.Helper()
	for range 3 {
		s.start()
	}
	s.register(40, 5)
	s.eventually("all elements everywhere", func() error { return s.complete(s.registrars...) })

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	users := make([]scopeUser, 6)
	var wg sync.WaitGroup
	for i := range users {
		h := s.host(i)
		wg.Go(func() { users[i].run(ctx, h, 7) })
	}
	time.Sleep(500 * time.Millisecond)

	victim, owned := s.largest()
	others := slices.DeleteFunc(slices.Clone(s.registrars), func(r *scopeRegistrar) bool { return r == victim })
	if err := end(victim); err != nil {
		s.t.Fatal(err)
	}
	took = s.eventually("a new home for every element", func() error {
		err := s.complete(others...)
		if s.watch && errors.Is(err, errMissing) {
			s.t.Errorf("meanwhile: %v", err)
		}
		return err
	})
	time.Sleep(500 * time.Millisecond)
	if err := s.complete(others...); err != nil {
		s.t.Errorf("afterwards: %v", err)
	}
	stop()
	wg.Wait()
	answered := 0
	for i := range users {
		u := &users[i]
		longest, answered = max(longest, u.longest), answered+u.answered
		if u.errors > 0 || u.answered == 0 {
			s.t.Errorf("user %d: %d answers, %d errors, the last: %v", i+1, u.answered, u.errors, u.err)
		}
	}
	s.t.Logf("all of %d elements have a home again, %d of them a new one, %v after %s; %d resolutions, none waited longer than %v",
		s.elements, owned, took.Round(time.Millisecond), how, answered, longest.Round(time.Millisecond))
	return took, longest
}

// A registrar that is stopped is dead as one that is cut off: nobody is told.
func TestElementsOutliveARegistrarThatIsStopped(t *testing.T) {
	if *takeovers < 2 {
		t.Skip("it takes the time of the detection; run it with -takeovers 2")
	}
	s := newScopeRun(t)
	took, longest := s.without("SIGSTOP", func(r *scopeRegistrar) error { return r.process.cmd.Process.Signal(syscall.SIGSTOP) })
	if took > detection+detection/2 || longest > detection+detection/2 {
		t.Errorf("that is more than %v", detection+detection/2)
	}
}
