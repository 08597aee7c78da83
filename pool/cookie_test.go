package pool

import (
	"bytes"
	"testing"

	rserpool "github.com/rspool/rspool"
)

func TestCookieSignature(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	sealed := sealCookie(key, "A", []byte("state"))
	bent := bytes.Clone(sealed)
	bent[0]++
	for _, tt := range []struct {
		name   string
		key    []byte
		handle rserpool.Handle
		cookie []byte
		state  string
		ok     bool
	}{
		{"own cookie", key, "A", sealed, "state", true},
		{"changed state", key, "A", bent, "", false},
		{"another key", other, "A", sealed, "", false},
		{"another pool", key, "B", sealed, "", false},
		{"too short", key, "A", []byte("state"), "", false},
		{"empty", key, "A", nil, "", false},
		{"empty state", key, "A", sealCookie(key, "A", nil), "", true},
		{"no key", nil, "A", []byte("state"), "state", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			state, err := openCookie(tt.key, tt.handle, tt.cookie)
			if (err == nil) != tt.ok || string(state) != tt.state {
				t.Errorf("openCookie = %q, %v, want %q, ok=%v", state, err, tt.state, tt.ok)
			}
		})
	}
}
