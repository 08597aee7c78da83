package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

// User is what services need of the *pool.Session of a user.
type User interface {
	Recv(ctx context.Context) (pool.Message, error)
	Send(ctx context.Context, m pool.Message) error
	Element() rserpool.ElementID
	ForceFailover(reason string, unreachable bool) error
	Close() error
}

// maxSilences is how many elements in a row may leave a question unanswered.
const maxSilences = 5

// Asker puts one question after the other to the elements of a user's session. A
// question that a failover leaves unanswered is repeated. It has one caller.
type Asker struct {
	session  User
	patience time.Duration
	moved    func(*pool.Failover)
	sent     uint64
}

// NewAsker returns an asker. An element that does not answer for patience is left
// for another one. If moved is not nil, it hears of each failover.
func NewAsker(s User, patience time.Duration, moved func(*pool.Failover)) *Asker {
	return &Asker{session: s, patience: patience, moved: moved}
}

// Ask sends m, and hands each message that comes to accept until that returns true:
// then the question is answered. It returns accept's error, the session's, the
// context's, or why the elements are given up.
func (a *Asker) Ask(ctx context.Context, m pool.Message, accept func(pool.Message) (bool, error)) error {
	if err := a.send(ctx, m); err != nil {
		return err
	}
	silences, end := 0, time.Now().Add(a.patience)
	for {
		got, err := a.recv(ctx, end)
		var moved *pool.Failover
		switch {
		case err == nil:
			if done, err := accept(got); done || err != nil {
				return err
			}
		case errors.As(err, &moved):
			if a.moved != nil {
				a.moved(moved)
			}
			if moved.Sent >= a.sent { // otherwise it waited for the new element
				if err := a.send(ctx, m); err != nil {
					return err
				}
			}
			end = time.Now().Add(a.patience)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if silences++; silences == maxSilences {
				return fmt.Errorf("%d elements in a row have not answered within %v: %w", silences, a.patience, err)
			}
			if err := a.session.ForceFailover(fmt.Sprintf("no answer within %v", a.patience), true); err != nil {
				return err
			}
			end = time.Time{} // the failover takes its own time
		default:
			return err
		}
	}
}

func (a *Asker) send(ctx context.Context, m pool.Message) error {
	err := a.session.Send(ctx, m)
	if err == nil {
		a.sent++
	}
	return err
}

// recv receives until end, if that is not zero.
func (a *Asker) recv(ctx context.Context, end time.Time) (pool.Message, error) {
	if !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	return a.session.Recv(ctx)
}
