package calcapp

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/services"
	"github.com/rspool/rspool/internal/sessions/sessionstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVectors(t *testing.T) {
	vectors := sessionstest.Vectors(t)
	if len(vectors) != 12 {
		t.Errorf("%d vectors, want 12", len(vectors))
	}
	for name, want := range map[string]Message{
		"calcapp_type1_1": {Type: Request, Job: 1, Size: 695552},
		"calcapp_type2_1": {Type: Accept, Job: 1},
		"calcapp_type3_1": {Type: Reject, Job: 1},
		"calcapp_type5_1": {Type: Complete, Job: 1, Size: 695552, Completed: 695552},
		"calcapp_type6_1": {Type: KeepAlive, Job: 1},
		"calcapp_type7_1": {Type: KeepAliveAck, Job: 1},
	} {
		got, err := Parse(vectors[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, b := range vectors {
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(b, m.Append(nil)); diff != "" {
			t.Errorf("%s appended (-want +got):\n%s", name, diff)
		}
	}
}

func TestCookieLayout(t *testing.T) {
	want := []byte{0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255}
	c := Cookie{Job: 7, Size: 256, Completed: 255}
	if diff := cmp.Diff(want, c.Append(nil)); diff != "" {
		t.Errorf("appended (-want +got):\n%s", diff)
	}
	if got, err := ParseCookie(want); got != c || err != nil {
		t.Errorf("parsed %+v, %v", got, err)
	}
}

func TestBadMessages(t *testing.T) {
	message := func(b []byte) error { _, err := Parse(b); return err }
	cookie := func(b []byte) error { _, err := ParseCookie(b); return err }
	good := Message{Type: Request, Job: 1, Size: 2}.Append(nil)
	with := func(at int, v byte) []byte { b := bytes.Clone(good); b[at] = v; return b }
	for _, tt := range []struct {
		name  string
		parse func([]byte) error
		b     []byte
		want  string
	}{
		{"a_length_of_another_message", message, with(3, 23), "length field 23"},
		{"type_nought", message, with(0, 0), "message of type 0"},
		{"a_type_that_there_is_not", message, with(0, 8), "message of type 8"},
		{"one_byte_too_many", message, append(good[:messageLen:messageLen], 0), "message of 25 bytes"},
		{"a_cookie_with_one_byte_too_many", cookie, make([]byte, cookieLen+1), "cookie of 21 bytes"},
		{"a_cookie_that_is_more_than_done", cookie, Cookie{Size: 1, Completed: 2}.Append(nil), "2 of 1 calculations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.parse(tt.b); !errors.Is(err, services.ErrProtocol) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	for n := range good {
		if err := message(good[:n]); !errors.Is(err, services.ErrProtocol) {
			t.Errorf("first %d bytes of a message: %v", n, err)
		}
	}
	for n := range cookieLen {
		if err := cookie(make([]byte, n)); !errors.Is(err, services.ErrProtocol) {
			t.Errorf("first %d bytes of a cookie: %v", n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range sessionstest.Vectors(f) {
		f.Add(b)
	}
	f.Add(Cookie{Job: 7, Size: 256, Completed: 255}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Parse(b); err == nil {
			again := m.Append(nil)
			again[1] = b[1] // flags are not kept
			if !bytes.Equal(b, again) {
				t.Errorf("message: read %x, written %x", b, again)
			}
		}
		if c, err := ParseCookie(b); err == nil && !bytes.Equal(b, c.Append(nil)) {
			t.Errorf("cookie: read %x, written %x", b, c.Append(nil))
		}
	})
}
