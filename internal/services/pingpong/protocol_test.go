package pingpong

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVectors(t *testing.T) {
	vectors := sessionstest.Vectors(t)
	text := []byte("Nachricht: 1, Zeitstempel: 1795344537611332")
	other := []byte("Nachricht: 2, Zeitstempel: 1795344537862605")
	for _, tt := range []struct {
		name string
		want any
	}{
		{"pingpong_type1_1", Ping{Number: 1, Data: text}},
		{"pingpong_type1_2", Ping{Number: 2, Data: other}},
		{"pingpong_type2_1", Pong{Number: 1, Reply: 1, Data: text}},
		{"pingpong_type2_2", Pong{Number: 2, Reply: 2, Data: other}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := vectors[tt.name]
			var got any
			var err error
			var again []byte
			if b[0] == typePing {
				var p Ping
				p, err = ParsePing(b)
				got, again = p, p.Append(nil)
			} else {
				var p Pong
				p, err = ParsePong(b)
				got, again = p, p.Append(nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(b, again); diff != "" {
				t.Errorf("appended (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCookieLayout(t *testing.T) {
	want := []byte("<PP-TD1>\x00\x00\x00\x00\x00\x00\x01\x02")
	if diff := cmp.Diff(want, AppendCookie(nil, 258)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
	if n, err := ParseCookie(want); n != 258 || err != nil {
		t.Errorf("parsed %d, %v", n, err)
	}
}

// parsers read a message as each of its kinds.
var parsers = map[string]func([]byte) error{
	"ping":   func(b []byte) error { _, err := ParsePing(b); return err },
	"pong":   func(b []byte) error { _, err := ParsePong(b); return err },
	"cookie": func(b []byte) error { _, err := ParseCookie(b); return err },
}

func TestEveryPrefixIsRejected(t *testing.T) {
	for name, b := range map[string][]byte{
		"ping":   Ping{Number: 1, Data: []byte("x")}.Append(nil),
		"pong":   Pong{Number: 1, Reply: 2, Data: []byte("x")}.Append(nil),
		"cookie": AppendCookie(nil, 3),
	} {
		parse := parsers[name]
		if err := parse(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range b {
			if err := parse(b[:n]); !errors.Is(err, services.ErrProtocol) {
				t.Errorf("%s: first %d of %d bytes: error %v, want ErrProtocol", name, n, len(b), err)
			}
		}
		if err := parse(append(b[:len(b):len(b)], 0)); !errors.Is(err, services.ErrProtocol) {
			t.Errorf("%s: one byte too many: error %v, want ErrProtocol", name, err)
		}
		b[0]++
		if err := parse(b); !errors.Is(err, services.ErrProtocol) {
			t.Errorf("%s of another type: error %v, want ErrProtocol", name, err)
		}
	}
}

func TestPingThatNoPongHasRoomFor(t *testing.T) {
	most := Ping{Number: 1, Data: make([]byte, MaxData)}.Append(nil)
	p, err := ParsePing(most)
	if err != nil {
		t.Fatal(err)
	}
	if b := (Pong{Number: 1, Reply: 1, Data: p.Data}).Append(nil); len(b) != maxLen {
		t.Errorf("the longest pong has %d bytes, want %d", len(b), maxLen)
	}
	more := append(most, 0)
	more[2], more[3] = byte(len(more)>>8), byte(len(more))
	if _, err := ParsePing(more); !errors.Is(err, services.ErrProtocol) {
		t.Errorf("error %v, want ErrProtocol", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range sessionstest.Vectors(f) {
		f.Add(b)
	}
	f.Add(AppendCookie(nil, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(what string, again []byte) {
			if what != "cookie" {
				again[1] = b[1] // flags are not kept
			}
			if !bytes.Equal(b, again) {
				t.Errorf("%s: read %x, written %x", what, b, again)
			}
		}
		if p, err := ParsePing(b); err == nil {
			check("ping", p.Append(nil))
		}
		if p, err := ParsePong(b); err == nil {
			check("pong", p.Append(nil))
		}
		if n, err := ParseCookie(b); err == nil {
			check("cookie", AppendCookie(nil, n))
		}
	})
}
