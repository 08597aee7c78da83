package registrar

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// Counters count what happened since the machine was made. The zero value is
// ready; a copy is a snapshot.
type Counters struct {
	// Received and Sent count ASAP messages by the number of their type; at
	// zero are those whose type is not known.
	Received, Sent [16]uint64
	// Errors counts the causes sent. Codes beyond those of this module do not
	// occur: the registrar sends only its own.
	Errors map[rserpool.CauseCode]uint64

	Ignored  [len(ignoredNames)]uint64
	Removals [len(reasonNames)]uint64
	Aborts   [len(abortNames)]uint64

	Registered, Reregistered, Refused uint64
	Moved                             uint64 // re-registrations over another association
	Trimmed                           uint64 // registrations of which addresses were left out

	Answered, Unknown, Empty uint64 // resolutions

	KeepAlives, Verifications, KeepAlivesAnswered, KeepAlivesSilent uint64
	Reports, ReportsLimited, ReportsUnknown                         uint64
	SubscriptionsRefused, Updates                                   uint64
	Announcements                                                   uint64

	Scope ScopeCounters
}

// Ignored says why a message or datagram had no effect.
type Ignored uint8

// What is ignored.
const (
	Malformed    Ignored = iota // could not be parsed
	Unrecognized                // a message type that is not known
	Unexpected                  // not a message for registrars
	ForeignPPID                 // neither ASAP nor ENRP
	PeerError                   // an error that the peer reports
	StrayAnswer                 // to a keep-alive, for no element of the association
	Stalled                     // the peer does not take answers
	Late                        // from an association that is gone already
	BadDatagram                 // an announcement that could not be parsed
)

var ignoredNames = [...]string{"malformed", "unrecognized", "unexpected", "foreign-ppid", "peer-error", "stray-answer", "stalled", "late", "bad-datagram"}

// String returns the reason in lower case.
func (i Ignored) String() string { return ignoredNames[i] }

// Reason says why an element was removed.
type Reason uint8

// The reasons for removal.
const (
	Deregistered Reason = iota
	Expired             // its life ended
	Silent              // it did not answer a keep-alive
	Unreachable         // too many users reported it
	Gone                // its association is gone
	Withdrawn           // its home, a peer, has it no more
)

var reasonNames = [...]string{"deregistered", "expired", "keepalive", "unreachable", "association", "withdrawn"}

// String returns the reason as policies know it: "deregistered", "expired",
// "keepalive", "unreachable", "association" or "withdrawn".
func (r Reason) String() string { return reasonNames[r] }

// failure returns the reason as policies know it, where they hear of it.
func (r Reason) failure() (engine.Reason, bool) {
	switch r {
	case Silent:
		return engine.KeepAlive, true
	case Gone:
		return engine.Association, true
	case Expired:
		return engine.Expired, true
	case Unreachable:
		return engine.Unreachable, true
	}
	return 0, false
}

// AbortReason says why the registrar ended an association.
type AbortReason uint8

// The reasons for ending an association. Idle and Draining end it in order.
const (
	WrongProtocol AbortReason = iota // ENRP on the ASAP endpoint, or the reverse
	NotReading                       // the peer left its queue full for too long
	TooMany                          // the limit of associations is reached
	Idle                             // nothing was heard, and nothing is registered
	Draining                         // the registrar ends
)

var abortNames = [...]string{"wrong-protocol", "not-reading", "too-many", "idle", "draining"}

// String returns the reason in lower case.
func (r AbortReason) String() string { return abortNames[r] }

// Names of the values of Ignored, Reason and AbortReason, in their order.
var (
	IgnoredNames = ignoredNames[:]
	ReasonNames  = reasonNames[:]
	AbortNames   = abortNames[:]
)
