package wire

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
)

// Error says why a message could not be parsed.
type Error struct {
	// Cause is what the sender is to be told: its information is a copy of the
	// offending parameter, where one could be cut out.
	Cause rserpool.Cause
	// Silent is set where the sender must not be told.
	Silent bool
	// Offset is where in the message parsing stopped, in bytes.
	Offset int
	// Parameter is the type of the offending parameter, zero where the message
	// itself is at fault.
	Parameter ParameterType
	// Reason is the fault in words.
	Reason string
}

// Error returns the fault with its place.
func (e *Error) Error() string {
	if e.Parameter == 0 {
		return fmt.Sprintf("offset %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("offset %d: %s %s", e.Offset, e.Parameter, e.Reason)
}

// Report returns the operation error that answers the message, or nil where it
// must be dropped without an answer.
func (e *Error) Report() *rserpool.OperationError {
	if e.Silent {
		return nil
	}
	return &rserpool.OperationError{Causes: []rserpool.Cause{e.Cause}}
}

// Unwrap returns what Report returns, so that errors.Is finds the cause.
func (e *Error) Unwrap() error {
	return &rserpool.OperationError{Causes: []rserpool.Cause{e.Cause}}
}
