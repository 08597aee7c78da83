package tcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/rspool/rspool/internal/transport"
)

// The chunk types of draft-ietf-rserpool-tcpmapping-03, Section 3.1. The last
// three are those of SCTP (RFC 9260, Section 3.2), reserved in the draft.
//
// Deviation: the draft has no way to abort with a reason, or to tell an end in
// order from the end of a process; see docs/deviations.md.
const (
	chunkData         = 0
	chunkInit         = 1
	chunkAck          = 3
	chunkHeartbeat    = 4
	chunkHeartbeatAck = 5
	chunkAbort        = 6
	chunkShutdown     = 7
	chunkShutdownAck  = 8
)

// The flags of an INIT say what its sender leaves out of its DATA chunks.
const (
	withoutTSN    = 0x01
	withoutStream = 0x02
	withoutPPID   = 0x04
	// knowsEnd says that the sender knows ABORT, SHUTDOWN and SHUTDOWN ACK.
	knowsEnd = 0x80
)

// unordered is the flag U of a DATA chunk.
const unordered = 0x04

const (
	headerLen = 4
	// ownOverhead is what precedes the data in our DATA chunks: header, TSN,
	// stream and sequence number, PPID.
	ownOverhead = 16
	// MaxMessage is the size of the largest message: a chunk is not divided.
	MaxMessage = 65535 - ownOverhead
	// maxControl bounds the chunks that carry no data.
	maxControl = 512
	maxReason  = 256
)

var be = binary.BigEndian

// header is the beginning of each chunk.
type header struct {
	kind, flags byte
	length      int // of header and value, without padding
}

// errMalformed is wrapped by what a peer says that breaks the rules.
var errMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// parseHeader reads a header and refuses lengths that the kind cannot have, before
// anything is read or reserved by them. peer are the flags of the peer's INIT.
func parseHeader(b *[headerLen]byte, peer byte) (header, error) {
	h := header{b[0], b[1], int(be.Uint16(b[2:]))}
	least, most := headerLen, maxControl
	switch h.kind {
	case chunkData:
		least, most = headerLen+dataOverhead(peer)+1, 65535
	case chunkInit, chunkShutdown, chunkShutdownAck:
		most = headerLen
	case chunkAck:
		most = headerLen + 4
		if h.length != least && h.length != most {
			most = 0
		}
	case chunkHeartbeat, chunkHeartbeatAck:
		least = headerLen + 4
	case chunkAbort:
	default:
		return h, malformed("chunk of the reserved type %d", h.kind)
	}
	if h.length < least || h.length > most {
		return h, malformed("chunk of type %d with a length of %d", h.kind, h.length)
	}
	return h, nil
}

// dataOverhead is what precedes the data in the value of a DATA chunk of a peer
// with these flags in its INIT.
func dataOverhead(peer byte) int {
	n := 0
	for _, flag := range []byte{withoutTSN, withoutStream, withoutPPID} {
		if peer&flag == 0 {
			n += 4
		}
	}
	return n
}

// padding is what follows a chunk up to a multiple of four.
func padding(length int) int { return -length & 3 }

// appendChunk writes a chunk that carries no data.
func appendChunk(b []byte, kind, flags byte, value ...byte) []byte {
	b = append(b, kind, flags)
	b = be.AppendUint16(b, uint16(headerLen+len(value)))
	b = append(b, value...)
	return append(b, make([]byte, padding(len(value)))...)
}

// appendData writes a DATA chunk with all words.
func appendData(b []byte, tsn uint32, ssn uint16, m transport.Message) []byte {
	flags := byte(0)
	if m.Unordered {
		flags = unordered
	}
	length := ownOverhead + len(m.Payload)
	b = append(b, chunkData, flags)
	b = be.AppendUint16(b, uint16(length))
	b = be.AppendUint32(b, tsn)
	b = be.AppendUint16(b, m.Stream)
	b = be.AppendUint16(b, ssn)
	b = be.AppendUint32(b, m.PPID)
	b = append(b, m.Payload...)
	return append(b, make([]byte, padding(length))...)
}

// data is a DATA chunk that was read. Words that the peer leaves out are zero.
type data struct {
	tsn     uint32
	message transport.Message
}

// parseData reads the value of a DATA chunk, which is long enough.
func parseData(h header, peer byte, value []byte) data {
	var d data
	if peer&withoutTSN == 0 {
		d.tsn = be.Uint32(value)
		value = value[4:]
	}
	if peer&withoutStream == 0 {
		d.message.Stream = be.Uint16(value)
		value = value[4:]
	}
	if peer&withoutPPID == 0 {
		d.message.PPID = be.Uint32(value)
		value = value[4:]
	}
	d.message.Unordered = h.flags&unordered != 0
	d.message.Payload = value
	return d
}

// readHeader reads a header. At the end of the stream, between two chunks, it
// fails with io.EOF.
func readHeader(r io.Reader, peer byte) (header, error) {
	var b [headerLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return header{}, err
	}
	return parseHeader(&b, peer)
}

// readValue reads the value of a chunk into b, which grows as needed, and its
// padding.
func readValue(r io.Reader, h header, b []byte) ([]byte, error) {
	n := h.length - headerLen
	full := n + padding(h.length)
	if cap(b) < full {
		b = make([]byte, full)
	}
	if _, err := io.ReadFull(r, b[:full]); err != nil {
		return nil, noEOF(err)
	}
	return b[:n], nil
}

// noEOF makes the end of the stream in the middle of something unexpected.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
