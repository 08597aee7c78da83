package pool

import (
	"bytes"
	"context"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/transport"
)

// send implements end.
func (u *userEnd) send(ctx context.Context, m transport.Message) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if u.ended {
			return u.err
		}
		if u.machine.Offer(m) {
			u.counters.Sent++
			u.pump()
			if u.machine.Queued() > 0 {
				u.machine.KeepLast(bytes.Clone(m.Payload))
			}
			return nil
		}
		u.wait(ctx)
	}
}

// wait gives up mu until a sender should look again, or the context ends.
func (u *userEnd) wait(ctx context.Context) {
	changed := u.changed
	u.waiters++
	u.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	u.mu.Lock()
	u.waiters--
}

// saveCookie implements end.
func (u *userEnd) saveCookie(context.Context, []byte) error { return errElementOnly }

// cookie implements end.
func (u *userEnd) cookie() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.machine.Cookie()
}

// element implements end.
func (u *userEnd) element() rserpool.ElementID {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.machine.Element().ID
}

// failOver implements end.
func (u *userEnd) failOver(reason string, unreachable bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return u.err
	}
	u.step(&user.ForceFailover{Reason: reason, Unreachable: unreachable})
	return nil
}

// stats implements end.
func (u *userEnd) stats() SessionStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.counters
	c.Received = u.session.inbox.received()
	return c
}

// ends implements end.
func (u *userEnd) ends() (local, remote transport.Address) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.link != nil && u.link.up && !u.ended {
		return u.link.association.Local(), u.link.association.Remote()
	}
	return local, remote
}

// failure returns why the session has ended, nil while it has not.
func (u *userEnd) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// close implements end.
func (u *userEnd) close(ctx context.Context) {
	u.mu.Lock()
	first := !u.closing
	u.closing = true
	u.mu.Unlock()
	if first {
		u.finish(ctx)
	}
	<-u.closed
}

// finish is the first close: it lets what waits go out, ends the association in
// order, and frees everything.
func (u *userEnd) finish(ctx context.Context) {
	defer close(u.closed)
	u.mu.Lock()
	for u.machine.Connected() && u.machine.Queued() > 0 && ctx.Err() == nil {
		u.wait(ctx)
	}
	u.step(&user.Close{})
	u.session.inbox.finish(ErrClosed, true)
	l := u.link
	u.mu.Unlock()
	if l != nil && l.up {
		select {
		case <-l.gone:
		case <-ctx.Done():
		}
	}
	u.mu.Lock()
	u.drop()
	u.alarm.stop()
	u.mu.Unlock()
	u.work.Wait()
	u.host.dropPart(u.session)
	if u.owned {
		u.host.Close()
	}
}
