package asap

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
	"github.com/rspool/rspool/internal/wire/wiretest"
)

var (
	home    = rserpool.RegistrarID(0x0a000001)
	service = rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	least   = rserpool.Policy{Type: rserpool.LeastUsed, Load: 1 << 31}
	element = rserpool.Element{ID: 0x17, Life: 30000, UserTransport: service, Policy: least}
)

// Messages that no vector shows, in both directions, and their lines in
// transcripts.
func TestMessages(t *testing.T) {
	const (
		handleHex    = "0009 000c 4563686f506f6f6c "
		elementHex   = "000a 002c 00000017 00000000 00007530 0004 0010 1389 0001 0001 0008 c0000201 0008 000c 40000001 80000000 "
		transportHex = "0004 0010 0f17 0000 0001 0008 c0000201 "
	)
	registrar := rserpool.Transport{Protocol: rserpool.SCTP, Port: 3863, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	encapsulated := registrar
	encapsulated.UDPPort = 40001

	tests := []struct {
		name    string
		hex     string
		message Message
		line    string
	}{
		{
			"registration", "0100 003c " + handleHex + elementHex,
			&Registration{Handle: "EchoPool", Element: element},
			"Registration EchoPool/0x00000017 life=30000 policy=least-used load=0.5 sctp 192.0.2.1:5001",
		},
		{
			"rejected registration", "0301 0020 " + handleHex + "000e 0008 00000017 000c 0008 0005 0004",
			&RegistrationResponse{Reject: true, Handle: "EchoPool", Element: 0x17, Error: rserpool.Fail(rserpool.InconsistentPolicy)},
			"RegistrationResponse EchoPool/0x00000017 reject: inconsistent pool policy",
		},
		{
			"registration accepted with a change", "0300 0020 " + handleHex + "000e 0008 00000017 000c 0008 0003 0004",
			&RegistrationResponse{Handle: "EchoPool", Element: 0x17, Error: rserpool.Fail(rserpool.InvalidValues)},
			"RegistrationResponse EchoPool/0x00000017: invalid values",
		},
		{
			"deregistration", "0200 0018 " + handleHex + "000e 0008 00000017",
			&Deregistration{Handle: "EchoPool", Element: 0x17},
			"Deregistration EchoPool/0x00000017",
		},
		{
			"rejected deregistration", "0400 0020 " + handleHex + "000e 0008 00000017 000c 0008 000a 0004",
			&DeregistrationResponse{Handle: "EchoPool", Element: 0x17, Error: rserpool.Fail(rserpool.SecurityRejection)},
			"DeregistrationResponse EchoPool/0x00000017: rejected due to security considerations",
		},
		{
			"resolution with subscription", "0501 0018 " + handleHex + "803f 0008 00000003",
			&HandleResolution{Subscribe: true, Handle: "EchoPool", Items: 3},
			"HandleResolution EchoPool subscribe items=3",
		},
		{
			"resolution of all", "0500 0018 " + handleHex + "803f 0008 ffffffff",
			&HandleResolution{Handle: "EchoPool", Items: wire.AllItems},
			"HandleResolution EchoPool items=all",
		},
		{
			"resolution with attributes", "0500 002c " + handleHex + "98a1 001c 00 06 0002 726567696f6e 6575 00 04 0004 74696572 676f6c64",
			&HandleResolution{Handle: "EchoPool", Attributes: map[string]string{"tier": "gold", "region": "eu"}},
			`HandleResolution EchoPool region="eu" tier="gold"`,
		},
		{
			"resolution", "0601 0048 " + handleHex + "0008 000c 40000001 80000000 " + elementHex,
			&HandleResolutionResponse{Accepted: true, Handle: "EchoPool", Policy: least, Elements: []rserpool.Element{element}},
			"HandleResolutionResponse EchoPool accepted policy=least-used load=0.5 [0x00000017 life=30000 policy=least-used load=0.5 sctp 192.0.2.1:5001]",
		},
		{
			"resolution without a policy", "0600 003c " + handleHex + elementHex,
			&HandleResolutionResponse{Handle: "EchoPool", Elements: []rserpool.Element{element}},
			"HandleResolutionResponse EchoPool [0x00000017 life=30000 policy=least-used load=0.5 sctp 192.0.2.1:5001]",
		},
		{
			"negative resolution", "0600 0018 " + handleHex + "000c 0008 0009 0004",
			&HandleResolutionResponse{Handle: "EchoPool", Error: rserpool.Fail(rserpool.UnknownPoolHandle)},
			"HandleResolutionResponse EchoPool: unknown pool handle",
		},
		{
			"keep-alive", "0701 001c 0a000001 " + handleHex + "000e 0008 00000017",
			&KeepAlive{Home: true, Sender: home, Handle: "EchoPool", Element: 0x17},
			"KeepAlive EchoPool/0x00000017 from=0x0a000001 home",
		},
		{
			"keep-alive for a whole pool", "0700 0014 0a000001 " + handleHex,
			&KeepAlive{Sender: home, Handle: "EchoPool"},
			"KeepAlive EchoPool from=0x0a000001",
		},
		{
			"keep-alive ack", "0800 0018 " + handleHex + "000e 0008 00000017",
			&KeepAliveAck{Handle: "EchoPool", Element: 0x17},
			"KeepAliveAck EchoPool/0x00000017",
		},
		{
			"unreachable", "0900 0018 " + handleHex + "000e 0008 00000017",
			&Unreachable{Handle: "EchoPool", Element: 0x17},
			"Unreachable EchoPool/0x00000017",
		},
		{
			"announce", "0a00 0008 0a000001",
			&ServerAnnounce{Sender: home},
			"ServerAnnounce from=0x0a000001",
		},
		{
			"announce behind a UDP port", "0a00 0010 0a000001 9899 0008 9c41 0000",
			&ServerAnnounce{Sender: home, UDPPort: 40001},
			"ServerAnnounce from=0x0a000001 udp=40001",
		},
		{
			"announce with transports behind a UDP port", "0a00 0030 0a000001 " + transportHex + "0005 0010 0f17 0000 0001 0008 c0000201 9899 0008 9c41 0000",
			&ServerAnnounce{
				Sender: home, UDPPort: 40001,
				Transports: []rserpool.Transport{encapsulated, {Protocol: rserpool.TCP, Port: 3863, Addresses: registrar.Addresses}},
			},
			"ServerAnnounce from=0x0a000001 sctp 192.0.2.1:3863@40001 tcp 192.0.2.1:3863",
		},
		{
			"cookie", "0b00 000c 000d 0007 0a0b0c 00",
			&Cookie{Cookie: []byte{10, 11, 12}},
			"Cookie 3 bytes",
		},
		{
			"cookie echo", "0c00 000c 000d 0007 0a0b0c 00",
			&CookieEcho{Cookie: []byte{10, 11, 12}},
			"CookieEcho 3 bytes",
		},
		{
			"business card", "0d00 003c " + handleHex + elementHex,
			&BusinessCard{Handle: "EchoPool", Elements: []rserpool.Element{element}},
			"BusinessCard EchoPool [0x00000017 life=30000 policy=least-used load=0.5 sctp 192.0.2.1:5001]",
		},
		{
			"error", "0e00 0010 000c 000c 0006 0004 1234 0004",
			&Error{Causes: []rserpool.Cause{{Code: rserpool.LackOfResources}, {Code: 0x1234}}},
			"Error: lack of resources, cause 0x1234",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { codec.TestMessage(t, test.hex, test.message, test.line) })
	}
}

// An announcement may name the UDP port in a transport alone.
func TestServerAnnounceTakesTheUDPPortFromItsTransports(t *testing.T) {
	tcp := rserpool.Transport{Protocol: rserpool.TCP, Port: 3863, UDPPort: 7, Addresses: service.Addresses}
	sctp := service
	sctp.UDPPort = 40001
	b := Append(nil, &ServerAnnounce{Sender: home, Transports: []rserpool.Transport{tcp, sctp}})
	m, _, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	tcp.UDPPort = 0 // there is no SCTP to encapsulate
	want := &ServerAnnounce{Sender: home, Transports: []rserpool.Transport{tcp, sctp}, UDPPort: 40001}
	if diff := cmp.Diff(Message(want), m, wiretest.Equal); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

// Flags that a message does not define are ignored (RFC 5354, Section 4).
func TestUndefinedFlagsAreIgnored(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		b := v.Bytes(t)
		want, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		b[1] |= 0xfe
		got, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, wiretest.Equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, diff)
		}
	}
}

