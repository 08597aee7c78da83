package pool

import (
	"errors"
	"strconv"
	"strings"

	rserpool "github.com/rspool/rspool"
)

// The errors that callers branch on.
var (
	// ErrNoRegistrar: no registrar answered in time.
	ErrNoRegistrar = errors.New("no registrar answered: start one, or name one in Registrars")
	// ErrNoElement: the pool does not exist, or none of its elements can be reached.
	ErrNoElement = errors.New("no element can be reached: start one, or check the handle")
	// ErrLost: the other side of the session is gone and there is no failover.
	ErrLost = errors.New("the other side is gone: dial again")
	// ErrClosed: the session, element or host was closed by its own side.
	ErrClosed = errors.New("closed: make a new one")
	// ErrTooLarge: the message exceeds MaxMessage, or what the other side accepts.
	ErrTooLarge = errors.New("message is too large: split it")
)

// Error is an operation that failed, on what, and why. Err is one of the
// package's sentinels, a context's error, an *rserpool.OperationError of a
// registrar, or wraps one of them.
type Error struct {
	Op      string // "dial", "send", "receive", "resolve", "report", "register" ...
	Handle  rserpool.Handle
	Element rserpool.ElementID // zero where no element is concerned
	Err     error
}

// Error returns, for example, `dial "EchoPool": no registrar answered: ...`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Handle != "" {
		b.WriteString(" " + strconv.Quote(string(e.Handle)))
	}
	if e.Element != 0 {
		b.WriteString(" element " + e.Element.String())
	}
	b.WriteString(": " + e.Err.Error())
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the operation ran out of time.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}
