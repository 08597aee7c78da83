package kernel

import (
	"fmt"
	"net/netip"
	"time"
)

// Config describes a door. The zero value works.
type Config struct {
	// Listen are the local addresses; several make associations multi-homed. If
	// empty, all addresses of the machine.
	Listen []netip.Addr
	// SocketBuffer is how many bytes of socket buffer the system is asked for,
	// each way, for all associations of a listening endpoint together; Stats tells
	// what it granted. If zero, 8 MiB.
	SocketBuffer int

	// DialTimeout is how long an association may take to be established. If
	// zero, 7.5 s.
	DialTimeout time.Duration
	// ShutdownTimeout is how long a shutdown may take, with what is still to be
	// sent. If zero, 15 s.
	ShutdownTimeout time.Duration
	// MaxAssociations is the limit of associations at once. If zero, 65,536.
	MaxAssociations int

	// HeartbeatInterval is how long a path may be idle before a HEARTBEAT asks
	// whether the peer lives there (HB.interval). If zero, 5 s; if negative,
	// never, and peers that vanish are found out only by what is sent to them.
	HeartbeatInterval time.Duration
	// RTOInitial, RTOMin and RTOMax are the retransmission timeout before the
	// first measurement and its bounds, in whole milliseconds. If zero, 1 s,
	// 250 ms and 60 s.
	RTOInitial, RTOMin, RTOMax time.Duration
	// MaxRetrans is how often in a row a peer may leave something unanswered,
	// after the first time, before it is Lost (Association.Max.Retrans), and a
	// path before another one is used (Path.Max.Retrans). If zero, 3.
	MaxRetrans int

	// Streams is the number of streams each way, 16 if zero. The system reserves
	// memory for each.
	Streams int
	// ReceiveWindow is what waits in the system for a handler that is slow, in
	// bytes. If zero, 256 KiB.
	ReceiveWindow int
	// SendBuffer is what an association holds back for a peer that does not
	// read, in bytes, beside what the system holds. Above it Send fails. If zero,
	// 256 KiB.
	SendBuffer int
}

func (c *Config) setDefaults() {
	or(&c.SocketBuffer, 8<<20)
	or(&c.DialTimeout, 7500*time.Millisecond)
	or(&c.ShutdownTimeout, 15*time.Second)
	or(&c.MaxAssociations, 1<<16)
	or(&c.HeartbeatInterval, 5*time.Second)
	or(&c.RTOInitial, time.Second)
	or(&c.RTOMin, 250*time.Millisecond)
	or(&c.RTOMax, 60*time.Second)
	or(&c.MaxRetrans, 3)
	or(&c.Streams, 16)
	or(&c.ReceiveWindow, 256<<10)
	or(&c.SendBuffer, 256<<10)
}

func or[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// check reports a value that cannot work.
func (c *Config) check() error {
	for i, ip := range c.Listen {
		if !ip.IsValid() || ip.IsMulticast() || ip.IsUnspecified() && len(c.Listen) > 1 {
			return fmt.Errorf("address %d of %d, %v: want one of the machine's own", i+1, len(c.Listen), ip)
		}
	}
	switch {
	case c.Streams < 1 || c.Streams > 65534:
		return fmt.Errorf("%d streams: want 1 to 65534", c.Streams)
	case c.RTOMin < time.Millisecond || c.RTOInitial < c.RTOMin || c.RTOMax < c.RTOInitial:
		return fmt.Errorf("RTO: want 1 ms <= minimum %v <= initial value %v <= maximum %v", c.RTOMin, c.RTOInitial, c.RTOMax)
	case c.MaxRetrans < 1 || c.MaxRetrans > 255:
		return fmt.Errorf("%d retransmissions: want 1 to 255", c.MaxRetrans)
	case c.ReceiveWindow < 1<<16:
		return fmt.Errorf("receive window of %d bytes: want 65536 or more, so that the largest message fits", c.ReceiveWindow)
	case c.SendBuffer < 1 || c.SocketBuffer < 1<<16:
		return fmt.Errorf("send buffer of %d bytes, socket buffer of %d: want 1 and 65536 or more", c.SendBuffer, c.SocketBuffer)
	}
	return nil
}
