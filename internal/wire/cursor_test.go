package wire

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	rserpool "github.com/rspool/rspool"
)

var equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}

// unhex reads digits with spaces between them.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// message returns parameters behind the header of a message.
func message(t testing.TB, parameters string) []byte {
	t.Helper()
	b, start := BeginMessage(nil, 1, 0)
	return FinishMessage(append(b, unhex(t, parameters)...), start)
}

// read opens a message and reads it with f.
func read(b []byte, f func(*Cursor)) (*Cursor, error) {
	var c Cursor
	c.Open(b)
	f(&c)
	return &c, c.Close()
}

func handle(c *Cursor)  { c.Handle() }
func element(c *Cursor) { c.Element() }

// The same message, whose handle has five bytes, as senders frame it.
func TestFinalPaddingMayBeCountedOrNotAndThereOrNot(t *testing.T) {
	tests := []struct {
		name    string
		hex     string
		wantErr string
	}{
		{"counted and there", "0500 0010 0009 0009 44506f6f6c 000000", ""},
		{"not counted but there", "0500 000d 0009 0009 44506f6f6c 000000", ""},
		{"neither", "0500 000d 0009 0009 44506f6f6c", ""},
		{"counted but missing", "0500 0010 0009 0009 44506f6f6c", ""},
		{"counted and half missing", "0500 0010 0009 0009 44506f6f6c 00", ""},
		{"counted in part", "0500 000e 0009 0009 44506f6f6c 000000", ""},
		{"padding that is not zero", "0500 0010 0009 0009 44506f6f6c ffffff", ""},
		{"more behind the message", "0500 0010 0009 0009 44506f6f6c 000000 01020304 05060708", ""},
		{"a byte of the handle is missing", "0500 0010 0009 0009 44506f6f", "offset 0: message is cut short"},
		{"a byte of the handle is missing, uncounted", "0500 000d 0009 0009 44506f6f", "offset 0: message is cut short"},
		{"more is missing than padding", "0500 0014 0009 0009 44506f6f6c 000000", "offset 0: message is cut short"},
		{"what is missing is no padding", "0500 0010 0009 0008 44506f6f 802000", "offset 12: message is cut short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h rserpool.Handle
			_, err := read(unhex(t, test.hex), func(c *Cursor) { h = c.Handle() })
			switch {
			case test.wantErr == "" && (err != nil || h != "DPool"):
				t.Errorf("handle %v, error %v", h, err)
			case test.wantErr != "" && (err == nil || err.Error() != test.wantErr):
				t.Errorf("error %v, want %s", err, test.wantErr)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	invalid := func(hex string) rserpool.Cause {
		return rserpool.Cause{Code: rserpool.InvalidValues, Info: unhex(t, hex)}
	}
	tests := []struct {
		name string
		hex  string // of the whole message
		read func(*Cursor)
		want *Error
	}{
		{
			"nothing", "", handle,
			&Error{Cause: invalid(""), Reason: "message is shorter than its header"},
		},
		{
			"half a header", "0500", handle,
			&Error{Cause: invalid(""), Reason: "message is shorter than its header"},
		},
		{
			"message length of zero", "0500 0000 0009 0008 41424344", handle,
			&Error{Cause: invalid(""), Reason: "message length is less than its header"},
		},
		{
			"message without its parameter", "0500 0004", handle,
			&Error{Cause: invalid(""), Offset: 4, Reason: "Pool Handle is missing"},
		},
		{
			"parameter length of zero", "0500 000c 0009 0000 41424344", handle,
			&Error{Cause: invalid(""), Offset: 4, Parameter: PoolHandle, Reason: "has a length less than its header"},
		},
		{
			"parameter beyond the message", "0500 000c 0009 0009 41424344", handle,
			&Error{Cause: invalid(""), Offset: 4, Parameter: PoolHandle, Reason: "reaches beyond the end of what contains it"},
		},
		{
			"empty handle", "0500 0008 0009 0004", handle,
			&Error{Cause: invalid("00090004"), Offset: 8, Parameter: PoolHandle, Reason: "is empty"},
		},
		{
			"another parameter in its place", "0500 000c 000e 0008 00000001", handle,
			&Error{Cause: invalid("000e000800000001"), Offset: 4, Parameter: ElementIdentifier, Reason: "stands where another parameter is expected"},
		},
		{
			"identifier too short", "0200 000c 000e 0006 0001 0000", func(c *Cursor) { c.ElementID() },
			&Error{Cause: invalid("000e00060001"), Offset: 8, Parameter: ElementIdentifier, Reason: "has the wrong length"},
		},
		{
			"identifier too long", "0200 0010 000e 000c 00000001 00000000", func(c *Cursor) { c.ElementID() },
			&Error{Cause: invalid("000e000c0000000100000000"), Offset: 8, Parameter: ElementIdentifier, Reason: "has the wrong length"},
		},
		{
			"checksum too long", "0100 000c 000f 0008 00010000", func(c *Cursor) { c.Checksum() },
			&Error{Cause: invalid("000f000800010000"), Offset: 8, Parameter: Checksum, Reason: "has the wrong length"},
		},
		{
			"address too long", "0100 0018 0004 0014 1267 0001 0001 000c c0000201 00000000", func(c *Cursor) { c.Transport() },
			&Error{Cause: invalid("0001000cc000020100000000"), Offset: 16, Parameter: IPv4Address, Reason: "has the wrong length"},
		},
		{
			"transport without an address", "0100 000c 0004 0008 1267 0001", func(c *Cursor) { c.Transport() },
			&Error{Cause: invalid("0004000812670001"), Offset: 12, Parameter: SCTPTransport, Reason: "IPv4 Address is missing"},
		},
		{
			"transport without a transport use", "0100 000c 0004 0006 1267 0000", func(c *Cursor) { c.Transport() },
			&Error{Cause: invalid("000400061267"), Offset: 10, Parameter: SCTPTransport, Reason: "is too short"},
		},
		{
			"policy without a type", "0100 0008 0008 0004", func(c *Cursor) { c.Policy() },
			&Error{Cause: invalid("00080004"), Offset: 8, Parameter: SelectionPolicy, Reason: "is too short"},
		},
		{
			"policy without its load", "0100 000c 0008 0008 40000001", func(c *Cursor) { c.Policy() },
			&Error{Cause: invalid("0008000840000001"), Offset: 12, Parameter: SelectionPolicy, Reason: "has the wrong length for least-used"},
		},
		{
			"policy with too many values", "0100 0010 0008 000c 00000001 00000001", func(c *Cursor) { c.Policy() },
			&Error{Cause: invalid("0008000c0000000100000001"), Offset: 12, Parameter: SelectionPolicy, Reason: "has the wrong length for round-robin"},
		},
		{
			"invalid policy", "0100 000c 0008 0008 40000000", func(c *Cursor) { c.Policy() },
			&Error{Cause: invalid("0008000840000000"), Offset: 12, Parameter: SelectionPolicy, Reason: "type is one of the two invalid ones"},
		},
		{
			"element without a policy", "0100 0024 000a 0020 00000001 00000000 00000001 0004 0010 1267 0001 0001 0008 c0000201", element,
			&Error{Cause: invalid("000a0020 00000001 00000000 00000001 0004001012670001 00010008c0000201"), Offset: 36, Parameter: PoolElement, Reason: "Pool Member Selection Policy is missing"},
		},
		{
			"element cut off before its life", "0100 0010 000a 000c 00000001 00000000", element,
			&Error{Cause: invalid("000a000c 00000001 00000000"), Offset: 16, Parameter: PoolElement, Reason: "is too short"},
		},
		{
			"UDP encapsulation too short", "0100 000a 9899 0006 26ab", func(c *Cursor) { c.UDPPort() },
			&Error{Cause: invalid("9899000626ab"), Offset: 8, Parameter: UDPEncapsulation, Reason: "has the wrong length"},
		},
		{
			"tag cut off", "0100 0010 98a0 000a 00 01 0002 61 62 0000", func(c *Cursor) { c.Tags() },
			&Error{Cause: invalid("98a0000a 00010002 6162"), Offset: 14, Parameter: ElementTags, Reason: "is too short"},
		},
		{
			"tag without a name", "0100 000c 98a0 0008 00 00 0000", func(c *Cursor) { c.Tags() },
			&Error{Cause: invalid("98a00008 00000000"), Offset: 12, Parameter: ElementTags, Reason: "has a name or value of the wrong length"},
		},
		{
			"tag of an unknown kind", "0100 0010 98a0 0009 03 01 0000 61 000000", func(c *Cursor) { c.Tags() },
			&Error{Cause: invalid("98a00009 03010000 61"), Offset: 13, Parameter: ElementTags, Reason: "has a value of no known kind"},
		},
		{
			"tag that is not a number", "0100 0018 98a0 0011 01 01 0008 61 7ff8000000000000 000000", func(c *Cursor) { c.Tags() },
			&Error{Cause: invalid("98a00011 01010008 61 7ff8000000000000"), Offset: 21, Parameter: ElementTags, Reason: "has a number that is none"},
		},
		{
			"tag twice", "0100 0014 98a0 000e 00 01 0000 61 00 01 0000 61 0000", func(c *Cursor) { c.Tags() },
			&Error{Cause: invalid("98a0000e 0001000061 0001000061"), Offset: 18, Parameter: ElementTags, Reason: "has a name twice"},
		},
		{
			"attribute that is a number", "0500 0018 98a1 0011 01 01 0008 61 3fd0000000000000 000000", func(c *Cursor) { c.Attributes() },
			&Error{Cause: invalid("98a10011 01010008 61 3fd0000000000000"), Offset: 21, Parameter: RequestAttributes, Reason: "has a value that is not text"},
		},
		{
			"cause too long", "0e00 0010 000c 000c 0001 0009 01020304", func(c *Cursor) { c.OperationError() },
			&Error{Cause: invalid("000c000c 0001000901020304"), Offset: 8, Parameter: OperationError, Reason: "holds a cause with an impossible length"},
		},
		{
			"cause length of zero", "0e00 000c 000c 0008 0001 0000", func(c *Cursor) { c.OperationError() },
			&Error{Cause: invalid("000c0008 00010000"), Offset: 8, Parameter: OperationError, Reason: "holds a cause with an impossible length"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := read(unhex(t, test.hex), test.read)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if diff := cmp.Diff(test.want, got, equal); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			want := &rserpool.OperationError{Causes: []rserpool.Cause{test.want.Cause}}
			if diff := cmp.Diff(want, got.Report(), equal); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

// A container's length may leave out the padding of its last parameter
// (RFC 5354, Section 2), or count it as deployed peers do.
func TestContainersWithAndWithoutTheirLastPadding(t *testing.T) {
	const head = "00000001 00000000 00000001 0010 0004 0008 0009 80000001 aa"
	want := rserpool.Element{
		ID: 1, Life: 1,
		UserTransport: rserpool.Transport{Protocol: rserpool.Opaque},
		Policy:        rserpool.Policy{Type: 0x80000001, Data: "\xaa"},
	}
	for name, hex := range map[string]string{
		"counted":     "000a 0020 " + head + " 000000 0009 0008 41424344",
		"not counted": "000a 001d " + head + " 000000 0009 0008 41424344",
	} {
		t.Run(name, func(t *testing.T) {
			var got rserpool.Element
			var h rserpool.Handle
			_, err := read(message(t, hex), func(c *Cursor) {
				got = c.Element()
				h = c.Handle()
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Errorf("element (-want +got):\n%s", diff)
			}
			if h != "ABCD" {
				t.Errorf("handle behind the element is %v", h)
			}
		})
	}
}

func TestHandleCacheReturnsWhatWasRead(t *testing.T) {
	c := Cursor{Handles: new(HandleCache)}
	for i := range 5000 {
		for _, want := range []rserpool.Handle{
			"EchoPool", rserpool.Handle(hex.EncodeToString([]byte{byte(i), byte(i >> 8)})),
			rserpool.Handle(strings.Repeat("x", 1+i%100)),
		} {
			b, start := BeginMessage(nil, 5, 0)
			b = FinishMessage(AppendHandle(b, want), start)
			c.Open(b)
			got := c.Handle()
			clear(b) // what was read must not refer to the message
			if got != want || c.Err() != nil {
				t.Fatalf("handle %v, want %v, error %v", got, want, c.Err())
			}
		}
	}
	if n := len(c.Handles.slots); n != maxCachedHandles {
		t.Errorf("%d handles are remembered, want %d", n, maxCachedHandles)
	}
}

// Whoever hears of one pool alone does not pay for many.
func TestHandleCacheOfOneHandleStaysSmall(t *testing.T) {
	var h HandleCache
	for range 1000 {
		h.handle([]byte("EchoPool"))
	}
	if n := len(h.slots); n != minCachedHandles {
		t.Errorf("room for %d handles, want %d", n, minCachedHandles)
	}
}

// A message beyond what a header can state is not written at all.
func TestFinishMessageTakesBackWhatIsTooLong(t *testing.T) {
	for _, test := range []struct {
		name   string
		handle int // its length
		want   int // the message's length
	}{
		{"longest", MaxMessageLen - 8, 1 + MaxMessageLen},
		{"one byte more", MaxMessageLen - 7, 1},
		{"longest handle", rserpool.MaxHandleLen, 1},
		{"beyond 16 bits", 1 << 17, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, start := BeginMessage([]byte{0xaa}, 5, 0)
			b = FinishMessage(AppendHandle(b, rserpool.Handle(strings.Repeat("x", test.handle))), start)
			if len(b) != test.want || b[0] != 0xaa {
				t.Errorf("%d bytes, want %d", len(b), test.want)
			}
		})
	}
}