// Parameters that are skipped may have to be reported all the same.
func TestReportsComeWithTheMessage(t *testing.T) {
	const unknown = "c020 0008 01020304"
	b := wiretest.Unhex(t, "0500 0018 0009 000c 4563686f506f6f6c"+unknown)
	m, reports, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Message(&HandleResolution{Handle: "EchoPool"}), m); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]rserpool.Cause{{Code: rserpool.UnrecognizedParameter, Info: wiretest.Unhex(t, unknown)}}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// What deployed peers refused is understood here: whether to accept it is the
// registrar's decision, not the codec's. The exception would be what cannot be
// read.
func TestWhatPeersRefusedIsRead(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		if !strings.Contains(v.Source, "did not accept") && !strings.Contains(v.Source, "refused") {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m, _, err := Parse(v.Bytes(t))
			if err != nil {
				t.Fatal(err)
			}
			r, ok := m.(*Registration)
			if !ok {
				t.Fatalf("message %v", m)
			}
			reason := map[string]bool{
				"asap_registration_rand_3":          r.Element.Policy.Type == rserpool.Random,         // in a pool with another policy
				"asap_registration_rr_4":            r.Element.ID == 0,                                // the invalid identifier
				"asap_registration_rr_tcp_dataonly": r.Element.UserTransport.Protocol == rserpool.TCP, // in a pool with another transport
				"asap_registration_rr_udp-lite":     r.Element.UserTransport.Protocol == rserpool.UDPLite,
				"asap_registration_private_policy":  r.Element.Policy.Type.Private() && r.Element.Policy.Data != "",
			}
			if !reason[v.Name] {
				t.Errorf("read as %v, which does not show why it was refused", r)
			}
		})
	}
}

// Nothing that is returned may refer to the message's bytes, which the caller
// uses again.
func TestMessagesDoNotReferToTheirBytes(t *testing.T) {
	for _, v := range wiretest.Load(t, "testdata/vectors") {
		b := v.Bytes(t)
		want, _, err := Parse(v.Bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] ^= 0xff
		}
		if diff := cmp.Diff(want, got, wiretest.Equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.Name, diff)
		}
	}
}
