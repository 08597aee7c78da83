// Package wire reads and writes what ASAP and ENRP share: the frame of messages,
// parameters in type-length-value form with their padding, and the parameters of
// RFC 5354. A Cursor reads and remembers the first failure; functions named
// Append write and cannot fail.
//
// It knows no message: those are in packages asap and enrp. It does not judge
// addresses, limits or policies either, which is the registrar's business.
package wire

import (
	"encoding/binary"

	rserpool "github.com/rspool/rspool"
)

// headerLen is the length of the header of a message and of a parameter alike.
const headerLen = 4

// A Cursor reads a message from front to back. Its methods return zero values
// after the first failure, so that a parser reads straight down and asks once,
// with Close. The zero value is ready for Open, and may be opened again.
//
// Nothing that it returns refers to the message's bytes.
type Cursor struct {
	// Handles, if not nil, saves the allocation of handles seen before.
	Handles *HandleCache

	msg     []byte
	length  int // that the header states; end may be short of it by missing padding
	off     int // of the next byte
	end     int // of the innermost open parameter, or of the message
	param   int // where the innermost open parameter begins, zero for none
	err     *Error
	reports []rserpool.Cause
}

// Open begins a message and returns its type and flags (RFC 5354, Section 4).
//
// The length may count the last parameter's padding or not, and the padding may
// be missing: senders differ. Bytes behind the message are ignored.
func (c *Cursor) Open(b []byte) (messageType, flags uint8) {
	*c = Cursor{Handles: c.Handles, msg: b}
	if len(b) < headerLen {
		c.fail("message is shorter than its header")
		return 0, 0
	}
	c.length = int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case c.length < headerLen:
		c.fail("message length is less than its header")
	case c.length > pad(len(b)):
		c.fail("message is cut short")
	default:
		c.off, c.end = headerLen, min(c.length, len(b))
	}
	return b[0], b[1]
}

// Close passes over trailing parameters and returns what Err returns then.
func (c *Cursor) Close() error {
	c.passTrailing()
	if c.err == nil && c.length > len(c.msg) && c.off < len(c.msg) {
		// Only padding may be missing, and what is left here is none.
		c.fail("message is cut short")
	}
	return c.Err()
}

// Err returns the first failure so far, an *Error, or nil.
func (c *Cursor) Err() error {
	if c.err != nil {
		return c.err
	}
	return nil
}

// Reports returns a cause for each parameter that was skipped and must be
// reported to the sender (RFC 5354, Section 3.12.2). It is valid after Close.
func (c *Cursor) Reports() []rserpool.Cause { return c.reports }

// Next returns the type of the next parameter, or zero at the end of the
// container. Unrecognised parameters are dealt with on the way.
func (c *Cursor) Next() ParameterType {
	for c.err == nil && c.end-c.off >= headerLen {
		t := ParameterType(binary.BigEndian.Uint16(c.msg[c.off:]))
		n := int(binary.BigEndian.Uint16(c.msg[c.off+2:]))
		switch {
		case n < headerLen:
			c.failAt(&Error{Cause: rserpool.Cause{Code: rserpool.InvalidValues}, Offset: c.off, Parameter: t, Reason: "has a length less than its header"})
		case n > c.end-c.off:
			c.failAt(&Error{Cause: rserpool.Cause{Code: rserpool.InvalidValues}, Offset: c.off, Parameter: t, Reason: "reaches beyond the end of what contains it"})
		case t.Known():
			return t
		default:
			c.unknown(t, n)
		}
	}
	return 0
}

// Uint16 reads a number.
func (c *Cursor) Uint16() uint16 {
	if !c.have(2) {
		return 0
	}
	v := binary.BigEndian.Uint16(c.msg[c.off:])
	c.off += 2
	return v
}

// Uint32 reads a number.
func (c *Cursor) Uint32() uint32 {
	if !c.have(4) {
		return 0
	}
	v := binary.BigEndian.Uint32(c.msg[c.off:])
	c.off += 4
	return v
}

// rest reads all that is left of the open parameter. It refers to the message.
func (c *Cursor) rest() []byte {
	if c.err != nil {
		return nil
	}
	v := c.msg[c.off:c.end]
	c.off = c.end
	return v
}

func (c *Cursor) have(n int) bool {
	if c.err == nil && c.end-c.off < n {
		c.failShort()
	}
	return c.err == nil
}

// frame is what surrounds an open parameter.
type frame struct{ param, end int }

// enter opens the next parameter, which must be of the given type. A parameter
// whose type allows it to be skipped may stand before it.
func (c *Cursor) enter(want ParameterType) frame {
	got := c.Next()
	for got != want && got.Action() >= Skip && c.err == nil {
		c.skip(c.paramLen())
		got = c.Next()
	}
	switch {
	case c.err != nil:
		return frame{}
	case got == 0:
		c.fail(want.String() + " is missing")
		return frame{}
	case got != want:
		c.failUnexpected(got)
		return frame{}
	}
	f := frame{c.param, c.end}
	c.param = c.off
	c.end = c.off + c.paramLen()
	c.off += headerLen
	return f
}

// enterFixed opens a parameter whose value has n bytes.
func (c *Cursor) enterFixed(want ParameterType, n int) frame {
	f := c.enter(want)
	if c.err == nil && c.end-c.off != n {
		c.fail("has the wrong length")
	}
	return f
}

// leave closes the open parameter. Trailing parameters in it are passed over.
func (c *Cursor) leave(f frame) {
	c.passTrailing()
	if c.err != nil {
		return
	}
	c.off = min(pad(c.end), f.end)
	c.param, c.end = f.param, f.end
}

// passTrailing goes to the end of the container: later versions of a protocol
// may append parameters, and deployed peers do.
func (c *Cursor) passTrailing() {
	for c.Next() != 0 {
		c.skip(c.paramLen())
	}
}

// paramLen is the length of the parameter at the cursor, which Next has checked.
func (c *Cursor) paramLen() int { return int(binary.BigEndian.Uint16(c.msg[c.off+2:])) }

// skip passes over the parameter at the cursor, which has n bytes, and its padding.
func (c *Cursor) skip(n int) { c.off = min(c.off+pad(n), c.end) }

// fail records that the open parameter is invalid.
func (c *Cursor) fail(reason string) {
	e := &Error{Cause: rserpool.Cause{Code: rserpool.InvalidValues}, Offset: c.off, Reason: reason}
	if c.param != 0 {
		e.Parameter = ParameterType(binary.BigEndian.Uint16(c.msg[c.param:]))
		e.Cause = reportCause(rserpool.InvalidValues, c.msg[c.param:c.end])
	}
	c.failAt(e)
}

// failShort records that there are fewer bytes than a value needs.
func (c *Cursor) failShort() {
	if c.param == 0 {
		c.fail("message is cut short")
	} else {
		c.fail("is too short")
	}
}

// failUnexpected records that the parameter at the cursor stands in the wrong place.
func (c *Cursor) failUnexpected(got ParameterType) {
	c.failAt(&Error{
		Cause:     reportCause(rserpool.InvalidValues, c.msg[c.off:c.off+c.paramLen()]),
		Offset:    c.off,
		Parameter: got,
		Reason:    "stands where another parameter is expected",
	})
}

// failAt records a failure, unless there was one before. Nothing is read after it.
func (c *Cursor) failAt(e *Error) {
	if c.err == nil {
		c.err = e
	}
}

// pad returns n rounded up to a multiple of four.
func pad(n int) int { return (n + 3) &^ 3 }
