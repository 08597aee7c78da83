package udp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

func TestAddressesOfADoorAreOnesThatReachIt(t *testing.T) {
	d := open(t, Config{})
	defer d.Close()
	heard := transporttest.NewRecorder()
	ep := listener(t, d, heard)
	local := ep.Local()
	if len(local.IPs) == 0 || local.UDPPort != d.UDPPort() || local.Port != 3863 {
		t.Fatalf("local is %s", local)
	}
	user := open(t, quick(netip.Addr{}))
	defer user.Close()
	mine := transporttest.NewRecorder()
	for _, ip := range append(slices.Clone(local.IPs), loopback) {
		uep, err := user.Open(transport.EndpointConfig{Handler: mine})
		if err != nil {
			t.Fatal(err)
		}
		a, err := uep.Dial(transport.Address{IPs: []netip.Addr{ip}, Port: 3863, UDPPort: d.UDPPort()})
		if err != nil {
			t.Fatal(err)
		}
		mine.Want(t, transport.Up)
		b := heard.Want(t, transport.Up).Association
		if got := b.Local().IPs; !slices.Equal(got, []netip.Addr{ip}) {
			t.Errorf("dialled at %s, the association is at %s", ip, got)
		}
		if got := a.Local().IPs; !slices.Equal(got, b.Remote().IPs) {
			t.Errorf("local %s; the peer sees %s", got, b.Remote().IPs)
		}
	}
}

func TestDialTriesEachAddress(t *testing.T) {
	d, heard := target(t, Config{})
	user := open(t, quick(loopback))
	defer user.Close()
	mine := transporttest.NewRecorder()
	ep, err := user.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	// The first belongs to the machine, but nobody listens there; the second is
	// of a family that the door has not.
	to := transport.Address{
		IPs:  []netip.Addr{netip.MustParseAddr("127.0.0.9"), netip.IPv6Loopback(), loopback},
		Port: 3863, UDPPort: d.UDPPort(),
	}
	a, err := ep.Dial(to)
	if err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Up)
	heard.Want(t, transport.Up)
	if got := a.Remote().IPs; !slices.Equal(got, []netip.Addr{loopback}) {
		t.Errorf("the association is with %s", got)
	}
}

func TestDialSaysWhatCannotWork(t *testing.T) {
	d, _ := target(t, quick(loopback))
	mine := transporttest.NewRecorder()
	ep, err := d.Open(transport.EndpointConfig{Handler: mine, Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, to, want string }{
		{"itself", ep.Local().String(), "itself"},
		{"port zero", "127.0.0.1:0", "port is zero"},
		{"another family", "[2001:db8::1]:3863", "no IP address that"},
		{"unspecified", "0.0.0.0:3863", "no IP address that"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, err := transport.ParseAddress(tt.to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ep.Dial(to); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
	t.Run("no way from here", func(t *testing.T) {
		if _, err := ep.Dial(transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.77")}, Port: 1}); err != nil {
			t.Fatal(err)
		}
		mine.Want(t, transport.Lost) // at once on Linux, after the timeout elsewhere
	})
}
