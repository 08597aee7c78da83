package udp

import (
	"fmt"
	"net/netip"
	"time"
)

// Port is the UDP port assigned to encapsulated SCTP (RFC 6951, Section 8).
const Port = 9899

// Config describes a door. The zero value works.
type Config struct {
	// Listen is the local address. If invalid or unspecified, all addresses of
	// the machine.
	Listen netip.Addr
	// UDPPort encapsulates SCTP; others expect it at Port. If zero, any free
	// port.
	UDPPort int
	// SocketBuffer is how many bytes of socket buffer the system is asked for,
	// each way; Stats tells what it granted. If zero, 8 MiB.
	SocketBuffer int

	// DialTimeout is how long an association may take to be established. If
	// zero, 7.5 s.
	DialTimeout time.Duration
	// ShutdownTimeout is how long a shutdown may take, with what is still to be
	// sent. If zero, 15 s.
	ShutdownTimeout time.Duration
	// CookieLife is how long a state cookie is good (Valid.Cookie.Life). If
	// zero, 60 s.
	CookieLife time.Duration
	// MaxAssociations is the limit of associations at once. If zero, 65,536.
	MaxAssociations int

	// HeartbeatInterval is how long a peer may be silent before a HEARTBEAT asks
	// whether it lives (HB.interval). If zero, 5 s; if negative, never, and
	// peers that vanish are found out only by what is sent to them.
	HeartbeatInterval time.Duration
	// RTOInitial is the retransmission timeout before the first measurement. If
	// zero, 1 s.
	RTOInitial time.Duration
	// RTOMin and RTOMax bound the timeout of handshakes and heartbeats; that of
	// messages is never below one second. If zero, 250 ms and 60 s.
	RTOMin, RTOMax time.Duration
	// MaxRetrans is how many heartbeats in a row may go unanswered after the
	// first one before the peer is Lost (Association.Max.Retrans). If zero, 3.
	MaxRetrans int

	// MTU is the largest IP packet sent, in bytes. If zero, 1,400.
	MTU int
	// Streams is the number of streams each way, 16 if zero.
	Streams int
	// ReceiveWindow is what a peer may send ahead of the handler, in bytes. If
	// zero, 128 KiB.
	ReceiveWindow int
	// SendBuffer is what an association holds that the peer has not
	// acknowledged, in bytes. Above it Send fails. If zero, 256 KiB.
	SendBuffer int
}

// Defaults returns the configuration that holds where nothing is set.
func Defaults() Config {
	var c Config
	c.setDefaults()
	return c
}

func (c *Config) setDefaults() {
	or(&c.SocketBuffer, 8<<20)
	or(&c.DialTimeout, 7500*time.Millisecond)
	or(&c.ShutdownTimeout, 15*time.Second)
	or(&c.CookieLife, 60*time.Second)
	or(&c.MaxAssociations, 1<<16)
	or(&c.HeartbeatInterval, 5*time.Second)
	or(&c.RTOInitial, time.Second)
	or(&c.RTOMin, 250*time.Millisecond)
	or(&c.RTOMax, 60*time.Second)
	or(&c.MaxRetrans, 3)
	or(&c.MTU, 1400)
	or(&c.Streams, 16)
	or(&c.ReceiveWindow, 128<<10)
	or(&c.SendBuffer, 256<<10)
}

func or[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// packetSize is the largest SCTP packet: the IP packet without the headers of
// IPv6 and UDP, and a multiple of four.
func (c *Config) packetSize() int { return (c.MTU - 40 - 8) &^ 3 }

// check reports a value that cannot work.
func (c *Config) check() error {
	switch {
	case c.UDPPort < 0 || c.UDPPort > 65535:
		return fmt.Errorf("UDP port %d: want a number from 0 to 65535", c.UDPPort)
	case c.MTU < 576 || c.MTU > 9000:
		return fmt.Errorf("MTU %d: want 576 to 9000 bytes", c.MTU)
	case c.Streams < 1 || c.Streams > 65534:
		return fmt.Errorf("%d streams: want 1 to 65534", c.Streams)
	case c.ReceiveWindow < 1<<16 || c.ReceiveWindow > 1<<30:
		return fmt.Errorf("receive window of %d bytes: want 65536 or more, so that the largest message fits", c.ReceiveWindow)
	case c.RTOMin > c.RTOMax:
		return fmt.Errorf("RTO: the minimum of %v exceeds the maximum of %v", c.RTOMin, c.RTOMax)
	}
	return nil
}
