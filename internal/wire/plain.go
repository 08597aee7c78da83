package wire

import rserpool "github.com/rspool/rspool"

// Handle reads a Pool Handle parameter (RFC 5354, Section 3.9).
func (c *Cursor) Handle() rserpool.Handle {
	f := c.enter(PoolHandle)
	if c.err == nil && c.off == c.end {
		c.fail("is empty")
	}
	h := c.Handles.handle(c.rest())
	c.leave(f)
	return h
}

// AppendHandle writes a Pool Handle parameter.
func AppendHandle(b []byte, h rserpool.Handle) []byte {
	b, start := begin(b, PoolHandle)
	return finish(append(b, h...), start)
}

// ElementID reads a PE Identifier parameter (RFC 5354, Section 3.14).
func (c *Cursor) ElementID() rserpool.ElementID {
	f := c.enterFixed(ElementIdentifier, 4)
	id := rserpool.ElementID(c.Uint32())
	c.leave(f)
	return id
}

// AppendElementID writes a PE Identifier parameter.
func AppendElementID(b []byte, id rserpool.ElementID) []byte {
	b, start := begin(b, ElementIdentifier)
	return finish(AppendUint32(b, uint32(id)), start)
}

// Checksum reads a PE Checksum parameter (RFC 5354, Section 3.15).
func (c *Cursor) Checksum() uint16 {
	f := c.enterFixed(Checksum, 2)
	v := c.Uint16()
	c.leave(f)
	return v
}

// AppendChecksum writes a PE Checksum parameter.
func AppendChecksum(b []byte, v uint16) []byte {
	b, start := begin(b, Checksum)
	return finish(AppendUint16(b, v), start)
}

// Cookie reads a Cookie parameter (RFC 5354, Section 3.13) and returns a copy of
// its bytes.
func (c *Cursor) Cookie() []byte {
	f := c.enter(Cookie)
	v := append([]byte(nil), c.rest()...)
	c.leave(f)
	return v
}

// AppendCookie writes a Cookie parameter.
func AppendCookie(b, v []byte) []byte {
	b, start := begin(b, Cookie)
	return finish(append(b, v...), start)
}

// Items reads a Handle Resolution option: the number of elements wanted, zero
// for as many as the registrar likes, or AllItems.
func (c *Cursor) Items() uint32 {
	f := c.enterFixed(HandleResolution, 4)
	v := c.Uint32()
	c.leave(f)
	return v
}

// AppendItems writes a Handle Resolution option.
func AppendItems(b []byte, n uint32) []byte {
	b, start := begin(b, HandleResolution)
	return finish(AppendUint32(b, n), start)
}
