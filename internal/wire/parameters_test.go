package wire

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
)

func addresses(list ...string) []netip.Addr {
	var a []netip.Addr
	for _, s := range list {
		a = append(a, netip.MustParseAddr(s))
	}
	return a
}

// sctp is the shortest ordinary transport, and its bytes.
var sctp = rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 4711, Addresses: addresses("192.0.2.1")}

const sctpHex = "0004 0010 1267 0001 0001 0008 c0000201"

// tagsHex is the value of a Tags parameter.
const tagsHex = "01 05 0008 7072696365 3fd0000000000000 00 04 0005 73697465 736d616c6c 02 04 0001 73706f74 01 00 01 0000 7a"

// Each parameter's bytes and value, in both directions.
func TestParameters(t *testing.T) {
	tests := []struct {
		name  string
		hex   string
		value any
	}{
		{"sctp", sctpHex, sctp},
		{
			"sctp with both families", "0004 0024 1267 0000 0001 0008 c0000201 0002 0014 20010db8000000000000000000000001",
			rserpool.Transport{Protocol: rserpool.SCTP, Port: 4711, Addresses: addresses("192.0.2.1", "2001:db8::1")},
		},
		{
			"sctp with a transport use that is not assigned", "0004 0010 1267 0007 0001 0008 c0000201",
			rserpool.Transport{Protocol: rserpool.SCTP, Use: 7, Port: 4711, Addresses: addresses("192.0.2.1")},
		},
		{
			"dccp", "0003 0014 1267 0000 52535031 0001 0008 c0000201",
			rserpool.Transport{Protocol: rserpool.DCCP, Port: 4711, ServiceCode: 0x52535031, Addresses: addresses("192.0.2.1")},
		},
		{
			"tcp", "0005 001c 0050 0000 0002 0014 20010db8000000000000000000000001",
			rserpool.Transport{Protocol: rserpool.TCP, Port: 80, Addresses: addresses("2001:db8::1")},
		},
		{
			"tcp with a control channel", "0005 0010 0050 0001 0001 0008 c0000201",
			rserpool.Transport{Protocol: rserpool.TCP, Use: rserpool.DataAndControl, Port: 80, Addresses: addresses("192.0.2.1")},
		},
		{
			"udp with two addresses", "0006 0018 0035 0000 0001 0008 c0000201 0001 0008 c0000202",
			rserpool.Transport{Protocol: rserpool.UDP, Port: 53, Addresses: addresses("192.0.2.1", "192.0.2.2")},
		},
		{
			"udp-lite", "0007 0010 0035 0000 0001 0008 c0000201",
			rserpool.Transport{Protocol: rserpool.UDPLite, Port: 53, Addresses: addresses("192.0.2.1")},
		},
		{"opaque", "0010 0007 616263 00", rserpool.Transport{Protocol: rserpool.Opaque, Opaque: "abc"}},
		{"opaque and empty", "0010 0004", rserpool.Transport{Protocol: rserpool.Opaque}},

		{"round robin", "0008 0008 00000001", rserpool.Policy{Type: rserpool.RoundRobin}},
		{"weighted round robin", "0008 000c 00000002 00000007", rserpool.Policy{Type: rserpool.WeightedRoundRobin, Weight: 7}},
		{"random", "0008 0008 00000003", rserpool.Policy{Type: rserpool.Random}},
		{"weighted random", "0008 000c 00000004 00000007", rserpool.Policy{Type: rserpool.WeightedRandom, Weight: 7}},
		{"priority", "0008 000c 00000005 00000007", rserpool.Policy{Type: rserpool.Priority, Priority: 7}},
		{"least used", "0008 000c 40000001 80000000", rserpool.Policy{Type: rserpool.LeastUsed, Load: 1 << 31}},
		{"least used degradation", "0008 0010 40000002 80000000 10000000", rserpool.Policy{Type: rserpool.LeastUsedDegradation, Load: 1 << 31, Degradation: 1 << 28}},
		{"priority least used", "0008 0010 40000003 80000000 10000000", rserpool.Policy{Type: rserpool.PriorityLeastUsed, Load: 1 << 31, Degradation: 1 << 28}},
		{"randomized least used", "0008 000c 40000004 80000000", rserpool.Policy{Type: rserpool.RandomizedLeastUsed, Load: 1 << 31}},
		{"randomized priority least used", "0008 0010 b0001001 00000001 00000002", rserpool.Policy{Type: rserpool.RandomizedPriorityLeastUsed, Load: 1, Degradation: 2}},
		{"randomized least used degradation", "0008 0010 b0001002 00000001 00000002", rserpool.Policy{Type: rserpool.RandomizedLeastUsedDegradation, Load: 1, Degradation: 2}},
		{"priority least used degradation", "0008 0010 b0001003 00000001 00000002", rserpool.Policy{Type: rserpool.PriorityLeastUsedDegradation, Load: 1, Degradation: 2}},
		{"randomized priority least used degradation", "0008 0010 b0001004 00000001 00000002", rserpool.Policy{Type: rserpool.RandomizedPriorityLeastUsedDegradation, Load: 1, Degradation: 2}},
		{"weighted random dpf", "0008 0014 b0002001 00000001 00000002 00000003", rserpool.Policy{Type: rserpool.WeightedRandomDPF, Weight: 1, WeightDPF: 2, Distance: 3}},
		{"least used dpf", "0008 0014 b0002002 00000001 00000002 00000003", rserpool.Policy{Type: rserpool.LeastUsedDPF, Load: 1, LoadDPF: 2, Distance: 3}},
		{"least used degradation dpf", "0008 0018 b0002003 00000001 00000002 00000003 00000004", rserpool.Policy{Type: rserpool.LeastUsedDegradationDPF, Load: 1, Degradation: 2, LoadDPF: 3, Distance: 4}},
		{"priority least used dpf", "0008 0018 b0002004 00000001 00000002 00000003 00000004", rserpool.Policy{Type: rserpool.PriorityLeastUsedDPF, Load: 1, Degradation: 2, LoadDPF: 3, Distance: 4}},
		{"priority least used degradation dpf", "0008 0018 b0002005 00000001 00000002 00000003 00000004", rserpool.Policy{Type: rserpool.PriorityLeastUsedDegradationDPF, Load: 1, Degradation: 2, LoadDPF: 3, Distance: 4}},
		{"private policy", "0008 000d 80000001 0102030405 000000", rserpool.Policy{Type: 0x80000001, Data: "\x01\x02\x03\x04\x05"}},
		{"private policy without data", "0008 0008 c0000001", rserpool.Policy{Type: 0xc0000001}},
		{"private policy whose other bits are zero", "0008 0008 80000000", rserpool.Policy{Type: 0x80000000}},
		{"policy of a later standard", "0008 000c 00000006 00000001", rserpool.Policy{Type: 6, Data: "\x00\x00\x00\x01"}},

		{
			"element", "000a 0028 00000017 11223344 00007530 " + sctpHex + " 0008 0008 00000001",
			rserpool.Element{ID: 0x17, Home: 0x11223344, Life: 30000, UserTransport: sctp, Policy: rserpool.Policy{Type: rserpool.RoundRobin}},
		},
		{
			"element with an ASAP transport", "000a 0038 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 " + sctpHex,
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: sctp, Policy: rserpool.Policy{Type: rserpool.RoundRobin}, ASAPTransport: &sctp},
		},
		{
			"element behind a UDP port", "000a 0030 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 9899 0008 9c41 0000",
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: behind(40001), Policy: rserpool.Policy{Type: rserpool.RoundRobin}},
		},
		{
			"element with both transports behind UDP ports", "000a 0040 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 " + sctpHex + " 9899 0008 9c41 9c42",
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: behind(40001), Policy: rserpool.Policy{Type: rserpool.RoundRobin}, ASAPTransport: pointer(behind(40002))},
		},
		{
			"element with its ASAP transport alone behind a UDP port", "000a 0040 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 " + sctpHex + " 9899 0008 0000 9c42",
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: sctp, Policy: rserpool.Policy{Type: rserpool.RoundRobin}, ASAPTransport: pointer(behind(40002))},
		},
		{
			"element with tags", "000a 0058 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 98a0 0030 " + tagsHex,
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: sctp, Policy: rserpool.Policy{Type: rserpool.RoundRobin},
				Tags: rserpool.Tags{"price": 0.25, "site": "small", "spot": true, "z": ""}},
		},
		{
			"element with tags behind a UDP port", "000a 003c 00000017 00000000 00000001 " + sctpHex + " 0008 0008 00000001 9899 0008 9c41 0000 98a0 000a 02 01 0001 61 00 0000",
			rserpool.Element{ID: 0x17, Life: 1, UserTransport: behind(40001), Policy: rserpool.Policy{Type: rserpool.RoundRobin}, Tags: rserpool.Tags{"a": false}},
		},
		{"attributes", "98a1 0019 00 05 0000 6f74686572 00 06 0002 726567696f6e 6575 000000", map[string]string{"region": "eu", "other": ""}},
		{
			"server", "000b 0018 0a000001 " + sctpHex,
			rserpool.Server{ID: 0x0a000001, Transport: sctp},
		},
		{
			"server behind a UDP port", "000b 0020 0a000001 " + sctpHex + " 9899 0008 9c41 0000",
			rserpool.Server{ID: 0x0a000001, Transport: behind(40001)},
		},

		{
			"operation error", "000c 0010 0001 0005 aa 000000 0009 0004",
			&rserpool.OperationError{Causes: []rserpool.Cause{{Code: rserpool.UnrecognizedParameter, Info: []byte{0xaa}}, {Code: rserpool.UnknownPoolHandle}}},
		},
		{"handle", "0009 0007 00ff41 00", rserpool.Handle("\x00\xffA")},
		{"element identifier", "000e 0008 00000000", rserpool.ElementID(0)},
		{"checksum", "000f 0006 213e 0000", uint16(0x213e)},
		{"cookie", "000d 0009 0102030405 000000", []byte{1, 2, 3, 4, 5}},
		{"empty cookie", "000d 0004", []byte(nil)},
		{"items", "803f 0008 ffffffff", uint32(AllItems)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got any
			_, err := read(message(t, test.hex), func(c *Cursor) { got = parse(c, test.value) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.value, got, equal); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(unhex(t, test.hex), write(test.value)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

func behind(udpPort uint16) rserpool.Transport {
	t := sctp
	t.UDPPort = udpPort
	return t
}

func pointer(t rserpool.Transport) *rserpool.Transport { return &t }

// parse reads a parameter of the type of like.
func parse(c *Cursor, like any) any {
	switch like.(type) {
	case rserpool.Transport:
		return c.Transport()
	case rserpool.Policy:
		return c.Policy()
	case rserpool.Element:
		return c.Element()
	case rserpool.Server:
		return c.Server()
	case *rserpool.OperationError:
		return c.OperationError()
	case rserpool.Handle:
		return c.Handle()
	case rserpool.ElementID:
		return c.ElementID()
	case uint16:
		return c.Checksum()
	case []byte:
		return c.Cookie()
	case map[string]string:
		return c.Attributes()
	default:
		return c.Items()
	}
}

// write returns the parameter with the value v.
func write(v any) []byte {
	switch v := v.(type) {
	case rserpool.Transport:
		return AppendTransport(nil, &v)
	case rserpool.Policy:
		return AppendPolicy(nil, &v)
	case rserpool.Element:
		return AppendElement(nil, &v)
	case rserpool.Server:
		return AppendServer(nil, &v)
	case *rserpool.OperationError:
		return AppendOperationError(nil, v)
	case rserpool.Handle:
		return AppendHandle(nil, v)
	case rserpool.ElementID:
		return AppendElementID(nil, v)
	case uint16:
		return AppendChecksum(nil, v)
	case []byte:
		return AppendCookie(nil, v)
	case map[string]string:
		return AppendAttributes(nil, v)
	default:
		return AppendItems(nil, v.(uint32))
	}
}

// What is read, but written in another way.
func TestParametersThatAreReadLiberally(t *testing.T) {
	element := rserpool.Element{ID: 1, UserTransport: sctp, Policy: rserpool.Policy{Type: rserpool.RoundRobin}}
	const elementHex = "00000001 00000000 00000000 " + sctpHex + " 0008 0008 00000001 "
	tests := []struct {
		name string
		hex  string
		want any
	}{
		{
			"an IPv4 address written as IPv6", "0004 001c 1267 0001 0002 0014 00000000000000000000ffffc0000201", sctp,
		},
		{
			"LU-DPF by the number that the draft prints", "0008 0014 40000010 00000001 00000002 00000003",
			rserpool.Policy{Type: rserpool.LeastUsedDPF, Load: 1, LoadDPF: 2, Distance: 3},
		},
		{
			"reserved bytes that are not zero", "0006 0010 0035 ffff 0001 0008 c0000201",
			rserpool.Transport{Protocol: rserpool.UDP, Port: 53, Addresses: addresses("192.0.2.1")},
		},
		{
			"an operation error without a cause", "000c 0004",
			&rserpool.OperationError{Causes: []rserpool.Cause{{Code: rserpool.Unspecified}}},
		},
		{
			"an element with an ASAP transport that is not SCTP", "000a 0038 " + elementHex + "0005 0010 1267 0000 0001 0008 c0000201", element,
		},
		{
			"an element with another element in it", "000a 0050 " + elementHex + "000a 0028 " + elementHex, element,
		},
		{
			"the UDP port of an ASAP transport that is not there", "000a 0030 " + elementHex + "9899 0008 0000 9c41", element,
		},
		{
			"a transport with something behind its addresses", "0004 0018 1267 0001 0001 0008 c0000201 0009 0008 41424344", sctp,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got any
			_, err := read(message(t, test.hex), func(c *Cursor) { got = parse(c, test.want) })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, equal); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendTransportLeavesOutWhatIsNoAddress(t *testing.T) {
	x := sctp
	x.Addresses = []netip.Addr{{}, sctp.Addresses[0], netip.MustParseAddr("fe80::1%eth0")}
	got := AppendTransport(nil, &x)
	want := unhex(t, "0004 0024 1267 0001 0001 0008 c0000201 0002 0014 fe800000000000000000000000000001")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

// Memory follows the bytes at hand, never what they claim: a message allocates
// a few times its own length at worst.
func TestHostileMessagesAllocateLittle(t *testing.T) {
	fill := func(head, repeat string) []byte {
		b, start := BeginMessage(nil, 1, 0)
		b = append(b, unhex(t, head)...)
		for part := unhex(t, repeat); len(b)+len(part) <= MaxMessageLen; {
			b = append(b, part...)
		}
		return FinishMessage(b, start)
	}
	tests := []struct {
		name    string
		message []byte
		read    func(*Cursor)
	}{
		{"empty elements", fill("", "000a 0004"), func(c *Cursor) { c.Elements() }},
		{"shortest elements", fill("", "000a 001c 00000001 00000000 00000001 0010 0004 0008 0008 00000001"), func(c *Cursor) { c.Elements() }},
		{"elements of claimed length", fill("", "000a fff0 00000001"), func(c *Cursor) { c.Elements() }},
		{"transport full of addresses", fill("0004 fff8 1267 0001", "0001 0008 c0000201"), func(c *Cursor) { c.Transport() }},
		{"transport full of what is skipped", fill("0004 fff8 1267 0001 0001 0008 c0000201", "8020 0004"), func(c *Cursor) { c.Transport() }},
		{"causes", fill("000c fff8", "0001 0004"), func(c *Cursor) { c.OperationError() }},
		{"shortest tags", fill("98a0 fff8", "02 01 0001 61 00"), func(c *Cursor) { c.Tags() }},
		{"shortest attributes", fill("98a1 fff8", "00 01 0000 61"), func(c *Cursor) { c.Attributes() }},
		{"parameters to be reported", fill("", "c020 0004"), func(*Cursor) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(test.message, test.read)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 32*uint64(len(test.message)) {
				t.Errorf("%d bytes allocated for %d, error %v", n, len(test.message), err)
			}
		})
	}
}
