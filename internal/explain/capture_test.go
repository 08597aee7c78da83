package explain

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

const (
	resolution = "050000100009000944506f6f6c000000" // DPool
	listQuery  = "0500000c0a0000010b000002"         // ENRP
	announce   = "0a0000080a000001"
)

// data returns a DATA chunk. The flags are 3 for a whole message, 2 for its
// first fragment, 1 for its last, 0 for one between them.
func data(flags byte, tsn, ppid uint32, payload []byte) []byte {
	b := []byte{0, flags}
	b = binary.BigEndian.AppendUint16(b, uint16(16+len(payload)))
	b = binary.BigEndian.AppendUint32(b, tsn)
	b = binary.BigEndian.AppendUint32(b, 0) // stream and its sequence number
	b = binary.BigEndian.AppendUint32(b, ppid)
	b = append(b, payload...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// sctpPacket returns an SCTP packet with its checksum.
func sctpPacket(from, to uint16, tag uint32, chunks ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(b, 0, 0, 0, 0)
	for _, c := range chunks {
		b = append(b, c...)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func withoutChecksum(packet []byte) []byte {
	clear(packet[8:12])
	return packet
}

// frame returns an Ethernet frame with an IPv4 packet from 192.0.2.1 to 192.0.2.2.
func frame(t testing.TB, protocol layers.IPProtocol, payload ...gopacket.SerializableLayer) []byte {
	t.Helper()
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: net.IPv4(192, 0, 2, 1), DstIP: net.IPv4(192, 0, 2, 2)}
	all := []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeIPv4}, ip}
	for _, p := range payload {
		if udp, ok := p.(*layers.UDP); ok {
			if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
		}
	}
	return serialize(t, append(all, payload...)...)
}

func serialize(t testing.TB, all ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sctpFrame(t testing.TB, packet []byte) []byte {
	return frame(t, layers.IPProtocolSCTP, gopacket.Payload(packet))
}

func udpFrame(t testing.TB, from, to layers.UDPPort, payload []byte) []byte {
	return frame(t, layers.IPProtocolUDP, &layers.UDP{SrcPort: from, DstPort: to}, gopacket.Payload(payload))
}

// file returns a capture in pcap format, with a packet a second.
func file(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(f), Length: len(f)}
		if err := w.WritePacket(info, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// read returns a line for each message found.
func read(t testing.TB, capture []byte) ([]string, Counts) {
	t.Helper()
	var lines []string
	counts, err := ReadCapture(bytes.NewReader(capture), func(c Captured) error {
		lines = append(lines, fmt.Sprintf("%ds %s>%s %s %s", c.Time.Unix(), c.From, c.To, c.Via, c.Message.Summary))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, counts
}

func TestCaptures(t *testing.T) {
	dpool, list, hello := wiretest.Unhex(t, resolution), wiretest.Unhex(t, listQuery), wiretest.Unhex(t, announce)
	whole := func(tsn, ppid uint32, b []byte) []byte { return data(3, tsn, ppid, b) }
	const line = "192.0.2.1:4711>192.0.2.2:3863 sctp HandleResolution DPool"

	tests := []struct {
		name   string
		frames [][]byte
		want   []string
		counts Counts
	}{
		{
			name:   "sctp",
			frames: [][]byte{sctpFrame(t, sctpPacket(4711, 3863, 7, whole(1, 11, dpool)))},
			want:   []string{"0s " + line},
			counts: Counts{Packets: 1},
		},
		{
			name: "payload protocol tells the protocols apart",
			frames: [][]byte{
				sctpFrame(t, sctpPacket(4711, 3863, 7, whole(1, 12, list), whole(2, 0, dpool), whole(3, 11, dpool))),
			},
			want:   []string{"0s 192.0.2.1:4711>192.0.2.2:3863 sctp ListRequest 0x0a000001>0x0b000002", "0s " + line},
			counts: Counts{Packets: 1},
		},
		{
			name: "fragments out of order, one of them twice",
			frames: [][]byte{
				sctpFrame(t, sctpPacket(4711, 3863, 7, data(1, 0, 11, dpool[12:]))),
				sctpFrame(t, sctpPacket(4711, 3863, 7, data(2, 0xfffffffe, 11, dpool[:5]))),
				sctpFrame(t, sctpPacket(4711, 3863, 7, data(2, 0xfffffffe, 11, dpool[:5]))),
				sctpFrame(t, sctpPacket(4711, 3863, 8, data(0, 0xffffffff, 11, []byte("other")))),
				sctpFrame(t, sctpPacket(4711, 3863, 7, data(0, 0xffffffff, 11, dpool[5:12]))),
			},
			want:   []string{"4s " + line},
			counts: Counts{Packets: 5},
		},
		{
			name: "sent again after a loss",
			frames: [][]byte{
				sctpFrame(t, sctpPacket(4711, 3863, 7, whole(1, 11, dpool))),
				sctpFrame(t, sctpPacket(4711, 3863, 7, whole(1, 11, dpool), whole(2, 11, dpool))),
			},
			want:   []string{"0s " + line, "1s " + line},
			counts: Counts{Packets: 2},
		},
		{
			name: "sctp over udp behind any port",
			frames: [][]byte{
				udpFrame(t, 40001, 9899, sctpPacket(4711, 3863, 7, whole(1, 11, dpool))),
				udpFrame(t, 40001, 40002, sctpPacket(4711, 3863, 7, whole(2, 11, dpool))),
			},
			want: []string{
				"0s 192.0.2.1:4711>192.0.2.2:3863 sctp/udp HandleResolution DPool",
				"1s 192.0.2.1:4711>192.0.2.2:3863 sctp/udp HandleResolution DPool",
			},
			counts: Counts{Packets: 2},
		},
		{
			name: "sctp over udp without a checksum, and what only resembles it",
			frames: [][]byte{
				udpFrame(t, 40001, 40002, withoutChecksum(sctpPacket(4711, 3863, 7, whole(1, 11, dpool)))),
				udpFrame(t, 40001, 40002, withoutChecksum(append(sctpPacket(4711, 3863, 7, whole(2, 11, dpool)), 0, 0, 0, 0))),
				udpFrame(t, 40001, 40002, append(sctpPacket(4711, 3863, 7, whole(3, 11, dpool)), 0)),
				udpFrame(t, 40001, 40002, sctpPacket(4711, 3863, 7)),
			},
			want:   []string{"0s 192.0.2.1:4711>192.0.2.2:3863 sctp/udp HandleResolution DPool"},
			counts: Counts{Packets: 4},
		},
		{
			name: "announcements and other datagrams",
			frames: [][]byte{
				udpFrame(t, 3863, 3863, hello),
				udpFrame(t, 9901, 9901, list),
				udpFrame(t, 5353, 5353, hello),
			},
			want: []string{
				"0s 192.0.2.1:3863>192.0.2.2:3863 udp ServerAnnounce from=0x0a000001",
				"1s 192.0.2.1:9901>192.0.2.2:9901 udp ListRequest 0x0a000001>0x0b000002",
			},
			counts: Counts{Packets: 3},
		},
		{
			name: "rejected, malformed and foreign",
			frames: [][]byte{
				sctpFrame(t, sctpPacket(4711, 3863, 7, whole(1, 11, dpool[:9]))),
				sctpFrame(t, sctpPacket(4711, 3863, 7, []byte{0, 3, 0, 15})),
				sctpFrame(t, []byte("short")),
				frame(t, layers.IPProtocolTCP, gopacket.Payload("not looked into")),
				[]byte("not a frame"),
			},
			want:   []string{"0s 192.0.2.1:4711>192.0.2.2:3863 sctp rejected ASAP_HANDLE_RESOLUTION"},
			counts: Counts{Packets: 5, Malformed: 2},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, counts := read(t, file(t, test.frames...))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.counts, counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCaptureFormats(t *testing.T) {
	packet := sctpPacket(4711, 3863, 7, data(3, 1, 11, wiretest.Unhex(t, resolution)))
	next := sctpPacket(4711, 3863, 7, data(3, 2, 11, wiretest.Unhex(t, resolution)))
	v4 := serialize(t, &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP, SrcIP: net.IPv4(192, 0, 2, 1), DstIP: net.IPv4(192, 0, 2, 2)}, gopacket.Payload(packet))
	v6 := serialize(t, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolSCTP, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}, gopacket.Payload(next))

	var ng bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, layers.LinkTypeRaw)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{v4, v4, v6} {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(p), Length: len(p), Timestamp: time.Unix(0, 0)}, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(file(t, sctpFrame(t, packet))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name    string
		capture []byte
		want    []string
	}{
		{"pcapng", ng.Bytes(), []string{
			"0s 192.0.2.1:4711>192.0.2.2:3863 sctp HandleResolution DPool",
			"0s [2001:db8::1]:4711>[2001:db8::2]:3863 sctp HandleResolution DPool",
		}},
		{"compressed pcap", zipped.Bytes(), []string{"0s 192.0.2.1:4711>192.0.2.2:3863 sctp HandleResolution DPool"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !IsCapture(test.capture[:4]) {
				t.Error("not recognized as a capture")
			}
			got, _ := read(t, test.capture)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCaptureThatIsCutShortTellsHowFarItGot(t *testing.T) {
	capture := file(t, sctpFrame(t, sctpPacket(4711, 3863, 7, data(3, 1, 11, wiretest.Unhex(t, resolution)))))
	capture = append(capture, capture[24:44]...) // a packet's header and a little more
	counts, err := ReadCapture(bytes.NewReader(capture), func(Captured) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if want := (Counts{Packets: 1}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
}

func TestReadCaptureReturnsTheErrorOfFound(t *testing.T) {
	stop := errors.New("stop")
	packet := sctpPacket(4711, 3863, 7, data(3, 1, 11, wiretest.Unhex(t, resolution)), data(3, 2, 11, wiretest.Unhex(t, resolution)))
	calls := 0
	_, err := ReadCapture(bytes.NewReader(file(t, sctpFrame(t, packet))), func(Captured) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("error %v after %d calls, want %v after one", err, calls, stop)
	}
}

// Fragments whose other parts never come must not pile up.
func TestUnfinishedMessagesAreForgotten(t *testing.T) {
	var a assembler
	for tsn := range uint32(3 * maxWaiting) {
		a.packet(sctpPacket(1, 2, 3, data(0, 2*tsn, 11, []byte("middle"))), func(uint16, uint16, uint32, []byte) {
			t.Fatal("a message without its ends")
		})
		if n := len(a.directions[direction{1, 2, 3}].waiting); n > maxWaiting {
			t.Fatalf("%d fragments wait", n)
		}
	}
	for tag := range uint32(maxDirections + 10) {
		a.packet(sctpPacket(1, 2, tag, data(0, 1, 11, nil)), nil)
	}
	if n := len(a.directions); n > maxDirections {
		t.Errorf("%d directions are known", n)
	}
}

func FuzzReadCapture(f *testing.F) {
	f.Add(file(f, sctpFrame(f, sctpPacket(4711, 3863, 7, data(3, 1, 11, wiretest.Unhex(f, resolution))))))
	f.Add(file(f, udpFrame(f, 9899, 9899, sctpPacket(4711, 3863, 7, data(2, 1, 11, wiretest.Unhex(f, resolution)), data(1, 2, 11, nil)))))
	f.Add(file(f, udpFrame(f, 3863, 3863, wiretest.Unhex(f, announce))))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ReadCapture(bytes.NewReader(b), func(c Captured) error {
			checkCovered(t, c.Message.Bytes, c.Message)
			return nil
		})
	})
}
