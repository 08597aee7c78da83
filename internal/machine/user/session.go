package user

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// SessionConfig describes a session. Durations are not defaulted here.
type SessionConfig struct {
	Handle rserpool.Handle
	// Items and what follows go into every Resolve.
	Items      uint32
	CacheTime  time.Duration
	Subscribe  bool
	Policy     *engine.ChainConfig
	Attributes map[string]string
	// ConnectTimeout is how long an element may take to accept.
	ConnectTimeout time.Duration
	// FailoverDelay is the wait before the next attempt when there was no
	// element to try.
	FailoverDelay time.Duration
	// FailoverTimeout is how long a search for an element may take; zero or
	// less for ever.
	FailoverTimeout time.Duration
	// NoFailover ends the session with its element.
	NoFailover bool
	// MaxQueue and MaxQueueBytes bound the data that waits for an association.
	MaxQueue, MaxQueueBytes int
}

// Start begins the session; it is the first input.
type Start struct{}

// ForceFailover leaves the element. Unreachable tells the registrar that it does
// not serve.
type ForceFailover struct {
	Reason      string
	Unreachable bool
}

// Close ends the session in order.
type Close struct{}

// Connected says that the session has an element, the first or another one. What
// Outgoing returns may be sent.
type Connected struct {
	Association machine.AssociationID
	Element     rserpool.Element
	Failover    *Failover // nil for the first
}

// Failover describes a change of element.
type Failover struct {
	From, To rserpool.ElementID
	Reason   string
	Duration time.Duration // from the loss to the new association
	Attempts int           // elements tried, To among them
	Sent     uint64        // data messages that went to From and before
	Resumed  bool          // To gets a cookie
}

// Ended says that the session is over: nothing follows. Err is nil after Close,
// and io.EOF where the element has closed and there is no failover.
type Ended struct{ Err error }

type phase uint8

const (
	idle       phase = iota
	resolving        // a Resolve is out
	connecting       // an Associate is out
	waiting          // for FailoverDelay
	up
	ended
)

// Session is the user's end of a session. It lives from Start to Ended.
//
// Besides Step there is a path for data: Offer puts a message into the outbox,
// and while the session is connected the driver sends what Outgoing returns on
// the association, and calls Sent when the association has taken it. Data that
// arrives goes past the machine.
type Session struct {
	cfg     SessionConfig
	phase   phase
	ticket  machine.Ticket // of the Resolve or Associate that is out
	wake    time.Time      // end of the phase, zero where it has none of its own
	search  search
	out     outbox
	control control
	effects []machine.Effect

	// element and association are the present ones in phase up, the last ones
	// otherwise; upSince is when they came. trial is what is being dialled.
	element     rserpool.Element
	association machine.AssociationID
	upSince     time.Time
	trial       rserpool.Element
}

// NewSession returns a session that waits for Start.
func NewSession(cfg SessionConfig) *Session {
	return &Session{cfg: cfg, out: outbox{maxMessages: cfg.MaxQueue, maxBytes: cfg.MaxQueueBytes}}
}

// Step implements machine.Machine. Its own inputs are Start, Resolved,
// ForceFailover and Close; its own effects are Resolve, Report, Connected and
// Ended. It cancels both Resolve and Associate by machine.Cancel.
func (s *Session) Step(now time.Time, in machine.Input) []machine.Effect {
	s.effects = s.effects[:0]
	switch in := in.(type) {
	case *Start:
		if s.phase == idle {
			s.begin(now, search{})
			s.proceed(now)
		}
	case *Resolved:
		s.resolved(now, in)
	case *machine.AssociationUp:
		s.associated(now, in)
	case *machine.AssociationFailed:
		if s.phase == connecting && in.Ticket == s.ticket {
			s.failed(now)
		}
	case *machine.AssociationLost:
		s.lost(now, in)
	case *machine.Received:
		if s.phase == up && in.Association == s.association {
			s.receive(in)
		}
	case *ForceFailover:
		s.forced(now, in)
	case *Close:
		s.close()
	}
	s.tick(now)
	return s.effects
}

// Deadline implements machine.Machine.
func (s *Session) Deadline() time.Time {
	switch s.phase {
	case resolving:
		return s.search.giveUp
	case connecting, waiting:
		return earlier(s.wake, s.search.giveUp)
	}
	return time.Time{}
}

// Offer puts a message into the outbox and reports whether it did: not if there
// is no room. Until Outgoing has returned it, the payload is the machine's.
func (s *Session) Offer(m transport.Message) bool {
	if s.phase == ended || !s.out.room(len(m.Payload)) {
		return false
	}
	s.out.add(m)
	return true
}

// Outgoing returns the next message to send on the present association, nil if
// there is none or no association. It is valid until the next call of another
// method.
func (s *Session) Outgoing() *transport.Message {
	if s.phase != up {
		return nil
	}
	return s.out.first()
}

// Sent removes what Outgoing has returned.
func (s *Session) Sent() { s.out.take() }

// Queued returns the number of messages that Offer took and Sent has not removed.
func (s *Session) Queued() int { return len(s.out.data) - s.out.head }

// KeepLast replaces the payload of the message that was offered last, so that
// the caller of Offer has its own back.
func (s *Session) KeepLast(payload []byte) {
	if n := len(s.out.data); n > s.out.head {
		s.out.data[n-1].Payload = payload
	}
}

// Connected reports whether there is an association with an element.
func (s *Session) Connected() bool { return s.phase == up }

// Element returns the present element, or the last one during a search. It is
// zero before the first association.
func (s *Session) Element() rserpool.Element { return s.element }

// Control reports whether the present association has a control channel.
func (s *Session) Control() bool { return s.element.UserTransport.Use == rserpool.DataAndControl }

// Cookie returns the newest cookie, nil before the first.
func (s *Session) Cookie() []byte { return s.control.cookie }
