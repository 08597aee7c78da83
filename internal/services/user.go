package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/sessions"
	"github.com/rspool/rspool/pool"
)

// Reply is an answer to one question.
type Reply struct {
	Number  uint64             `json:"number"`
	Element rserpool.ElementID `json:"element"`
	Text    string             `json:"text,omitempty"`
	Bytes   int                `json:"bytes"`
	Time    time.Duration      `json:"time_ns"`
}

// AskConfig describes a user that asks one question after the other.
type AskConfig struct {
	// Count is the number of questions. If zero, until the context ends.
	Count uint64
	// Interval is the time from one question to the next. If zero, none.
	Interval time.Duration
	// Size is the length of a message, in bytes. If zero, 64.
	Size int
	// Patience is how long an element may take to answer. If zero, 5 s.
	Patience time.Duration
	// Replied hears of each answer, Moved of each failover. Either may be nil.
	Replied func(Reply)
	Moved   func(*pool.Failover)
}

// AskReport says how a user fared.
type AskReport struct {
	Asked     uint64         `json:"asked"`
	Answered  uint64         `json:"answered"`
	Trips     sessions.Trips `json:"trips"`
	Failovers sessions.Moves `json:"failovers"`
	Elapsed   time.Duration  `json:"elapsed_ns"`
}

// UseEcho sends messages to an echo service and compares what comes back. Where the
// context ends, that is no error.
func UseEcho(ctx context.Context, s sessions.User, cfg AskConfig) (AskReport, error) {
	return Ask(ctx, s, cfg, 0, func(n uint64, b []byte) []byte { return pattern(b, n) },
		func(_ uint64, asked []byte, m pool.Message) (bool, error) {
			// An answer to the last question may come twice, where a failover has
			// repeated it.
			return bytes.Equal(asked, m.Data), nil
		})
}

// pattern appends the n-th message to b, a number and letters, up to the capacity that
// b has if that is enough.
func pattern(b []byte, n uint64) []byte {
	size := cap(b)
	b = fmt.Appendf(b, "%d ", n)
	for i := 0; len(b) < size; i++ {
		b = append(b, 'a'+byte(i%26))
	}
	return b
}

// Ask asks questions, which question appends to an empty slice of cfg.Size bytes, and
// takes the answers that answers says to be one. Questions count from 1. Where the
// context ends, that is no error.
func Ask(ctx context.Context, s sessions.User, cfg AskConfig, ppid uint32,
	question func(n uint64, b []byte) []byte, answers func(n uint64, asked []byte, m pool.Message) (bool, error)) (r AskReport, err error) {
	if cfg.Size <= 0 {
		cfg.Size = 64
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 5 * time.Second
	}
	began := time.Now()
	defer func() { r.Elapsed = time.Since(began) }()
	asker := sessions.NewAsker(s, cfg.Patience, func(f *pool.Failover) {
		r.Failovers.Add(f.Duration)
		if cfg.Moved != nil {
			cfg.Moved(f)
		}
	})
	for next := began; cfg.Count == 0 || r.Asked < cfg.Count; {
		r.Asked++
		asked := question(r.Asked, make([]byte, 0, cfg.Size))
		at := time.Now()
		var reply Reply
		err := asker.Ask(ctx, pool.Message{Data: asked, PPID: ppid}, func(m pool.Message) (bool, error) {
			done, err := answers(r.Asked, asked, m)
			reply = Reply{Number: r.Asked, Element: s.Element(), Bytes: len(m.Data), Time: time.Since(at)}
			return done, err
		})
		if ctx.Err() != nil {
			r.Asked--
			return r, nil
		}
		if err != nil {
			return r, err
		}
		r.Answered++
		r.Trips.Add(reply.Time)
		if cfg.Replied != nil {
			cfg.Replied(reply)
		}
		next = later(next.Add(cfg.Interval), time.Now())
		if r.Asked != cfg.Count && sessions.Wait(ctx, time.Until(next)) != nil {
			return r, nil
		}
	}
	return r, nil
}

