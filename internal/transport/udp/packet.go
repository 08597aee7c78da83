package udp

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The chunk types of RFC 9260, Section 3.2.
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkSack             = 3
	chunkHeartbeat        = 4
	chunkHeartbeatAck     = 5
	chunkAbort            = 6
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkError            = 9
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
)

// flagT says that the verification tag is the receiver's own, reflected.
const flagT = 1

// The error causes of RFC 9260, Section 3.3.10, that are sent or understood.
const (
	causeInvalidStream     = 1
	causeStaleCookie       = 3
	causeOutOfResource     = 4
	causeUnknownChunk      = 6
	causeInvalidParameter  = 7
	causeUnknownParameters = 8
	causeNoUserData        = 9
	causeUserAbort         = 12
	causeProtocolViolation = 13
)

var causeNames = map[uint16]string{
	causeInvalidStream: "invalid stream identifier", 2: "missing mandatory parameter", causeStaleCookie: "stale cookie",
	causeOutOfResource: "out of resource", 5: "unresolvable address", causeUnknownChunk: "unrecognized chunk type",
	causeInvalidParameter: "invalid mandatory parameter", causeUnknownParameters: "unrecognized parameters",
	causeNoUserData: "no user data", 10: "cookie received while shutting down", 11: "restart with new addresses",
	causeUserAbort: "user-initiated abort", causeProtocolViolation: "protocol violation",
}

const (
	headerLen = 12
	// minPacket is a common header and one chunk header.
	minPacket = headerLen + 4
)

var (
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header is the common header without its checksum.
type header struct {
	source, destination uint16
	tag                 uint32
}

// parsePacket checks a packet as a whole: its length, ports, checksum and the
// frame of every chunk. It clears the checksum in p.
func parsePacket(p []byte) (h header, ok bool) {
	if len(p) < minPacket || len(p)%4 != 0 {
		return h, false
	}
	h = header{be.Uint16(p), be.Uint16(p[2:]), be.Uint32(p[4:])}
	if h.source == 0 || h.destination == 0 {
		return h, false
	}
	sum := binary.LittleEndian.Uint32(p[8:])
	if sum != checksum(p) {
		return h, false
	}
	for b := p[headerLen:]; len(b) > 0; {
		if _, b, ok = nextChunk(b); !ok {
			return h, false
		}
	}
	return h, true
}

// checksum clears the checksum of a packet and returns what it should be.
func checksum(p []byte) uint32 {
	clear(p[8:12])
	return crc32.Checksum(p, castagnoli)
}

// seal writes the checksum.
func seal(p []byte) { binary.LittleEndian.PutUint32(p[8:], checksum(p)) }

// chunk is a chunk in a packet.
type chunk struct {
	kind, flags byte
	value       []byte
	raw         []byte // with header and padding
}

// nextChunk cuts the first chunk off.
func nextChunk(b []byte) (c chunk, rest []byte, ok bool) {
	if len(b) < 4 {
		return c, nil, false
	}
	n := int(be.Uint16(b[2:]))
	if n < 4 || pad(n) > len(b) {
		return c, nil, false
	}
	return chunk{b[0], b[1], b[4:n], b[:pad(n)]}, b[pad(n):], true
}

func pad(n int) int { return (n + 3) &^ 3 }

func appendPadding(b []byte) []byte {
	var zero [3]byte
	return append(b, zero[:pad(len(b))-len(b)]...)
}

func appendHeader(b []byte, h header) []byte {
	b = be.AppendUint16(b, h.source)
	b = be.AppendUint16(b, h.destination)
	b = be.AppendUint32(b, h.tag)
	return append(b, 0, 0, 0, 0)
}

// appendChunk adds a chunk of values, each of which begins at a multiple of four
// bytes. The padding of the last one is the chunk's, which its length leaves out (RFC
// 9260, Section 3.2).
func appendChunk(b []byte, kind, flags byte, value ...[]byte) []byte {
	at := len(b)
	b = append(b, kind, flags, 0, 0)
	for _, v := range value {
		b = append(appendPadding(b), v...)
	}
	be.PutUint16(b[at+2:], uint16(len(b)-at))
	return appendPadding(b)
}

// appendParameter adds an error cause or a parameter: both have the same frame. Its
// padding comes with whatever follows.
func appendParameter(b []byte, kind uint16, value []byte) []byte {
	b = be.AppendUint16(appendPadding(b), kind)
	b = be.AppendUint16(b, uint16(4+len(value)))
	return append(b, value...)
}

// nextParameter cuts the first parameter or error cause off. The padding of the
// last one may be missing.
func nextParameter(b []byte) (kind uint16, value, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	n := int(be.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return 0, nil, nil, false
	}
	return be.Uint16(b), b[4:n], b[min(pad(n), len(b)):], true
}

// initiation is the fixed part of INIT and INIT ACK.
type initiation struct {
	tag, window, tsn uint32
	out, in          uint16 // streams
}

const initiationLen = 16

func (i initiation) append(b []byte) []byte {
	b = be.AppendUint32(b, i.tag)
	b = be.AppendUint32(b, i.window)
	b = be.AppendUint16(b, i.out)
	b = be.AppendUint16(b, i.in)
	return be.AppendUint32(b, i.tsn)
}

// minWindow is the least window that a peer may offer (RFC 9260, Section 3.3.2).
const minWindow = 1500

func parseInitiation(v []byte) (i initiation, parameters []byte, ok bool) {
	if len(v) < initiationLen {
		return i, nil, false
	}
	i = initiation{tag: be.Uint32(v), window: be.Uint32(v[4:]), out: be.Uint16(v[8:]), in: be.Uint16(v[10:]), tsn: be.Uint32(v[12:])}
	return i, v[initiationLen:], i.tag != 0 && i.out != 0 && i.in != 0 && i.window >= minWindow
}

// describe tells the error causes of an ABORT for people.
func describe(causes []byte) string {
	var s []string
	for len(s) < 4 {
		kind, value, rest, ok := nextParameter(causes)
		if !ok {
			break
		}
		name := causeNames[kind]
		if name == "" {
			name = fmt.Sprintf("cause %d", kind)
		}
		if text := printable(value); text != "" && (kind == causeUserAbort || kind == causeProtocolViolation) {
			name += ": " + text
		}
		s, causes = append(s, name), rest
	}
	if s == nil {
		return "no reason given"
	}
	return strings.Join(s, ", ")
}

// maxReason is the longest reason of an abort, in bytes.
const maxReason = 200

func printable(b []byte) string {
	b = b[:min(len(b), maxReason)]
	if !utf8.Valid(b) || strings.ContainsFunc(string(b), func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(string(b))
	}
	return string(b)
}
