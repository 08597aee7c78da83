package tcp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Config describes a door. The zero value works.
type Config struct {
	// Listen is the local address. If invalid or unspecified, all addresses of
	// the machine.
	Listen netip.Addr
	// Credentials make the door one of TLS 1.3, where both sides show a
	// certificate. If nil, nothing is encrypted and nobody proved.
	Credentials *Credentials
	// Stream makes the door one of byte streams, without messages and without
	// supervision: what other programs speak. Not with Credentials.
	Stream bool
	// Refused hears why an attempt of a peer was refused, if not nil. It may be
	// called at once by several goroutines.
	Refused func(from netip.AddrPort, err error)

	// DialTimeout is how long an association may take to be established, by
	// either side. If zero, 7.5 s.
	DialTimeout time.Duration
	// ShutdownTimeout is how long a shutdown may take, with what is still to be
	// sent. If zero, 15 s.
	ShutdownTimeout time.Duration
	// MaxAssociations is the limit of associations at once. If zero, 65,536.
	MaxAssociations int
	// MaxOpening is the limit of connections of peers that are not associations
	// yet. When there are more, one of them is closed at random. If zero, 1,024.
	MaxOpening int

	// HeartbeatInterval is how long a peer may be silent before a HEARTBEAT asks
	// whether it lives. If zero, 5 s; if negative, never.
	HeartbeatInterval time.Duration
	// MaxRetrans is how many heartbeats in a row may go unanswered after the
	// first one before the peer is Lost. If zero, 3.
	MaxRetrans int
	// WriteTimeout is how long a peer may take to read 64 KiB. If zero, 20 s.
	WriteTimeout time.Duration

	// ReceiveWindow is what a peer may send ahead of the handler, in bytes, before
	// it is read no more. If zero, 512 KiB: more than a SendBuffer, so that a slow
	// handler does not keep heartbeats from being answered.
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
	or(&c.DialTimeout, 7500*time.Millisecond)
	or(&c.ShutdownTimeout, 15*time.Second)
	or(&c.MaxAssociations, 1<<16)
	or(&c.MaxOpening, 1024)
	or(&c.HeartbeatInterval, 5*time.Second)
	or(&c.MaxRetrans, 3)
	or(&c.WriteTimeout, 20*time.Second)
	or(&c.ReceiveWindow, 512<<10)
	or(&c.SendBuffer, 256<<10)
}

func or[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// check reports a value that cannot work.
func (c *Config) check() error {
	switch {
	case c.Stream && c.Credentials != nil:
		return fmt.Errorf("byte streams are not encrypted: leave the credentials out")
	case c.ReceiveWindow < 1<<16:
		return fmt.Errorf("receive window of %d bytes: want 65536 or more, so that the largest message fits", c.ReceiveWindow)
	}
	return nil
}

func (c *Config) via() transport.Via {
	switch {
	case c.Stream:
		return transport.Stream
	case c.Credentials != nil:
		return transport.TLS
	}
	return transport.TCP
}
