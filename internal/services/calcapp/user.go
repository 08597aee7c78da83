package calcapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// JobReport says how one job fared.
type JobReport struct {
	Job     uint32             `json:"job"`
	Size    uint64             `json:"size"`
	Element rserpool.ElementID `json:"element"` // that completed it
	// Waiting is the number of jobs that waited before this one when it came.
	Waiting int `json:"waiting"`
	// Queuing is the time until an element is looked for, Startup from there until one has
	// accepted the job, Processing from there until it is done.
	Queuing    time.Duration `json:"queuing_ns"`
	Startup    time.Duration `json:"startup_ns"`
	Processing time.Duration `json:"processing_ns"`

	Rejects   int            `json:"rejects"`
	Failovers sessions.Moves `json:"failovers"`
	Resumed   int            `json:"resumed"` // failovers with a cookie
	// KeepAlives is the number sent, Silences that of those without an answer.
	KeepAlives int `json:"keep_alives"`
	Silences   int `json:"silences"`
}

// Handling returns all of a job's time.
func (r *JobReport) Handling() time.Duration { return r.Queuing + r.Startup + r.Processing }

// Speed returns calculations a second in all of a job's time: what a user gets of a pool.
func (r *JobReport) Speed() float64 { return perSecond(float64(r.Size), r.Handling()) }

func perSecond(n float64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return n / d.Seconds()
}

// work is one session's care for one job.
type work struct {
	cfg     *UseConfig
	session sessions.User
	report  *JobReport
	began   time.Time

	accepted bool      // by any element
	asked    bool      // something is out that wants an answer
	end      time.Time // when that, or the next keep-alive, is due
	pause    time.Duration
}

// maxRejects is how often a job may be rejected in one session.
const maxRejects = 1000

// run has the job done. The session stays open.
func (w *work) run(ctx context.Context) error {
	if err := w.request(ctx); err != nil {
		return err
	}
	for {
		m, err := w.recv(ctx)
		var moved *pool.Failover
		switch {
		case err == nil:
			done, err := w.take(ctx, m)
			if done || err != nil {
				return err
			}
		case errors.As(err, &moved):
			if err := w.move(ctx, moved); err != nil {
				return err
			}
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := w.due(ctx); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (w *work) recv(ctx context.Context) (pool.Message, error) {
	if !w.end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, w.end)
		defer cancel()
	}
	return w.session.Recv(ctx)
}

func (w *work) send(ctx context.Context, t Type) error {
	m := Message{Type: t, Job: w.report.Job}
	if t == Request {
		m.Size = w.report.Size
	}
	return w.session.Send(ctx, pool.Message{Data: m.Append(nil), PPID: PPID})
}

// request asks the element to do the job.
func (w *work) request(ctx context.Context) error {
	w.expect()
	return w.send(ctx, Request)
}

// expect gives the element time for an answer.
func (w *work) expect() { w.asked, w.end = true, time.Now().Add(w.cfg.KeepAliveTimeout) }

// heard puts the next keep-alive off.
func (w *work) heard() { w.asked, w.end = false, time.Now().Add(w.cfg.KeepAliveInterval) }

// take takes a message, and reports whether the job is done.
func (w *work) take(ctx context.Context, in pool.Message) (done bool, err error) {
	if in.PPID != PPID {
		return false, fmt.Errorf("%w: message with payload protocol %d: want %d", services.ErrProtocol, in.PPID, PPID)
	}
	m, err := Parse(in.Data)
	if err != nil {
		return false, err
	}
	if m.Job != w.report.Job {
		return false, fmt.Errorf("%w: %s of job %d: want %d", services.ErrProtocol, m.Type, m.Job, w.report.Job)
	}
	switch m.Type {
	case Accept:
		if !w.accepted {
			w.accepted, w.report.Startup = true, time.Since(w.began)
		}
		w.pause = 0
		w.heard()
	case Reject:
		return false, w.rejected(ctx)
	case KeepAlive:
		w.heard()
		return false, w.send(ctx, KeepAliveAck)
	case KeepAliveAck:
		w.heard()
	case Complete:
		if !w.accepted {
			return false, fmt.Errorf("%w: job %d is complete that was not accepted", services.ErrProtocol, m.Job)
		}
		w.report.Processing = time.Since(w.began) - w.report.Startup
		w.report.Element = w.session.Element()
		return true, nil
	default:
		return false, fmt.Errorf("%w: %s from an element", services.ErrProtocol, m.Type)
	}
	return false, nil
}

// rejected goes to another element, after a pause that grows: all may be busy.
func (w *work) rejected(ctx context.Context) error {
	w.report.Rejects++
	if w.report.Rejects >= maxRejects {
		return fmt.Errorf("job %d is rejected %d times: start more elements, or allow more jobs at each", w.report.Job, w.report.Rejects)
	}
	w.pause = min(max(2*w.pause, 50*time.Millisecond), time.Second)
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return w.leave("job is rejected", false)
}

// leave goes to another element. Its notice is waited for as long as it takes.
func (w *work) leave(reason string, unreachable bool) error {
	w.end = time.Time{}
	return w.session.ForceFailover(reason, unreachable)
}

// move follows the session to another element.
func (w *work) move(ctx context.Context, f *pool.Failover) error {
	w.report.Failovers.Add(f.Duration)
	if w.cfg.Moved != nil {
		w.cfg.Moved(f)
	}
	if f.Resumed {
		w.report.Resumed++
		w.expect() // the cookie is as good as a request
		return nil
	}
	if f.Sent > 0 {
		return w.request(ctx)
	}
	w.expect() // the request waited for this element
	return nil
}

// due follows a time in which nothing was heard.
func (w *work) due(ctx context.Context) error {
	if w.asked {
		w.report.Silences++
		return w.leave(fmt.Sprintf("no answer within %v", w.cfg.KeepAliveTimeout), true)
	}
	w.report.KeepAlives++
	w.expect()
	return w.send(ctx, KeepAlive)
}
