//go:build !386

package kernel

import (
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ishidawataru/sctp"
)

func TestParseAddresses(t *testing.T) {
	ip := netip.MustParseAddr
	for _, tt := range []struct {
		name string
		ips  []netip.Addr
	}{
		{"none", nil},
		{"IPv4", []netip.Addr{ip("192.0.2.1"), ip("192.0.2.2")}},
		{"both families in turn", []netip.Addr{ip("2001:db8::1"), ip("192.0.2.2"), ip("2001:db8::3")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b []byte
			if tt.ips != nil {
				b = sctpAddr(tt.ips, 3863).ToRawSockAddrBuf()
			}
			got, port, err := parseAddresses(b, len(tt.ips))
			if err != nil || !slices.Equal(got, tt.ips) || tt.ips != nil && port != 3863 {
				t.Errorf("%v, port %d, %v", got, port, err)
			}
			for n := range b {
				if _, _, err := parseAddresses(b[:n:n], len(tt.ips)); err == nil {
					t.Errorf("the first %d bytes are accepted", n)
				}
			}
		})
	}
	mapped := sctpAddr([]netip.Addr{ip("2001:db8::1")}, 1).ToRawSockAddrBuf()
	copy(mapped[8:], netip.MustParseAddr("::ffff:192.0.2.9").AsSlice())
	if got, _, err := parseAddresses(mapped, 1); err != nil || !slices.Equal(got, []netip.Addr{ip("192.0.2.9")}) {
		t.Errorf("mapped: %v, %v", got, err)
	}
	if _, _, err := parseAddresses(make([]byte, 64), 1); err == nil {
		t.Error("an unknown family is accepted")
	}
}

func TestPresentable(t *testing.T) {
	ip := netip.MustParseAddr
	loop, link, six, four := ip("127.0.0.1"), ip("fe80::1"), ip("2001:db8::1"), ip("192.0.2.1")
	for _, tt := range []struct {
		name     string
		in, want []netip.Addr
	}{
		{"IPv4 first", []netip.Addr{six, loop, link, four}, []netip.Addr{four, six}},
		{"loopback alone", []netip.Addr{link, loop}, []netip.Addr{loop}},
		{"none", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := presentable(tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("%v; want %v", got, tt.want)
			}
		})
	}
}

func FuzzParseAddresses(f *testing.F) {
	f.Add(sctpAddr([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")}, 3863).ToRawSockAddrBuf(), 2)
	f.Add([]byte{10, 0, 1, 2}, 1<<30)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		ips, _, err := parseAddresses(b, n)
		if err == nil && len(ips) != max(n, 0) {
			t.Errorf("%d addresses of %d", len(ips), n)
		}
	})
}

// received is a batch as the kernel would have filled it with one slot.
func received(flags int32, control []byte, length int) *batch {
	b := batches.New().(*batch)
	b.n = 1
	b.headers[0].Flags = flags
	b.headers[0].length = uint32(length)
	room := unsafe.Slice((*byte)(unsafe.Pointer(&b.control[0])), unsafe.Sizeof(b.control[0]))
	b.headers[0].SetControllen(copy(room, control))
	return b
}

// controlOf is the control message of a received message.
func controlOf(level, kind int32, info sctp.SndRcvInfo) []byte {
	var c struct {
		header unix.Cmsghdr
		info   sctp.SndRcvInfo
	}
	c.header.Level, c.header.Type = level, kind
	c.header.SetLen(int(unsafe.Sizeof(c)))
	c.info = info
	return slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c)))
}

func TestSlotNeedsItsControlMessage(t *testing.T) {
	good := controlOf(unix.IPPROTO_SCTP, sctp.SCTP_CMSG_SNDRCV, sctp.SndRcvInfo{Stream: 3, PPID: networkOrder(11), AssocID: 42})
	s, ok := received(unix.MSG_EOR, good, 5).at(0)
	if !ok || !s.whole || s.association() != 42 || s.info.PPID != 11 || s.info.Stream != 3 || len(s.data) != 5 {
		t.Errorf("slot %+v, %v", s, ok)
	}
	for n := range good {
		if _, ok := received(unix.MSG_EOR, good[:n], 5).at(0); ok {
			t.Errorf("%d bytes of a control message are accepted", n)
		}
	}
	if _, ok := received(unix.MSG_EOR, controlOf(unix.SOL_SOCKET, sctp.SCTP_CMSG_SNDRCV, sctp.SndRcvInfo{}), 5).at(0); ok {
		t.Error("another level is accepted")
	}
	if _, ok := received(unix.MSG_EOR, controlOf(unix.IPPROTO_SCTP, sctp.SCTP_CMSG_INIT, sctp.SndRcvInfo{}), 5).at(0); ok {
		t.Error("another type is accepted")
	}
	if s, _ := received(0, nil, 0).at(0); !s.eof {
		t.Error("the end is not seen")
	}
	if s, ok := received(sctp.MSG_NOTIFICATION, nil, 5).at(0); !ok || !s.notification || s.association() != 0 {
		t.Errorf("notification: %+v, %v", s, ok)
	}
}

func FuzzSlot(f *testing.F) {
	f.Add(int32(unix.MSG_EOR), controlOf(unix.IPPROTO_SCTP, sctp.SCTP_CMSG_SNDRCV, sctp.SndRcvInfo{AssocID: 1}), 100)
	f.Add(int32(sctp.MSG_NOTIFICATION), []byte{}, 1<<20)
	f.Fuzz(func(t *testing.T, flags int32, control []byte, length int) {
		s, ok := received(flags, control, length).at(0)
		if len(s.data) > slotSize {
			t.Errorf("%d bytes of a slot of %d", len(s.data), slotSize)
		}
		if ok {
			s.association()
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"an address that is none", Config{Listen: []netip.Addr{{}}}},
		{"all addresses and one more", Config{Listen: []netip.Addr{netip.IPv4Unspecified(), netip.MustParseAddr("192.0.2.1")}}},
		{"multicast", Config{Listen: []netip.Addr{netip.MustParseAddr("239.0.0.1")}}},
		{"streams", Config{Streams: 70000}},
		{"RTO upside down", Config{RTOMin: 2e9, RTOInitial: 1e9}},
		{"RTO below a millisecond", Config{RTOMin: 1}},
		{"retransmissions", Config{MaxRetrans: 1000}},
		{"window", Config{ReceiveWindow: 1000}},
		{"buffer", Config{SendBuffer: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d, err := Open(tt.cfg); err == nil {
				_ = d.Close()
				t.Error("opened")
			}
		})
	}
}
