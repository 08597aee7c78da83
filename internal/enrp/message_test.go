package enrp

import (
	"net/netip"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire/wiretest"
)

// Messages that no vector shows, in both directions, and their lines in
// transcripts.
func TestMessages(t *testing.T) {
	const (
		ends       = "0a000001 0b000002 "
		all        = "0a000001 00000000 "
		handleHex  = "0009 0008 506f6f6c "
		elementHex = "000a 0038 00000017 0a000001 00007530 0004 0010 1389 0001 0001 0008 c0000201 0008 0008 00000001 0004 0010 115c 0000 0001 0008 c0000201 "
		serverHex  = "000b 0018 0a000001 0004 0010 26ad 0000 0001 0008 c0000201 "
	)
	var (
		one     = Route{Sender: 0x0a000001, Receiver: 0x0b000002}
		every   = Route{Sender: 0x0a000001}
		ip      = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		asap    = rserpool.Transport{Protocol: rserpool.SCTP, Port: 4444, Addresses: ip}
		element = rserpool.Element{
			ID: 0x17, Home: 0x0a000001, Life: 30000, ASAPTransport: &asap,
			UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001, Addresses: ip},
			Policy:        rserpool.Policy{Type: rserpool.RoundRobin},
		}
		server       = rserpool.Server{ID: 0x0a000001, Transport: rserpool.Transport{Protocol: rserpool.SCTP, Port: 9901, Addresses: ip}}
		encapsulated = server
	)
	encapsulated.Transport.UDPPort = 40001
	const elementLine = "Pool/0x00000017 home=0x0a000001 life=30000 policy=round-robin sctp 192.0.2.1:5001 asap=sctp 192.0.2.1:4444"

	tests := []struct {
		name    string
		hex     string
		message Message
		line    string
	}{
		{
			"presence", "0101 002c " + all + "000f 0006 4eb4 0000 " + serverHex,
			&Presence{Route: every, ReplyRequired: true, Checksum: 0x4eb4, Server: &server},
			"Presence 0x0a000001>* checksum=0x4eb4 reply-required [0x0a000001 sctp 192.0.2.1:9901]",
		},
		{
			"presence behind a UDP port", "0100 0034 " + all + "000f 0006 4eb4 0000 000b 0020 0a000001 0004 0010 26ad 0000 0001 0008 c0000201 9899 0008 9c41 0000",
			&Presence{Route: every, Checksum: 0x4eb4, Server: &encapsulated},
			"Presence 0x0a000001>* checksum=0x4eb4 [0x0a000001 sctp 192.0.2.1:9901@40001]",
		},
		{
			"presence without server information", "0100 0014 " + ends + "000f 0006 ffff 0000",
			&Presence{Route: one, Checksum: 0xffff},
			"Presence 0x0a000001>0x0b000002 checksum=0xffff",
		},
		{
			"handle table request", "0201 000c " + ends,
			&HandleTableRequest{Route: one, OwnChildren: true},
			"HandleTableRequest 0x0a000001>0x0b000002 own",
		},
		{
			"handle table response", "0302 0054 " + ends + handleHex + elementHex + "0009 0008 4e6f6e65",
			&HandleTableResponse{Route: one, More: true, Pools: []Pool{{Handle: "Pool", Elements: []rserpool.Element{element}}, {Handle: "None"}}},
			"HandleTableResponse 0x0a000001>0x0b000002 more [" + elementLine + "]",
		},
		{
			"rejected handle table request", "0301 000c " + ends,
			&HandleTableResponse{Route: one, Reject: true},
			"HandleTableResponse 0x0a000001>0x0b000002 reject",
		},
		{
			"element added", "0400 0050 " + all + "0000 0000 " + handleHex + elementHex,
			&HandleUpdate{Route: every, Handle: "Pool", Element: element},
			"HandleUpdate 0x0a000001>* add " + elementLine,
		},
		{
			"element deleted, takeover suggested", "0401 0050 " + all + "0001 0000 " + handleHex + elementHex,
			&HandleUpdate{Route: every, TakeoverSuggested: true, Action: DeleteElement, Handle: "Pool", Element: element},
			"HandleUpdate 0x0a000001>* delete " + elementLine + " takeover-suggested",
		},
		{
			"reserved action", "0400 0050 " + all + "0007 0000 " + handleHex + elementHex,
			&HandleUpdate{Route: every, Action: 7, Handle: "Pool", Element: element},
			"HandleUpdate 0x0a000001>* action-0x0007 " + elementLine,
		},
		{
			"list request", "0500 000c " + ends,
			&ListRequest{Route: one},
			"ListRequest 0x0a000001>0x0b000002",
		},
		{
			"list response", "0600 0024 " + ends + serverHex,
			&ListResponse{Route: one, Servers: []rserpool.Server{server}},
			"ListResponse 0x0a000001>0x0b000002 [0x0a000001 sctp 192.0.2.1:9901]",
		},
		{
			"rejected list request", "0601 000c " + ends,
			&ListResponse{Route: one, Reject: true},
			"ListResponse 0x0a000001>0x0b000002 reject",
		},
		{
			"takeover begun", "0700 0010 " + ends + "0c000003",
			&InitTakeover{Route: one, Target: 0x0c000003},
			"InitTakeover 0x0a000001>0x0b000002 target=0x0c000003",
		},
		{
			"takeover agreed to", "0800 0010 " + ends + "0c000003",
			&InitTakeoverAck{Route: one, Target: 0x0c000003},
			"InitTakeoverAck 0x0a000001>0x0b000002 target=0x0c000003",
		},
		{
			"takeover done", "0900 0010 " + ends + "0c000003",
			&TakeoverServer{Route: one, Target: 0x0c000003},
			"TakeoverServer 0x0a000001>0x0b000002 target=0x0c000003",
		},
		{
			"error", "0a00 0014 " + ends + "000c 0008 0006 0004",
			&Error{Route: one, Causes: []rserpool.Cause{{Code: rserpool.LackOfResources}}},
			"Error 0x0a000001>0x0b000002: lack of resources",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { codec.TestMessage(t, test.hex, test.message, test.line) })
	}
}

// Deployed peers refuse a presence without a checksum, and so does the RFC.
func TestPresenceWithoutAChecksumIsRejected(t *testing.T) {
	_, _, err := Parse(wiretest.Unhex(t, "0100 000c 0a000001 00000000"))
	if want := "offset 12: PE Checksum is missing"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"enrp_presence_2", "enrp_handle_update_add_lud", "enrp_handle_table_response_more_10pe_prio_wrr"} {
		b.Run(name, func(b *testing.B) {
			var message []byte
			for _, v := range wiretest.Load(b, "testdata/vectors") {
				if v.Name == name {
					message = v.Bytes(b)
				}
			}
			var d Decoder
			b.ReportAllocs()
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				if _, _, err := d.Parse(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
