package sctp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	missing := errors.New("the kernel has no SCTP: load it by modprobe sctp")
	for _, tt := range []struct {
		name    string
		mode    string
		wantUDP bool
		missing error
		want    string
		err     string
	}{
		{name: "auto with kernel", mode: Auto, want: Kernel},
		{name: "nothing with kernel", want: Kernel},
		{name: "auto without kernel", mode: Auto, missing: missing, want: UDP},
		{name: "auto where a UDP port is named", mode: Auto, wantUDP: true, want: UDP},
		{name: "udp with kernel", mode: UDP, want: UDP},
		{name: "udp without kernel", mode: UDP, missing: missing, want: UDP},
		{name: "kernel", mode: Kernel, wantUDP: true, want: Kernel},
		{name: "kernel without kernel", mode: Kernel, missing: missing, err: "mode kernel: the kernel has no SCTP: load it by modprobe sctp"},
		{name: "both", mode: Both, want: Both},
		{name: "both without kernel", mode: Both, missing: missing, err: "modprobe sctp"},
		{name: "another", mode: "kernal", err: `mode "kernal": want one of auto, kernel, udp, both`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := (&Config{Mode: tt.mode, WantUDP: tt.wantUDP}).choose(tt.missing)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v; want %q", err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseListen(t *testing.T) {
	ip := netip.MustParseAddr
	for _, tt := range []struct {
		name, text string
		want       []netip.Addr
		err        bool
	}{
		{name: "nothing"},
		{name: "one", text: "192.0.2.1", want: []netip.Addr{ip("192.0.2.1")}},
		{name: "two families", text: "192.0.2.1, 2001:db8::1", want: []netip.Addr{ip("192.0.2.1"), ip("2001:db8::1")}},
		{name: "all", text: "::"},
		{name: "all of IPv4", text: "0.0.0.0", want: []netip.Addr{ip("0.0.0.0")}},
		{name: "mapped", text: "::ffff:192.0.2.1", want: []netip.Addr{ip("192.0.2.1")}},
		{name: "a name", text: "eth0", err: true},
		{name: "a hole", text: "192.0.2.1,", err: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseListen(tt.text)
			if (err != nil) != tt.err {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenOverUDPHasOneAddress(t *testing.T) {
	if _, err := Open(Config{Mode: UDP, Listen: "127.0.0.1,127.0.0.2"}); err == nil || !strings.Contains(err.Error(), "use mode kernel") {
		t.Errorf("error %v", err)
	}
	d, err := Open(Config{Mode: UDP, Listen: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := Describe(d); got != UDP {
		t.Errorf("described as %q", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := Describe(nil); got != "" {
		t.Errorf("no door is described as %q", got)
	}
}
