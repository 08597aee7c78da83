package explain

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
)

// Captured is a message found in a capture.
type Captured struct {
	Time     time.Time
	From, To netip.AddrPort // IP addresses with the port of what carried the message
	Via      string         // "sctp", "sctp/udp" where it was encapsulated, or "udp"
	Message  *Message
}

// Counts is what a capture held.
type Counts struct {
	Packets   int // of any kind
	Malformed int // SCTP packets that make no sense
	Fragments int // IP packets in fragments, which are not looked into
}

// magics are the first four bytes of capture files: pcap with either byte order
// and resolution, pcapng, and gzip, which the readers look into.
var magics = [][]byte{
	{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1},
	{0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1},
	pcapng, {0x1f, 0x8b},
}

var pcapng = []byte{0x0a, 0x0d, 0x0d, 0x0a}

// IsCapture reports whether a file that begins with b is a capture. Four bytes
// are enough.
func IsCapture(b []byte) bool {
	return slices.ContainsFunc(magics, func(m []byte) bool { return len(b) >= len(m) && string(b[:len(m)]) == string(m) })
}

// packetReader is what the readers of both formats do.
type packetReader interface {
	ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// ReadCapture reads a capture in pcap or pcapng format and calls found with each
// message of ASAP and ENRP in it, in the order in which they were complete:
// payloads of SCTP by their protocol identifier, SCTP in UDP behind any port,
// and datagrams to the ports of announcements. It stops at the first error of
// the file or of found.
func ReadCapture(r io.Reader, found func(Captured) error) (Counts, error) {
	packets, link, err := open(r)
	if err != nil {
		return Counts{}, err
	}
	c := capture{found: found}
	for {
		data, info, err := packets.ZeroCopyReadPacketData()
		switch {
		case errors.Is(err, io.EOF):
			return c.counts, nil
		case err != nil:
			return c.counts, fmt.Errorf("capture after %d packets: %w", c.counts.Packets, err)
		}
		c.counts.Packets++
		if err := c.packet(info.Timestamp, data, link(info)); err != nil {
			return c.counts, err
		}
	}
}

// open returns a reader for the file's format, and what tells the link layer of
// each packet.
func open(r io.Reader) (packetReader, func(gopacket.CaptureInfo) layers.LinkType, error) {
	b := bufio.NewReader(r)
	head, _ := b.Peek(len(pcapng))
	if string(head) == string(pcapng) {
		ng, err := pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, nil, fmt.Errorf("pcapng file: %w", err)
		}
		return ng, func(info gopacket.CaptureInfo) layers.LinkType {
			if len(info.AncillaryData) > 0 {
				if t, ok := info.AncillaryData[0].(layers.LinkType); ok {
					return t
				}
			}
			return ng.LinkType()
		}, nil
	}
	old, err := pcapgo.NewReader(b)
	if err != nil {
		return nil, nil, fmt.Errorf("pcap file: %w", err)
	}
	return old, func(gopacket.CaptureInfo) layers.LinkType { return old.LinkType() }, nil
}

// capture is the state of ReadCapture.
type capture struct {
	counts    Counts
	assembler assembler
	found     func(Captured) error
	err       error // of found
}

// packet looks into a captured packet.
func (c *capture) packet(at time.Time, data []byte, link layers.LinkType) error {
	p := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var from, to netip.Addr
	var transport uint8
	var payload []byte
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
			c.counts.Fragments++
			return nil
		}
		from, _ = netip.AddrFromSlice(ip.SrcIP)
		to, _ = netip.AddrFromSlice(ip.DstIP)
		transport, payload = uint8(ip.Protocol), ip.Payload
	case *layers.IPv6:
		from, _ = netip.AddrFromSlice(ip.SrcIP)
		to, _ = netip.AddrFromSlice(ip.DstIP)
		transport, payload = uint8(ip.NextHeader), ip.Payload
	default:
		return nil
	}
	switch transport {
	case 132:
		c.sctp(at, from, to, "sctp", payload)
	case 17:
		c.udp(at, from, to, payload)
	}
	return c.err
}

// udp looks into a UDP datagram: SCTP may be in it, or an announcement.
func (c *capture) udp(at time.Time, from, to netip.Addr, b []byte) {
	const header = 8
	if len(b) < header {
		return
	}
	fromPort, toPort := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < header || n > len(b) {
		return
	}
	payload := b[header:n]
	var p Protocol
	switch {
	case looksLikeSCTP(payload), toPort == rserpool.DefaultUDPPort, fromPort == rserpool.DefaultUDPPort:
		c.sctp(at, from, to, "sctp/udp", payload)
		return
	case toPort == asap.Port:
		p = ASAP
	case toPort == enrp.Port:
		p = ENRP
	default:
		return
	}
	c.message(Captured{at, netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort), "udp", Explain(p, payload)})
}

// sctp looks into an SCTP packet.
func (c *capture) sctp(at time.Time, from, to netip.Addr, via string, b []byte) {
	sound := c.assembler.packet(b, func(fromPort, toPort uint16, ppid uint32, data []byte) {
		if p, ok := ProtocolOf(ppid); ok {
			c.message(Captured{at, netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort), via, Explain(p, data)})
		}
	})
	if !sound {
		c.counts.Malformed++
	}
}

func (c *capture) message(m Captured) {
	if c.err != nil {
		return
	}
	m.Message.Bytes = slices.Clone(m.Message.Bytes) // the packet's buffer is used again
	c.err = c.found(m)
}
