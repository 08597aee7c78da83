package user

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/machine"
)

// begin starts a search for an element.
func (s *Session) begin(now time.Time, with search) {
	s.search = with
	s.search.began = now
	if s.search.giveUp.IsZero() && s.cfg.FailoverTimeout > 0 {
		s.search.giveUp = now.Add(s.cfg.FailoverTimeout)
	}
}

// proceed tries the next candidate, or asks for more.
func (s *Session) proceed(now time.Time) {
	s.ticket++
	if e, ok := s.search.next(); ok {
		s.search.attempts++
		s.trial, s.phase, s.wake = e, connecting, now.Add(s.cfg.ConnectTimeout)
		s.emit(machine.Associate{Ticket: s.ticket, To: addressOf(e)})
		return
	}
	s.phase, s.wake = resolving, time.Time{}
	s.emit(Resolve{
		Ticket:     s.ticket,
		Handle:     s.cfg.Handle,
		Items:      s.search.items(s.cfg.Items),
		Avoid:      slices.Clone(s.search.tried),
		CacheTime:  s.cfg.CacheTime,
		Subscribe:  s.cfg.Subscribe,
		Policy:     s.cfg.Policy,
		Attributes: s.cfg.Attributes,
	})
}

// pause waits for FailoverDelay before it proceeds.
func (s *Session) pause(now time.Time) {
	s.phase, s.wake = waiting, now.Add(s.cfg.FailoverDelay)
}

// resolved takes the answer to Resolve. A session that never had an element ends
// with a negative one; another one waits for the pool, or the registrar, to come
// back.
func (s *Session) resolved(now time.Time, in *Resolved) {
	if s.phase != resolving || in.Ticket != s.ticket {
		return
	}
	first := s.association == 0
	switch {
	case in.Err != nil && first:
		s.end(in.Err)
	case in.Err != nil || len(in.Elements) == 0:
		s.search.tried = nil
		s.pause(now)
	case !s.search.offer(in.Elements) && first:
		s.end(ErrUnusable)
	case len(s.search.candidates) == 0:
		s.search.forgive()
		s.pause(now)
	default:
		s.proceed(now)
	}
}

// associated takes the answer to Associate. One that comes too late is aborted.
func (s *Session) associated(now time.Time, in *machine.AssociationUp) {
	if s.phase != connecting || in.Ticket != s.ticket {
		s.emit(machine.Abort{Association: in.Association, Reason: "not wanted any more"})
		return
	}
	s.phase, s.wake, s.upSince = up, time.Time{}, now
	s.element, s.association = s.trial, in.Association
	resumed := s.echo()
	c := Connected{Association: s.association, Element: s.element}
	if s.search.from != 0 {
		c.Failover = &Failover{
			From:     s.search.from,
			To:       s.element.ID,
			Reason:   s.search.reason,
			Duration: now.Sub(s.search.began),
			Attempts: s.search.attempts,
			Sent:     s.out.sent,
			Resumed:  resumed,
		}
	}
	s.emit(c)
}

// failed reports the element that was tried and goes on with another
// (RFC 5352, Section 3.5).
func (s *Session) failed(now time.Time) {
	s.emit(Report{Handle: s.cfg.Handle, Element: s.trial.ID})
	s.search.avoid(s.trial.ID)
	s.proceed(now)
}

// lost takes the end of the present association. An element that has closed in
// order, has aborted or has come back without its memory answers for itself: it
// is not unreachable.
func (s *Session) lost(now time.Time, in *machine.AssociationLost) {
	if s.phase != up || in.Association != s.association {
		return
	}
	reason := in.Reason
	switch {
	case in.Restarted:
		s.emit(machine.Abort{Association: s.association, Reason: "restarted"})
		reason = "element restarted"
	case in.Orderly && s.cfg.NoFailover:
		s.end(io.EOF)
		return
	case in.Orderly:
		reason = "element closed the session"
	case !in.Aborted:
		s.emit(Report{Handle: s.cfg.Handle, Element: s.element.ID})
	}
	s.leave(now, reason)
}

// forced leaves the present element because the application says so.
func (s *Session) forced(now time.Time, in *ForceFailover) {
	if s.phase != up {
		return
	}
	if in.Unreachable {
		s.emit(Report{Handle: s.cfg.Handle, Element: s.element.ID})
	}
	s.emit(machine.Abort{Association: s.association, Reason: in.Reason})
	s.leave(now, in.Reason)
}

// remembered is how long an element must have served for the session to forget
// which others had failed before: the registrar may not know yet.
const remembered = 30 * time.Second

// leave begins the search for another element. Several elements in a row that
// take a session and lose it at once, being overloaded perhaps, neither restart
// the clock of FailoverTimeout nor are they tried without a pause.
func (s *Session) leave(now time.Time, reason string) {
	if s.cfg.NoFailover {
		s.end(fmt.Errorf("%w: %s", ErrLost, reason))
		return
	}
	next := search{from: s.element.ID, reason: reason}
	lasted := now.Sub(s.upSince)
	if lasted < remembered {
		next.tried = s.search.tried
	}
	if lasted < s.cfg.FailoverDelay {
		next.brief, next.giveUp = s.search.brief+1, s.search.giveUp
	}
	next.avoid(s.element.ID)
	next.offer(s.control.card)
	s.out.control = nil
	s.begin(now, next)
	if next.brief > 1 {
		s.pause(now)
	} else {
		s.proceed(now)
	}
}

// tick ends what has lasted too long.
func (s *Session) tick(now time.Time) {
	if s.phase != resolving && s.phase != connecting && s.phase != waiting {
		return
	}
	if giveUp := s.search.giveUp; !giveUp.IsZero() && !now.Before(giveUp) {
		s.abandon()
		s.end(ErrNoElement)
		return
	}
	if s.wake.IsZero() || now.Before(s.wake) {
		return
	}
	if s.phase == connecting {
		s.abandon()
		s.failed(now)
		return
	}
	s.proceed(now)
}

// abandon cancels what is out.
func (s *Session) abandon() {
	if s.phase == resolving || s.phase == connecting {
		s.emit(machine.Cancel{Ticket: s.ticket})
	}
}

// close ends the session because the application says so.
func (s *Session) close() {
	if s.phase == ended {
		return
	}
	if s.phase == up {
		s.emit(machine.Shutdown{Association: s.association})
	}
	s.abandon()
	s.end(nil)
}

// end is the last transition.
func (s *Session) end(err error) {
	s.phase, s.wake = ended, time.Time{}
	s.out = outbox{sent: s.out.sent}
	s.emit(Ended{Err: err})
}

func (s *Session) emit(e machine.Effect) { s.effects = append(s.effects, e) }

// earlier returns the earlier of two instants of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
