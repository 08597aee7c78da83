package explain

import (
	"encoding/binary"
	"hash/crc32"
)

// sctpHeader is the length of SCTP's common header (RFC 9260, Section 3.1).
const sctpHeader = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// looksLikeSCTP reports whether b is an SCTP packet, so that encapsulated SCTP is
// found behind any UDP port: it ends with its last chunk, and its checksum is
// right, or zero as peers may agree upon (RFC 9653).
func looksLikeSCTP(b []byte) bool {
	if len(b) < sctpHeader+4 || len(b)%4 != 0 {
		return false
	}
	rest := b[sctpHeader:]
	for len(rest) > 0 {
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < 4 || n > len(rest) {
			return false
		}
		rest = rest[(n+3)&^3:]
	}
	carried := binary.LittleEndian.Uint32(b[8:])
	sum := crc32.Update(0, castagnoli, b[:8])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	sum = crc32.Update(sum, castagnoli, b[sctpHeader:])
	return carried == sum || carried == 0
}

// direction is one way of an association. The verification tag tells it from
// others, whichever of several addresses are in use.
type direction struct {
	from, to uint16
	tag      uint32
}

// fragment is a DATA chunk (RFC 9260, Section 3.3.1).
type fragment struct {
	tsn        uint32
	ppid       uint32
	begin, end bool
	data       []byte
}

// Bounds of what waits for missing fragments in one direction, and of the
// directions known. What exceeds them is forgotten: a capture is a file, and
// whoever wrote it may be hostile.
const (
	maxDirections = 1 << 16
	maxWaiting    = 1 << 12
	maxSeen       = 1 << 14
	maxFragments  = 1 << 10 // of one message; one of 64 KiB has fewer
)

// assembler puts user messages together from DATA chunks.
type assembler struct {
	directions map[direction]*flow
}

// flow is what is known of a direction: fragments of unfinished messages, and
// the numbers of chunks that were there, as chunks are sent again when lost.
type flow struct {
	waiting map[uint32]fragment
	seen    map[uint32]struct{}
}

// packet takes an SCTP packet apart and calls found with each user message that
// it completes. It returns false where the packet makes no sense.
func (a *assembler) packet(b []byte, found func(from, to uint16, ppid uint32, data []byte)) bool {
	if len(b) < sctpHeader {
		return false
	}
	d := direction{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])}
	const dataChunk, dataHeader = 0, 16
	for rest := b[sctpHeader:]; len(rest) >= 4; {
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < 4 || n > len(rest) || rest[0] == dataChunk && n < dataHeader {
			return false
		}
		if rest[0] == dataChunk {
			c := fragment{
				tsn:   binary.BigEndian.Uint32(rest[4:]),
				ppid:  binary.BigEndian.Uint32(rest[12:]),
				begin: rest[1]&2 != 0,
				end:   rest[1]&1 != 0,
				data:  rest[dataHeader:n],
			}
			if whole, ok := a.flow(d).add(c); ok {
				found(d.from, d.to, c.ppid, whole)
			}
		}
		rest = rest[min((n+3)&^3, len(rest)):]
	}
	return true
}

func (a *assembler) flow(d direction) *flow {
	f := a.directions[d]
	if f == nil {
		if a.directions == nil || len(a.directions) >= maxDirections {
			a.directions = map[direction]*flow{}
		}
		f = &flow{waiting: map[uint32]fragment{}, seen: map[uint32]struct{}{}}
		a.directions[d] = f
	}
	return f
}

// add takes a chunk and returns the message that it completes, if it does.
func (f *flow) add(c fragment) (whole []byte, ok bool) {
	if _, again := f.seen[c.tsn]; again {
		return nil, false
	}
	if len(f.seen) >= maxSeen {
		clear(f.seen)
	}
	f.seen[c.tsn] = struct{}{}
	if c.begin && c.end {
		return c.data, true
	}
	if len(f.waiting) >= maxWaiting {
		clear(f.waiting)
	}
	c.data = append([]byte(nil), c.data...)
	f.waiting[c.tsn] = c

	first := c.tsn
	for i := 0; !f.waiting[first].begin; i++ {
		first--
		if _, there := f.waiting[first]; !there || i == maxFragments {
			return nil, false
		}
	}
	last := first
	for ; ; last++ {
		part, there := f.waiting[last]
		if !there || last-first == maxFragments {
			return nil, false
		}
		whole = append(whole, part.data...)
		if part.end {
			break
		}
	}
	for tsn := first; tsn != last+1; tsn++ {
		delete(f.waiting, tsn)
	}
	return whole, true
}
