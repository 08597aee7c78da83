package pool

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/transport"
)

// userEnd drives the machine of a user's session. Locks are taken in the order
// mu, Host.mu, the transport's; the host never calls back under its own.
type userEnd struct {
	session *Session
	host    *Host
	owned   bool // the host is this session's alone

	connected chan struct{} // closed with the first association
	done      chan struct{} // closed when the machine has ended
	closed    chan struct{} // closed when nothing is left

	mu       sync.Mutex
	machine  *user.Session
	inputs   []machine.Input
	stepping bool
	alarm    alarm
	link     *userLink      // the association, or the attempt at one; nil without
	question machine.Ticket // the host's, of the last resolution
	answered *sync.Once     // done when the host has answered it, or never will
	changed  chan struct{}  // closed, and made anew, when a sender should look again
	waiters  int
	closing  bool
	ended    bool
	err      error // why, nil after Close
	counters SessionStats
	work     sync.WaitGroup // goroutines; none begins once closing has waited
}

func newUserEnd(s *Session, h *Host, c UserConfig) *userEnd {
	u := &userEnd{
		session:   s,
		host:      h,
		owned:     c.Host == nil,
		connected: make(chan struct{}),
		done:      make(chan struct{}),
		closed:    make(chan struct{}),
		changed:   make(chan struct{}),
		machine:   user.NewSession(c.machineConfig(s.handle)),
	}
	u.alarm = newAlarm(func() { u.input(&machine.Tick{}) })
	return u
}

// input hands an input to the machine and does what it asks for.
func (u *userEnd) input(in machine.Input) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.step(in)
}

// step is input for callers that hold mu. Called from inside an effect, it queues
// the input and returns.
func (u *userEnd) step(in machine.Input) {
	u.inputs = append(u.inputs, in)
	if u.stepping {
		return
	}
	u.stepping = true
	for i := 0; i < len(u.inputs); i++ {
		for _, e := range u.machine.Step(time.Now(), u.inputs[i]) {
			u.perform(e)
		}
	}
	clear(u.inputs)
	u.inputs, u.stepping = u.inputs[:0], false
	u.pump()
	u.alarm.set(u.machine.Deadline())
	u.wake()
}

func (u *userEnd) perform(e machine.Effect) {
	switch e := e.(type) {
	case user.Resolve:
		u.resolve(e)
	case user.Report:
		u.host.report(e)
	case machine.Associate:
		u.associate(e)
	case machine.Cancel:
		u.cancel()
	case machine.Abort:
		if l := u.link; l != nil && machine.AssociationID(l.association.ID()) == e.Association {
			l.association.Abort(e.Reason)
			u.drop()
		}
	case machine.Shutdown:
		u.link.association.Shutdown()
	case user.Connected:
		u.connect(e)
	case user.Ended:
		u.host.tally.ended(u.connected, e.Err)
		u.end(e.Err)
	}
}

// resolve asks the host. The answer comes by a goroutine of its own, since the
// host gives it under its lock.
func (u *userEnd) resolve(e user.Resolve) {
	u.work.Add(1)
	over := &sync.Once{}
	u.answered = over
	in := func(t machine.Ticket) machine.Input {
		q := e
		q.Ticket = t
		return &q
	}
	u.question = u.host.ask(in, question{answer: func(a user.Resolved) {
		a.Ticket = e.Ticket
		over.Do(func() {
			go func() {
				defer u.work.Done()
				u.input(&a)
			}()
		})
	}})
}

// cancel gives up the resolution or the attempt that is under way.
func (u *userEnd) cancel() {
	if u.answered != nil {
		u.host.unask(u.question)
		u.answered.Do(u.work.Done)
		u.answered = nil
	}
	u.drop()
}

// connect takes the association that was asked for.
func (u *userEnd) connect(e user.Connected) {
	u.session.inbox.turn(u.link, u.notice(e))
	if f := e.Failover; f != nil {
		u.host.tally.moved(f)
		u.counters.Failovers++
		u.counters.FailoverTime += f.Duration
		u.counters.Longest = max(u.counters.Longest, f.Duration)
		u.host.log.Info("session moved", "handle", u.session.handle, "from", f.From, "to", f.To,
			"reason", f.Reason, "duration", f.Duration, "attempts", f.Attempts, "resumed", f.Resumed)
		return
	}
	u.host.tally.dialled.Add(1)
	close(u.connected)
}

// notice is what Recv returns of a failover, nil for the first element.
func (u *userEnd) notice(e user.Connected) *Failover {
	f := e.Failover
	if f == nil {
		return nil
	}
	return &Failover{
		Handle:   u.session.handle,
		From:     f.From,
		To:       f.To,
		Reason:   f.Reason,
		Duration: f.Duration,
		Attempts: f.Attempts,
		Sent:     f.Sent,
		Resumed:  f.Resumed,
	}
}

// end follows the machine's last effect.
func (u *userEnd) end(err error) {
	u.ended = true
	switch {
	case err == nil:
		u.err = ErrClosed
	case errors.Is(err, user.ErrLost):
		u.err = fmt.Errorf("%w (%w)", ErrLost, err)
	default:
		u.err = u.host.explain(err)
	}
	u.session.inbox.finish(u.err, err == nil)
	close(u.done)
	u.wake()
}

// wake lets senders look again.
func (u *userEnd) wake() {
	if u.waiters > 0 {
		close(u.changed)
		u.changed = make(chan struct{})
	}
}

// pump sends what waits as far as the association takes it.
func (u *userEnd) pump() {
	l := u.link
	if l == nil || l.full {
		return
	}
	sent := false
	for m := u.machine.Outgoing(); m != nil; m = u.machine.Outgoing() {
		switch err := l.association.Send(*m); {
		case errors.Is(err, transport.ErrBackpressure):
			l.full = true
			l.association.Writable(func() { go l.writable() })
		case errors.Is(err, transport.ErrTooLarge):
			u.host.log.Error("message is larger than the element accepts: it is dropped", "handle", u.session.handle, "bytes", len(m.Payload))
			u.machine.Sent()
			continue
		case err == nil:
			u.machine.Sent()
			sent = true
			continue
		}
		break // or the association's end will be heard
	}
	if sent {
		u.wake()
	}
}
