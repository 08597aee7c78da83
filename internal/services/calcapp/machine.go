package calcapp

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/services"
)

// machine is the service of one element without sessions, clocks and goroutines. Time is
// handed in; what is to be sent is handed out.
type machine struct {
	cfg   ServerConfig
	share share
	jobs  []*job // in the order in which they came

	stats ServerStats
}

// job is one job, from its acceptance to its end.
type job struct {
	session uint64
	id      uint32
	size    uint64
	end     float64 // the share's progress at which it is done
	saved   float64 // and at which its last cookie was made

	saveAt   time.Time // at which the next cookie is due at the latest
	askAt    time.Time // at which a keep-alive is due; zero while one is out
	silentAt time.Time // at which the user is given up; zero without a keep-alive
}

// output is what a session is to be sent, of which one is set.
type output struct {
	session uint64
	message Message
	cookie  *Cookie
	end     string // why the session is to be ended
}

func newMachine(cfg ServerConfig, now time.Time) *machine {
	return &machine{cfg: cfg, share: share{capacity: cfg.Capacity, at: now}}
}

// receive takes a message of a session.
func (m *machine) receive(now time.Time, session uint64, in Message) ([]output, error) {
	j := m.find(session, in.Job)
	switch in.Type {
	case Request:
		if j != nil {
			return nil, fmt.Errorf("%w: job %d is requested a second time", services.ErrProtocol, in.Job)
		}
		return []output{m.begin(now, session, Cookie{Job: in.Job, Size: in.Size})}, nil
	case KeepAlive:
		if j != nil {
			return []output{{session: session, message: Message{Type: KeepAliveAck, Job: in.Job}}}, nil
		}
	case KeepAliveAck:
		if j != nil {
			j.silentAt, j.askAt = time.Time{}, now.Add(m.cfg.KeepAliveInterval)
		}
	case Abort:
		if j != nil {
			m.drop(now, j)
		}
	default:
		return nil, fmt.Errorf("%w: %s from a user", services.ErrProtocol, in.Type)
	}
	return nil, nil // it concerns a job that has just ended
}

// resume takes the cookie of a session that another element has served.
func (m *machine) resume(now time.Time, session uint64, c Cookie) ([]output, error) {
	if m.find(session, c.Job) != nil {
		return nil, fmt.Errorf("%w: cookie of job %d, which runs", services.ErrProtocol, c.Job)
	}
	out := m.begin(now, session, c)
	if out.message.Type == Accept {
		m.stats.Resumed++
	}
	return []output{out}, nil
}

// begin accepts a job, or rejects it where there are too many.
func (m *machine) begin(now time.Time, session uint64, c Cookie) output {
	out := output{session: session, message: Message{Type: Reject, Job: c.Job}}
	if len(m.jobs) >= m.cfg.MaxJobs {
		m.stats.Rejected++
		return out
	}
	j := &job{session: session, id: c.Job, size: c.Size}
	j.end = m.share.enter(now, float64(c.Size-c.Completed))
	j.saved = m.share.progress
	j.saveAt, j.askAt = now.Add(m.cfg.CookieInterval), now.Add(m.cfg.KeepAliveInterval)
	m.jobs = append(m.jobs, j)
	m.stats.Accepted++
	out.message.Type = Accept
	return out
}

// leave ends the jobs of a session.
func (m *machine) leave(now time.Time, session uint64) {
	for _, j := range slices.Clone(m.jobs) {
		if j.session == session {
			m.drop(now, j)
		}
	}
}

// busy reports whether a session has a job.
func (m *machine) busy(session uint64) bool {
	return slices.ContainsFunc(m.jobs, func(j *job) bool { return j.session == session })
}

// cookies returns the progress of a session's jobs.
func (m *machine) cookies(now time.Time, session uint64) []Cookie {
	m.share.advance(now)
	var all []Cookie
	for _, j := range m.jobs {
		if j.session == session {
			all = append(all, m.progress(j))
		}
	}
	return all
}

// tick does what is due.
func (m *machine) tick(now time.Time) []output {
	m.share.advance(now)
	var out []output
	for _, j := range slices.Clone(m.jobs) {
		switch {
		case !m.share.when(j.end).After(now):
			out = append(out, output{session: j.session, message: Message{Type: Complete, Job: j.id, Size: j.size, Completed: j.size}})
			m.stats.Completed++
			m.drop(now, j)
		case !j.silentAt.IsZero() && !j.silentAt.After(now):
			out = append(out, output{session: j.session, end: fmt.Sprintf("the user has not answered for %v", m.cfg.KeepAliveTimeout)})
			m.stats.Silent++
			m.drop(now, j)
		default:
			out = append(out, m.care(now, j)...)
		}
	}
	return out
}

// care sends what keeps a job alive.
func (m *machine) care(now time.Time, j *job) (out []output) {
	if !m.cookieAt(j).After(now) {
		c := m.progress(j)
		out = append(out, output{session: j.session, cookie: &c})
		j.saved, j.saveAt = m.share.progress, now.Add(m.cfg.CookieInterval)
	}
	if !j.askAt.IsZero() && !j.askAt.After(now) {
		out = append(out, output{session: j.session, message: Message{Type: KeepAlive, Job: j.id}})
		j.askAt, j.silentAt = time.Time{}, now.Add(m.cfg.KeepAliveTimeout)
	}
	return out
}

// deadline returns when tick has something to do, zero without jobs.
func (m *machine) deadline() time.Time {
	var next time.Time
	for _, j := range m.jobs {
		for _, t := range [...]time.Time{m.share.when(j.end), m.cookieAt(j), j.askAt, j.silentAt} {
			if !t.IsZero() && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// cookieAt returns when the next cookie of a job is due: after some time or some work.
func (m *machine) cookieAt(j *job) time.Time {
	if t := m.share.when(j.saved + m.cfg.CookieCalculations); t.Before(j.saveAt) {
		return t
	}
	return j.saveAt
}

// progress returns a job's progress, which is up to date.
func (m *machine) progress(j *job) Cookie {
	left := uint64(math.Ceil(max(j.end-m.share.progress, 0)))
	return Cookie{Job: j.id, Size: j.size, Completed: j.size - min(left, j.size)}
}

func (m *machine) find(session uint64, id uint32) *job {
	if i := slices.IndexFunc(m.jobs, func(j *job) bool { return j.session == session && j.id == id }); i >= 0 {
		return m.jobs[i]
	}
	return nil
}

// drop ends a job.
func (m *machine) drop(now time.Time, j *job) {
	m.share.leave(now)
	m.jobs = slices.DeleteFunc(m.jobs, func(other *job) bool { return other == j })
}
