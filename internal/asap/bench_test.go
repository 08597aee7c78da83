package asap

import (
	"fmt"
	"net/netip"
	"testing"

	rserpool "github.com/rspool/rspool"
)

// benchmarkMessages are the messages that a busy registrar or user handles.
func benchmarkMessages() []Message {
	element := rserpool.Element{
		ID: 0x17, Home: 0x11223344, Life: 30000,
		UserTransport: rserpool.Transport{
			Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
		Policy: rserpool.Policy{Type: rserpool.LeastUsed, Load: 1 << 31},
	}
	id := element.ID
	return []Message{
		&Registration{Handle: "EchoPool", Element: element},
		&RegistrationResponse{Handle: "EchoPool", Element: id},
		&HandleResolution{Handle: "EchoPool", Items: 3},
		&HandleResolutionResponse{Handle: "EchoPool", Policy: element.Policy, Elements: []rserpool.Element{element, element, element}},
		&KeepAlive{Sender: 0x11223344, Handle: "EchoPool", Element: id},
		&KeepAliveAck{Handle: "EchoPool", Element: id},
		&Unreachable{Handle: "EchoPool", Element: id},
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, m := range benchmarkMessages() {
		b.Run(fmt.Sprintf("%T", m)[len("*asap."):], func(b *testing.B) {
			var d Decoder
			message := Append(nil, m)
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

func BenchmarkAppend(b *testing.B) {
	for _, m := range benchmarkMessages() {
		b.Run(fmt.Sprintf("%T", m)[len("*asap."):], func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = Append(buf[:0], m)
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

// The promise behind BenchmarkDecode: a registrar under load makes no garbage
// for what it hears most, and one address list for a registration.
func TestFrequentMessagesDecodeWithoutGarbage(t *testing.T) {
	want := []float64{1, 0, 0, 4, 0, 0, 0} // one address list an element
	for i, m := range benchmarkMessages() {
		var d Decoder
		b := Append(nil, m)
		got := testing.AllocsPerRun(100, func() {
			if _, _, err := d.Parse(b); err != nil {
				t.Fatal(err)
			}
		})
		if got != want[i] {
			t.Errorf("%T: %v allocations, want %v", m, got, want[i])
		}
	}
}