// later returns the later of two instants.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// UseDaytime returns what a daytime service says first. The deployed ones then end the
// session.
func UseDaytime(ctx context.Context, s sessions.User) (Reply, error) {
	began := time.Now()
	for {
		m, err := s.Recv(ctx)
		var moved *pool.Failover
		if errors.As(err, &moved) {
			continue // the next one says it too
		}
		if err != nil {
			return Reply{}, err
		}
		return Reply{Element: s.Element(), Text: string(bytes.TrimRight(m.Data, "\r\n\x00")), Bytes: len(m.Data), Time: time.Since(began)}, nil
	}
}

// FlowReport says how much went through a session one way.
type FlowReport struct {
	Messages  uint64         `json:"messages"`
	Bytes     uint64         `json:"bytes"`
	Failovers sessions.Moves `json:"failovers"`
	Elapsed   time.Duration  `json:"elapsed_ns"`
}

// Rate returns the bytes a second.
func (r FlowReport) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Bytes) / r.Elapsed.Seconds()
}

// UseDiscard sends messages of so many bytes to a discard service, as fast as they are
// taken, until the context ends, which is no error. What it counts was on its way: an
// element that dies takes some of it along. each hears the count now and then.
func UseDiscard(ctx context.Context, s sessions.User, size int, each func(FlowReport)) (r FlowReport, err error) {
	began := time.Now()
	defer func() { r.Elapsed = time.Since(began) }()
	ctx, cancel := context.WithCancelCause(ctx)
	moves := make(chan *pool.Failover, 16)
	gone := make(chan struct{})
	go func() { // failovers are told to who receives
		defer close(gone)
		for {
			_, err := s.Recv(ctx)
			var moved *pool.Failover
			switch {
			case errors.As(err, &moved):
				select {
				case moves <- moved:
				case <-ctx.Done():
				}
			case err != nil:
				cancel(err)
				return
			}
		}
	}()
	defer func() {
		cancel(nil)
		<-gone
	}()
	m := pool.Message{Data: pattern(make([]byte, 0, size), 1)}
	for next := began; ; {
		select {
		case f := <-moves:
			r.Failovers.Add(f.Duration)
		default:
		}
		if err := s.Send(ctx, m); err != nil {
			return r, ended(ctx, err)
		}
		r.Messages++
		r.Bytes += uint64(len(m.Data))
		next = tell(&r, began, next, each)
	}
}

// UseChargen receives what a chargen service sends, until the context ends, which is no
// error, or enough bytes have come, if enough is not zero. They are written to w.
func UseChargen(ctx context.Context, s sessions.User, enough uint64, w io.Writer, each func(FlowReport)) (r FlowReport, err error) {
	began := time.Now()
	defer func() { r.Elapsed = time.Since(began) }()
	for next := began; enough == 0 || r.Bytes < enough; {
		m, err := s.Recv(ctx)
		var moved *pool.Failover
		if errors.As(err, &moved) {
			r.Failovers.Add(moved.Duration)
			continue
		}
		if err != nil {
			return r, ended(ctx, err)
		}
		if enough > 0 {
			m.Data = m.Data[:min(uint64(len(m.Data)), enough-r.Bytes)]
		}
		if _, err := w.Write(m.Data); err != nil {
			return r, err
		}
		r.Messages++
		r.Bytes += uint64(len(m.Data))
		next = tell(&r, began, next, each)
	}
	return r, nil
}

// flowInterval is how often a flow is told of.
const flowInterval = time.Second

// tell calls each, where it is time to, and returns when it is again.
func tell(r *FlowReport, began, next time.Time, each func(FlowReport)) time.Time {
	if each == nil || r.Messages%16 != 0 { // the clock costs more than a message
		return next
	}
	now := time.Now()
	if now.Sub(next) < flowInterval {
		return next
	}
	r.Elapsed = now.Sub(began)
	each(*r)
	return now
}

// ended returns nil where a context that was to end has done so, else why it has not
// come to that.
func ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return err
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		return nil
	}
	return cause
}
