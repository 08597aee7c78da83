package wiretest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// vectors is where a codec keeps the vectors that it is tested with.
const vectors = "testdata/vectors"

// ParseFunc reads a message of type M.
type ParseFunc[M any] func(b []byte) (M, []rserpool.Cause, error)

// Message is what a test needs of the interface of a protocol's messages.
type Message interface {
	comparable
	fmt.Stringer
}

// Codec is a protocol under test. Its methods are the tests that all protocols
// have to pass, with the vectors in the package's testdata/vectors.
type Codec[M Message] struct {
	Parse      ParseFunc[M]
	NewDecoder func() ParseFunc[M] // uses its messages again
	Append     func(dst []byte, m M) []byte
	// Fields returns the message as the vectors state it, but for its length.
	Fields func(m M) Fields
	// Amend, if not nil, changes what a vector states to what is read from it.
	Amend func(v *Vector)
	// Different names the vectors that are understood but not written that way,
	// and says why.
	Different map[string]string
}

// parse is c.Parse where there must not be an error.
func (c *Codec[M]) parse(t testing.TB, b []byte) M {
	t.Helper()
	m, _, err := c.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFields reads every vector and compares with what it states.
func (c *Codec[M]) TestFields(t *testing.T) {
	for _, v := range Load(t, vectors) {
		t.Run(v.Name, func(t *testing.T) {
			b := v.Bytes(t)
			m, reports, err := c.Parse(b)
			if err != nil || reports != nil {
				t.Fatalf("Parse: reports %v, error %v", reports, err)
			}
			got := c.Fields(m)
			got["length"] = binary.BigEndian.Uint16(b[2:])
			if c.Amend != nil {
				c.Amend(&v)
			}
			if diff := cmp.Diff(v.Fields, Normalize(t, got)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReproduced reads every vector and writes it, behind what is there already.
func (c *Codec[M]) TestReproduced(t *testing.T) {
	for _, v := range Load(t, vectors) {
		t.Run(v.Name, func(t *testing.T) {
			different := c.Different[v.Name] != ""
			if different && v.Captured() {
				t.Fatal("a captured vector must be reproduced")
			}
			m := c.parse(t, v.Bytes(t))
			const before = "before"
			b := c.Append([]byte(before), m)
			want := before + string(v.Bytes(t))
			if same := want == string(b); same == different {
				t.Errorf("reproduced: %v\nwrote %x\nread  %x", same, b, want)
			}
			again := c.parse(t, b[len(before):])
			if diff := cmp.Diff(m, again, Equal); diff != "" {
				t.Errorf("read, written and read again (-first +second):\n%s", diff)
			}
		})
	}
}

// TestPrefixes reads every prefix of every vector: it may lack nothing but final
// padding, since senders who do not count it may leave it out.
func (c *Codec[M]) TestPrefixes(t *testing.T) {
	for _, v := range Load(t, vectors) {
		t.Run(v.Name, func(t *testing.T) {
			b := v.Bytes(t)
			whole := c.parse(t, b)
			for n := range b {
				m, _, err := c.Parse(b[:n])
				if err != nil {
					continue
				}
				if missing := string(b[n:]); len(missing) > 3 || missing != "\x00\x00\x00"[:len(missing)] {
					t.Fatalf("accepted the first %d of %d bytes as %v", n, len(b), m)
				}
				if diff := cmp.Diff(whole, m, Equal); diff != "" {
					t.Fatalf("first %d of %d bytes read differently (-whole +prefix):\n%s", n, len(b), diff)
				}
			}
		})
	}
}

// TestTrailing reads every vector with a parameter behind its last one that nobody
// knows: senders extend messages so, and the bits of its type say that it is skipped.
func (c *Codec[M]) TestTrailing(t *testing.T) {
	for _, v := range Load(t, vectors) {
		t.Run(v.Name, func(t *testing.T) {
			b := v.Bytes(t)
			whole := c.parse(t, b)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
			b = append(b, 0x80, 0x20, 0, 8, 1, 2, 3, 4)
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			if diff := cmp.Diff(whole, c.parse(t, b), Equal); diff != "" {
				t.Errorf("read differently (-without +with):\n%s", diff)
			}
		})
	}
}

// TestDecoder reads vectors of a type one after the other: a decoder uses its
// messages again, so nothing may be left of an earlier one.
func (c *Codec[M]) TestDecoder(t *testing.T) {
	list := Load(t, vectors)
	decode := c.NewDecoder()
	for _, before := range list {
		for _, v := range list {
			if v.Fields["message_type"] != before.Fields["message_type"] {
				continue
			}
			want := c.parse(t, v.Bytes(t))
			if _, _, err := decode(before.Bytes(t)); err != nil {
				t.Fatal(err)
			}
			got, _, err := decode(v.Bytes(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, Equal); diff != "" {
				t.Fatalf("%s after %s (-want +got):\n%s", v.Name, before.Name, diff)
			}
		}
	}
}

// TestMessage compares a message in both directions with its bytes, and with its
// line in transcripts.
func (c *Codec[M]) TestMessage(t *testing.T, digits string, message M, line string) {
	t.Helper()
	want := Unhex(t, digits)
	got, reports, err := c.Parse(want)
	if err != nil || reports != nil {
		t.Fatalf("reports %v, error %v", reports, err)
	}
	if diff := cmp.Diff(message, got, Equal); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, c.Append(nil, message)); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(line, message.String()); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

// TestUnknown reads messages of all types, of which those from 1 to last are
// known. The others are dropped; the type's top bits say whether the sender hears
// of it (RFC 5354, Section 4).
func (c *Codec[M]) TestUnknown(t *testing.T, last int, body ...byte) {
	decode := c.NewDecoder()
	for messageType := range 256 {
		b := append([]byte{byte(messageType), 0, 0, byte(4 + len(body))}, body...)
		want := &wire.Error{
			Silent: messageType>>6 != 1,
			Cause:  rserpool.Cause{Code: rserpool.UnrecognizedMessage, Info: b},
		}
		for name, parse := range map[string]ParseFunc[M]{"Parse": c.Parse, "Decoder": decode} {
			m, _, err := parse(b)
			if messageType > 0 && messageType <= last {
				if errors.Is(err, rserpool.Fail(rserpool.UnrecognizedMessage)) {
					t.Errorf("%s: type 0x%02x is not recognized", name, messageType)
				}
				continue
			}
			var got *wire.Error
			var none M
			if !errors.As(err, &got) || m != none {
				t.Fatalf("%s: type 0x%02x: message %v, error %v", name, messageType, m, err)
			}
			want.Reason = got.Reason
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: type 0x%02x: error (-want +got):\n%s", name, messageType, diff)
			}
		}
	}
}

// Fuzz reads any bytes: what is understood is written and understood alike.
func (c *Codec[M]) Fuzz(f *testing.F) {
	for _, v := range Load(f, vectors) {
		f.Add(v.Bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := c.Parse(b)
		if err != nil {
			return
		}
		_ = m.String()
		written := c.Append(nil, m)
		if len(written) == 0 {
			if len(b) < 0xfff0 {
				t.Fatalf("message of %d bytes is not written: %v", len(b), m)
			}
			return
		}
		again, reports, err := c.Parse(written)
		if err != nil || reports != nil {
			t.Fatalf("what was written is not read: reports %v, error %v\n%x", reports, err, written)
		}
		if diff := cmp.Diff(m, again, Equal); diff != "" {
			t.Fatalf("read, written and read again (-first +second):\n%s", diff)
		}
		if twice := c.Append(nil, again); string(twice) != string(written) {
			t.Fatalf("written twice:\n%x\n%x", written, twice)
		}
	})
}

// Unhex returns bytes from their digits, with spaces anywhere.
func Unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
