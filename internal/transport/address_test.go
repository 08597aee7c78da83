package transport

import (
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string // want is empty where it is the text
		err              string
	}{
		{name: "IPv4", text: "192.0.2.1:3863"},
		{name: "UDP port", text: "127.0.0.1:3863@40001"},
		{name: "IPv6", text: "[2001:db8::1]:3863"},
		{name: "several", text: "192.0.2.1,[2001:db8::1]:3863@9899"},
		{name: "mapped IPv4", text: "[::ffff:192.0.2.1]:3863", want: "192.0.2.1:3863"},
		{name: "TCP", text: "tcp://192.0.2.1:3863"},
		{name: "TLS over IPv6", text: "tls://[2001:db8::1]:3864"},
		{name: "a byte stream", text: "stream://192.0.2.1:7"},
		{name: "SCTP spelled out", text: "sctp://192.0.2.1:3863@40001", want: "192.0.2.1:3863@40001"},
		{name: "another protocol", text: "http://192.0.2.1:3863", err: "none of sctp, tcp and tls"},
		{name: "TCP behind UDP", text: "tcp://192.0.2.1:3863@9899", err: "only SCTP has a UDP port"},
		{name: "port zero", text: "192.0.2.1:0"},
		{name: "nothing", err: "the port is missing"},
		{name: "no port", text: "192.0.2.1", err: "the port is missing"},
		{name: "a name", text: "example.org:3863", err: `"example.org" is not an IP address`},
		{name: "no address", text: ":3863", err: `"" is not an IP address`},
		{name: "port too large", text: "192.0.2.1:65536", err: "0 to 65535"},
		{name: "UDP port zero", text: "192.0.2.1:3863@0", err: "1 to 65535"},
		{name: "UDP port not a number", text: "192.0.2.1:3863@x", err: "1 to 65535"},
		{name: "IPv6 without brackets", text: "2001:db8::1:3863", err: "brackets"},
		{name: "bracket open", text: "[2001:db8::1:3863", err: "brackets"},
		{name: "half a bracket", text: "[192.0.2.1:3863", err: "brackets"},
		{name: "brackets around IPv4", text: "[192.0.2.1]:3863", want: "192.0.2.1:3863"},
		{name: "empty in a list", text: "192.0.2.1,:3863", err: `"" is not an IP address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := ParseAddress(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v; want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				tt.want = tt.text
			}
			if got := a.String(); got != tt.want {
				t.Errorf("%q; want %q", got, tt.want)
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"192.0.2.1:3863", "192.0.2.1,[2001:db8::1]:3863@9899", "tls://192.0.2.1:1", "[fe80::1%lo]:1", ":", "[]:1@1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if b, err := ParseAddress(a.String()); err != nil || b.String() != a.String() {
			t.Errorf("%q became %q, which became %q, %v", s, a, b, err)
		}
	})
}
