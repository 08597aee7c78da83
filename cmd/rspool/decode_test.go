package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

// decodeCommand runs rspool decode and returns what it printed and its exit code.
func decodeCommand(stdin string, args ...string) (stdout, stderr string, code int) {
	var out, remarks bytes.Buffer
	a := &app{stdin: strings.NewReader(stdin), stdout: &out, stderr: &remarks}
	code = a.execute(append([]string{"decode"}, args...))
	return out.String(), remarks.String(), code
}

func TestDecodeStatesTheFieldsOfTheVectors(t *testing.T) {
	for _, protocol := range []string{"asap", "enrp"} {
		for _, v := range wiretest.Load(t, "../../internal/"+protocol+"/testdata/vectors") {
			stdout, stderr, code := decodeCommand(v.Hex, "--protocol", protocol, "-o", "json", "-")
			var got map[string]any
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitDone || stderr != "" {
				t.Fatalf("%s: exit code %d, error %v, %s", v.Name, code, err, stderr)
			}
			if diff := cmp.Diff(v.Fields, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", v.Name, diff)
			}
			if guessed, _, _ := decodeCommand("", "-o", "json", v.Hex); guessed != stdout {
				t.Errorf("%s: without --protocol: %s", v.Name, guessed)
			}
		}
	}
}

// capture returns a pcap file of datagrams to the port of server announcements.
func capture(t *testing.T, datagrams ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for _, d := range datagrams {
		payload, _ := parseHex(d)
		packet := gopacket.NewSerializeBuffer()
		ip := &layers.IPv4{Version: 4, TTL: 30, Protocol: layers.IPProtocolUDP, SrcIP: []byte{192, 0, 2, 1}, DstIP: []byte{239, 0, 0, 50}}
		udp := &layers.UDP{SrcPort: 3863, DstPort: 3863}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializeLayers(packet, options, ip, udp, gopacket.Payload(payload)); err != nil {
			t.Fatal(err)
		}
		info := gopacket.CaptureInfo{CaptureLength: len(packet.Bytes()), Length: len(packet.Bytes())}
		info.Timestamp = info.Timestamp.AddDate(1999, 0, 0)
		if err := w.WritePacket(info, packet.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestDecodeCommand(t *testing.T) {
	announce := capture(t, "0a0000080a000001")
	file := filepath.Join(t.TempDir(), "announce.pcap")
	if err := os.WriteFile(file, []byte(announce), 0o600); err != nil {
		t.Fatal(err)
	}
	const line = "192.0.2.1:3863 > 239.0.0.50:3863  udp  ServerAnnounce from=0x0a000001\n"

	tests := []struct {
		name       string
		stdin      string
		args       []string
		wantOut    string // is part of the standard output; empty: there is none
		wantErr    string // is the standard error
		wantCode   int
		notFurther string // is not part of the standard output
	}{
		{
			name: "hexadecimal as people write it", stdin: "0x0a, 00:00:08\n0a 00 00 01\n", args: []string{"-"},
			wantOut: "Server Identifier  0x0a000001",
		},
		{
			name: "brief", args: []string{"--brief", "0a0000080a000001"},
			wantOut: "ServerAnnounce from=0x0a000001\n", notFurther: "Server Identifier",
		},
		{
			name: "cut short", args: []string{"--protocol", "asap", "0700001c112233440009000a506f6f6c"},
			wantOut:  "rejected at offset 0: message is cut short",
			wantErr:  "rspool: decode: offset 0: message is cut short\n",
			wantCode: exitFailed,
		},
		{
			name: "cut short, in JSON", args: []string{"--protocol", "asap", "-o", "json", "05000008000e0004"},
			wantOut:  `"error":{"offset":4,"reason":"PE Identifier stands where another parameter is expected"}`,
			wantErr:  `{"error":"decode: offset 4: PE Identifier stands where another parameter is expected","exit":1}` + "\n",
			wantCode: exitFailed,
		},
		{
			name: "no sense in either protocol", args: []string{"05000008000e0004"},
			wantErr:  "rspool: decode: the message makes no sense in either protocol; say --protocol asap or --protocol enrp to see how far it goes\n",
			wantCode: exitMisuse,
		},
		{
			name: "neither hexadecimal nor a file", args: []string{"no such file"},
			wantErr:  "rspool: decode: \"no such file\" is neither hexadecimal nor a file that can be read (no such file or directory)\n",
			wantCode: exitMisuse,
		},
		{
			name: "neither hexadecimal nor a capture", stdin: "hello", args: []string{"-"},
			wantErr:  "rspool: decode: standard input is neither hexadecimal nor a capture in pcap or pcapng format\n",
			wantCode: exitMisuse,
		},
		{
			name: "nothing", args: []string{"-"},
			wantErr:  "rspool: decode: standard input is neither hexadecimal nor a capture in pcap or pcapng format\n",
			wantCode: exitMisuse,
		},
		{
			name: "unknown protocol", args: []string{"--protocol", "smtp", "00"},
			wantErr:  "rspool: decode: --protocol \"smtp\": want asap or enrp\n",
			wantCode: exitMisuse,
		},
		{name: "capture on the standard input", stdin: announce, args: []string{"-"}, wantOut: "Server Identifier  0x0a000001"},
		{name: "capture in a file", args: []string{file}, wantOut: line},
		{name: "capture in brief", args: []string{"--brief", file}, wantOut: line, notFurther: "Server Identifier"},
		{
			name: "capture in JSON", args: []string{"-o", "json", file},
			wantOut: `"from":"192.0.2.1:3863","to":"239.0.0.50:3863","via":"udp","protocol":"asap","summary":"ServerAnnounce from=0x0a000001",` +
				`"message":{"message_type":10,"message_name":"ASAP_SERVER_ANNOUNCE","flags":0,"length":8,"server_identifier":"0x0a000001","parameters":[]}}` + "\n",
		},
		{
			name: "capture with another protocol only", args: []string{"--protocol", "enrp", file},
			wantErr: "rspool: decode " + file + ": no message of ENRP in 1 packets\n", wantCode: exitNotFound,
		},
		{
			name: "capture without messages", stdin: capture(t), args: []string{"-"},
			wantErr: "rspool: decode standard input: no message of ASAP or ENRP in 0 packets\n", wantCode: exitNotFound,
		},
		{
			name: "capture with a message that is rejected", stdin: capture(t, "0a0000080a000001", "0a0000080a00"), args: []string{"--brief", "-"},
			wantOut:  "rejected ASAP_SERVER_ANNOUNCE\n",
			wantErr:  "rspool: decode standard input: 1 of 2 messages are rejected by receivers\n",
			wantCode: exitFailed,
		},
		{
			name: "capture that is cut short", stdin: announce[:len(announce)-1], args: []string{"-"},
			wantErr:  "rspool: decode standard input: capture after 0 packets: unexpected EOF\n",
			wantCode: exitFailed,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := decodeCommand(test.stdin, test.args...)
			if code != test.wantCode {
				t.Errorf("exit code %d, want %d", code, test.wantCode)
			}
			if test.wantOut == "" && stdout != "" || !strings.Contains(stdout, test.wantOut) {
				t.Errorf("standard output lacks %q:\n%s", test.wantOut, stdout)
			}
			if test.notFurther != "" && strings.Contains(stdout, test.notFurther) {
				t.Errorf("standard output has %q:\n%s", test.notFurther, stdout)
			}
			if diff := cmp.Diff(test.wantErr, stderr); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}
