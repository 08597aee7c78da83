package wire

import "encoding/binary"

// MaxMessageLen is the longest message that FinishMessage lets pass: lengths
// have 16 bits, and messages end on a multiple of four.
const MaxMessageLen = 0xfffc

// BeginMessage writes the header of a message (RFC 5354, Section 4) and returns
// where it starts, for FinishMessage.
func BeginMessage(b []byte, messageType, flags uint8) ([]byte, int) {
	return append(b, messageType, flags, 0, 0), len(b)
}

// FinishMessage sets the length of the message that starts at start. A message
// beyond MaxMessageLen is taken back: the result ends where the message would
// have begun. Whoever builds large messages keeps count.
//
// The length counts the padding of the last parameter, and the padding is always
// there. RFC 5354, Section 2 does not count it, deployed peers do, and both read
// either.
func FinishMessage(b []byte, start int) []byte {
	n := len(b) - start
	if n > MaxMessageLen {
		return b[:start]
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	return b
}

// begin writes the header of a parameter and returns where it starts.
func begin(b []byte, t ParameterType) ([]byte, int) {
	return AppendUint16(AppendUint16(b, uint16(t)), 0), len(b)
}

// finish sets the length of the parameter that starts at start and pads it. The
// length of one beyond 65535 bytes is wrong, but then so is the message's, which
// FinishMessage takes back.
func finish(b []byte, start int) []byte {
	n := len(b) - start
	binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	for ; n%4 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// AppendUint32 writes a number.
func AppendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendUint16 writes a number.
func AppendUint16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }
