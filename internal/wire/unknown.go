package wire

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
)

// Action says what to do with a parameter or message of an unknown type. It is
// the two top bits of the type (RFC 5354, Sections 3 and 4).
type Action uint8

// The actions, in the order of the two bits.
const (
	Discard          Action = iota // the whole message, silently
	DiscardAndReport               // the whole message
	Skip                           // the parameter, silently
	SkipAndReport                  // the parameter
)

// Action returns what to do with a parameter that is not recognised.
func (t ParameterType) Action() Action { return Action(t >> 14) }

// MessageAction returns what to do with a message whose type is not recognised.
// The RFC reserves half of the numbers; they are discarded silently.
func MessageAction(t uint8) Action {
	if t>>6 == 1 {
		return DiscardAndReport
	}
	return Discard
}

// Bounds of operation errors, so that what a hostile message has reported about
// it, and what one that is such a report makes us remember, stays small.
//
// Deviation: RFC 5354, Section 3.12 has no bounds; see docs/deviations.md.
const (
	maxCauses     = 16   // in one operation error; further ones are left out
	maxReportInfo = 1024 // bytes; a longer part is reported without its bytes
)

// reportCause returns a cause with a copy of the part of a message that gave rise to it.
func reportCause(code rserpool.CauseCode, part []byte) rserpool.Cause {
	c := rserpool.Cause{Code: code}
	if len(part) > 0 && len(part) <= maxReportInfo {
		c.Info = append([]byte(nil), part...)
	}
	return c
}

// unknown follows the rule for the unrecognised parameter at the cursor, which
// has n bytes: the only place that does.
func (c *Cursor) unknown(t ParameterType, n int) {
	part := c.msg[c.off : c.off+n]
	switch t.Action() {
	case Discard:
		c.failAt(&Error{Silent: true, Cause: reportCause(rserpool.UnrecognizedParameter, part), Offset: c.off, Parameter: t, Reason: "is not recognized, and its type has the message discarded silently"})
	case DiscardAndReport:
		c.failAt(&Error{Cause: reportCause(rserpool.UnrecognizedParameter, part), Offset: c.off, Parameter: t, Reason: "is not recognized, and its type has the message discarded"})
	case SkipAndReport:
		if len(c.reports) < maxCauses {
			c.reports = append(c.reports, reportCause(rserpool.UnrecognizedParameter, part))
		}
		c.skip(n)
	case Skip:
		c.skip(n)
	}
}

// UnknownMessage returns the error for the message b, whose type is not recognised.
func UnknownMessage(b []byte) error {
	return &Error{
		Silent: MessageAction(b[0]) == Discard,
		Cause:  reportCause(rserpool.UnrecognizedMessage, b),
		Reason: fmt.Sprintf("message type 0x%02x is not recognized", b[0]),
	}
}
