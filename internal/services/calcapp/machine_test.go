package calcapp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/services"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// scene plays a machine and writes down what it does.
type scene struct {
	t   *testing.T
	m   *machine
	now time.Time
	log strings.Builder
}

func newScene(t *testing.T, cfg ServerConfig) *scene {
	cfg.setDefaults()
	return &scene{t: t, m: newMachine(cfg, start), now: start}
}

func (s *scene) note(out []output, err error) {
	for _, o := range out {
		fmt.Fprintf(&s.log, "%v session %d: ", s.now.Sub(start), o.session)
		switch {
		case o.end != "":
			fmt.Fprintln(&s.log, "end,", o.end)
		case o.cookie != nil:
			fmt.Fprintf(&s.log, "cookie %d: %d of %d\n", o.cookie.Job, o.cookie.Completed, o.cookie.Size)
		default:
			fmt.Fprintln(&s.log, o.message.Type, o.message.Job)
		}
	}
	if err != nil {
		fmt.Fprintf(&s.log, "%v %v\n", s.now.Sub(start), err)
	}
}

// until plays the machine's deadlines up to an instant.
func (s *scene) until(d time.Duration) {
	for steps := 0; ; steps++ {
		next := s.m.deadline()
		if next.IsZero() || next.After(start.Add(d)) {
			s.now = start.Add(d)
			return
		}
		if next.Before(s.now) || steps > 10000 {
			s.t.Fatalf("deadline %v at %v in step %d", next, s.now, steps)
		}
		s.now = next
		s.note(s.m.tick(s.now), nil)
	}
}

func (s *scene) receive(session uint64, m Message) { s.note(s.m.receive(s.now, session, m)) }
func (s *scene) resume(session uint64, c Cookie)   { s.note(s.m.resume(s.now, session, c)) }

func (s *scene) want(text string) {
	s.t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(text, "\n"), s.log.String()); diff != "" {
		s.t.Errorf("transcript (-want +got):\n%s", diff)
	}
}

func TestJobsShareTheCapacity(t *testing.T) {
	s := newScene(t, ServerConfig{Capacity: 100, MaxJobs: 2, KeepAliveInterval: time.Hour, CookieInterval: time.Hour, CookieCalculations: 1e9})
	s.receive(1, Message{Type: Request, Job: 1, Size: 400})
	s.until(2 * time.Second) // 200 of 400 are done
	s.receive(2, Message{Type: Request, Job: 1, Size: 100})
	s.receive(3, Message{Type: Request, Job: 1, Size: 100}) // one too many
	s.until(4 * time.Second)                                // both have received 100
	s.resume(2, Cookie{Job: 9, Size: 1000, Completed: 900})
	s.until(7 * time.Second)
	s.want(`
0s session 1: accept 1
2s session 2: accept 1
2s session 3: reject 1
4s session 2: complete 1
4s session 2: accept 9
6s session 1: complete 1
6s session 2: complete 9
`)
	if s.m.share.used != 600 || s.m.stats != (ServerStats{Accepted: 3, Rejected: 1, Resumed: 1, Completed: 3}) {
		t.Errorf("%v calculations, %+v", s.m.share.used, s.m.stats)
	}
}

func TestCookiesComeByTimeAndByWork(t *testing.T) {
	s := newScene(t, ServerConfig{Capacity: 100, KeepAliveInterval: time.Hour, CookieInterval: 3 * time.Second, CookieCalculations: 200})
	s.receive(1, Message{Type: Request, Job: 1, Size: 550})
	s.until(time.Second)
	s.receive(2, Message{Type: Request, Job: 2, Size: 550}) // the work is slower now
	s.until(6 * time.Second)
	if diff := cmp.Diff([]Cookie{{Job: 2, Size: 550, Completed: 250}}, s.m.cookies(s.now, 2)); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
	s.m.leave(s.now, 1)
	s.until(10 * time.Second)
	s.want(`
0s session 1: accept 1
1s session 2: accept 2
3s session 1: cookie 1: 200 of 550
4s session 2: cookie 2: 150 of 550
6s session 1: cookie 1: 350 of 550
7s session 2: cookie 2: 350 of 550
9s session 2: complete 2
`)
}

func TestUsersThatAreSilentLoseTheirJobs(t *testing.T) {
	s := newScene(t, ServerConfig{Capacity: 1, KeepAliveInterval: 2 * time.Second, KeepAliveTimeout: time.Second, CookieInterval: time.Hour})
	s.receive(1, Message{Type: Request, Job: 1, Size: 1000})
	s.receive(2, Message{Type: Request, Job: 2, Size: 1000})
	s.until(2500 * time.Millisecond)
	s.receive(2, Message{Type: KeepAliveAck, Job: 2})
	s.receive(2, Message{Type: KeepAlive, Job: 2})
	s.receive(2, Message{Type: KeepAlive, Job: 77}) // of another time
	s.receive(2, Message{Type: KeepAliveAck, Job: 77})
	s.until(5 * time.Second)
	s.receive(2, Message{Type: Abort, Job: 2})
	s.receive(2, Message{Type: Abort, Job: 2})
	s.until(time.Minute)
	s.want(`
0s session 1: accept 1
0s session 2: accept 2
2s session 1: keep-alive 1
2s session 2: keep-alive 2
2.5s session 2: keep-alive answer 2
3s session 1: end, the user has not answered for 1s
4.5s session 2: keep-alive 2
`)
	if len(s.m.jobs) != 0 || s.m.share.jobs != 0 || s.m.busy(2) {
		t.Errorf("%d jobs are left, %d in the share", len(s.m.jobs), s.m.share.jobs)
	}
}

func TestUsersThatBreakTheProtocol(t *testing.T) {
	s := newScene(t, ServerConfig{})
	s.receive(1, Message{Type: Request, Job: 1, Size: 1000})
	for _, tt := range []struct {
		name string
		do   func() error
		want string
	}{
		{"the_same_job_again", func() error { _, err := s.m.receive(start, 1, Message{Type: Request, Job: 1}); return err }, "a second time"},
		{"its_cookie", func() error { _, err := s.m.resume(start, 1, Cookie{Job: 1}); return err }, "cookie of job 1, which runs"},
		{"an_answer", func() error { _, err := s.m.receive(start, 1, Message{Type: Accept, Job: 1}); return err }, "accept from a user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); !errors.Is(err, services.ErrProtocol) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestJobsWithoutEnd(t *testing.T) {
	s := newScene(t, ServerConfig{Capacity: 1e-9, KeepAliveInterval: time.Hour, CookieInterval: time.Hour})
	s.receive(1, Message{Type: Request, Job: 1, Size: 1<<64 - 1})
	s.receive(1, Message{Type: Request, Job: 2, Size: 0})
	s.receive(1, Message{Type: Request, Job: 3, Size: 1 << 63})
	s.resume(1, Cookie{Job: 4, Size: 1<<64 - 1, Completed: 1<<64 - 1})
	s.until(time.Minute)
	s.want(`
0s session 1: accept 1
0s session 1: accept 2
0s session 1: accept 3
0s session 1: accept 4
0s session 1: complete 2
0s session 1: complete 4
`)
}
