package wire

import rserpool "github.com/rspool/rspool"

// Protocol is what tells the messages of ASAP from those of ENRP, for Parse and
// Decoder. M is the interface of the messages.
type Protocol[M comparable] interface {
	// New returns an empty message, or nil where the type is not recognised.
	New(messageType uint8) M
	// ParseBody reads what is behind the header.
	ParseBody(m M, c *Cursor, flags uint8)
}

// Parse reads a message, which may be kept; otherwise it is as Decoder.Parse.
func Parse[M comparable, P Protocol[M]](b []byte) (M, []rserpool.Cause, error) {
	var c Cursor
	var p P
	t, flags := c.Open(b)
	return parseInto[M, P](&c, p.New(t), b, flags)
}

// A Decoder reads messages without allocating for those that are frequent: it
// remembers pool handles, and uses the message of each type again. The zero value
// is ready; it must not be used by several goroutines at once.
type Decoder[M comparable, P Protocol[M]] struct {
	cursor   Cursor
	handles  HandleCache
	messages [16]M // by type; one of a higher type would not be used again
}

// Parse reads a message. The message itself is valid until the next Parse; what
// it refers to (addresses, elements, causes) may be kept.
//
// The causes name parameters that were skipped although the sender is to hear of
// them: an Error with them goes back to it, and the message is treated as any
// other. The error is an *Error, whose Report is what to answer.
func (d *Decoder[M, P]) Parse(b []byte) (M, []rserpool.Cause, error) {
	d.cursor.Handles = &d.handles
	t, flags := d.cursor.Open(b)
	return parseInto[M, P](&d.cursor, d.message(t), b, flags)
}

// message returns the message of type t that is used again.
func (d *Decoder[M, P]) message(t uint8) M {
	var p P
	if int(t) >= len(d.messages) {
		return p.New(t)
	}
	var none M
	if d.messages[t] == none {
		d.messages[t] = p.New(t)
	}
	return d.messages[t]
}

// parseInto reads into m, which is nil where the type is not recognised.
func parseInto[M comparable, P Protocol[M]](c *Cursor, m M, b []byte, flags uint8) (M, []rserpool.Cause, error) {
	var p P
	var none M
	if err := c.Err(); err != nil {
		return none, nil, err
	}
	if m == none {
		return none, nil, UnknownMessage(b)
	}
	p.ParseBody(m, c, flags)
	if err := c.Close(); err != nil {
		return none, nil, err
	}
	return m, c.Reports(), nil
}

// Flag returns bit where set, else no flags.
func Flag(set bool, bit uint8) uint8 {
	if set {
		return bit
	}
	return 0
}
