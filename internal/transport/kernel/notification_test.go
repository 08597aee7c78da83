package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// build lays a notification out: 16-bit numbers at their offsets, then 32-bit
// ones.
func build(size int, kind uint16, words map[int]uint32, rest ...byte) []byte {
	b := make([]byte, size, size+len(rest))
	native.PutUint16(b, kind)
	native.PutUint32(b[4:], uint32(size+len(rest)))
	for at, w := range words {
		native.PutUint32(b[at:], w)
	}
	return append(b, rest...)
}

// change is an associationChange; the cause is in network order.
func change(state, cause, streams uint16, association int32, info ...byte) []byte {
	b := build(20, associationChange, map[int]uint32{16: uint32(association)}, info...)
	native.PutUint16(b[8:], state)
	b[10], b[11] = byte(cause>>8), byte(cause)
	native.PutUint16(b[12:], streams)
	return b
}

var notifications = []struct {
	name    string
	bytes   []byte
	want    notification
	because string // of the peer's ABORT
}{
	{name: "up", bytes: change(commUp, 0, 16, 7), want: notification{kind: associationChange, association: 7, state: commUp, streams: 16, info: []byte{}}, because: "without a cause"},
	{
		name: "aborted with a reason", bytes: change(commLost, userAbort, 0, 7, 0, 12, 0, 8, 'w', 'h', 'y', 0),
		want:    notification{kind: associationChange, association: 7, state: commLost, cause: userAbort, info: []byte{0, 12, 0, 8, 'w', 'h', 'y', 0}},
		because: `"why"`,
	},
	{
		name: "aborted without a reason", bytes: change(commLost, userAbort, 0, 7, 0, 12, 0, 4),
		want:    notification{kind: associationChange, association: 7, state: commLost, cause: userAbort, info: []byte{0, 12, 0, 4}},
		because: "without a reason",
	},
	{
		name: "reason that claims to be longer", bytes: change(commLost, userAbort, 0, 7, 0, 12, 0xff, 0xff, 'x', 'y'),
		want:    notification{kind: associationChange, association: 7, state: commLost, cause: userAbort, info: []byte{0, 12, 0xff, 0xff, 'x', 'y'}},
		because: `"xy"`,
	},
	{
		name: "reason that claims to be shorter than its header", bytes: change(commLost, userAbort, 0, 7, 0, 12, 0, 1, 'x'),
		want:    notification{kind: associationChange, association: 7, state: commLost, cause: userAbort, info: []byte{0, 12, 0, 1, 'x'}},
		because: "without a reason",
	},
	{
		name: "protocol violation", bytes: change(commLost, 13, 0, 7),
		want: notification{kind: associationChange, association: 7, state: commLost, cause: 13, info: []byte{}}, because: "protocol violation",
	},
	{
		name: "unknown cause", bytes: change(cannotStart, 99, 0, 7),
		want: notification{kind: associationChange, association: 7, state: cannotStart, cause: 99, info: []byte{}}, because: "cause 99",
	},
	{name: "restart", bytes: change(restarted, 0, 3, -1), want: notification{kind: associationChange, association: -1, state: restarted, streams: 3, info: []byte{}}, because: "without a cause"},
	{
		name: "path has failed", bytes: build(148, addressChange, map[int]uint32{136: addressUnreachable, 144: 9}),
		want: notification{kind: addressChange, association: 9, path: addressUnreachable}, because: "without a cause",
	},
	{name: "shutdown", bytes: build(12, shutdownEvent, map[int]uint32{8: 5}), want: notification{kind: shutdownEvent, association: 5}, because: "without a cause"},
	{name: "partial delivery", bytes: build(24, partialDelivery, map[int]uint32{12: 5}), want: notification{kind: partialDelivery, association: 5}, because: "without a cause"},
	{name: "sender dry", bytes: build(12, senderDry, map[int]uint32{8: 5}), want: notification{kind: senderDry, association: 5}, because: "without a cause"},
	{name: "another", bytes: build(8, 0x800a, nil), want: notification{kind: 0x800a}, because: "without a cause"},
}

func TestParseNotification(t *testing.T) {
	for _, tt := range notifications {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseNotification(tt.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(notification{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := got.describe(); got != tt.because {
				t.Errorf("described as %s; want %s", got, tt.because)
			}
			if tt.want.association == 0 {
				return
			}
			needed := map[uint16]int{associationChange: 20, addressChange: 148, shutdownEvent: 12, partialDelivery: 16, senderDry: 12}[tt.want.kind]
			for n := range needed {
				if _, err := parseNotification(tt.bytes[:n:n]); err == nil {
					t.Errorf("the first %d bytes are accepted", n)
				}
			}
		})
	}
}

func TestReasonIsBounded(t *testing.T) {
	long := strings.Repeat("x", 5000)
	n := notification{info: append([]byte{0, userAbort, 0xff, 0}, long...)}
	if got := n.describe(); len(got) != maxReason+2 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzParseNotification(f *testing.F) {
	for _, tt := range notifications {
		f.Add(tt.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseNotification(b)
		if err != nil {
			return
		}
		if got := n.describe(); len(got) > 4*maxReason+2 { // quoted
			t.Errorf("%d bytes of reason", len(got))
		}
	})
}
