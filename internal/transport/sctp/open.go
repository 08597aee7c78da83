// Package sctp chooses how a process speaks SCTP: by the kernel, by the embedded
// stack over UDP, or by both at once.
//
// It does not know other transports.
package sctp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/kernel"
	"github.com/rspool/rspool/internal/transport/udp"
)

// The modes.
const (
	// Auto is Kernel where the kernel has SCTP and nothing asks for UDP, else UDP.
	Auto = "auto"
	// Kernel is the kernel's SCTP.
	Kernel = "kernel"
	// UDP is the embedded SCTP over UDP.
	UDP = "udp"
	// Both are the two at once: who listens is reached by either, and who dials
	// takes UDP where the address names its port, else the kernel, and UDP if
	// that fails.
	Both = "both"
)

// Modes are all modes.
var Modes = []string{Auto, Kernel, UDP, Both}

// Config describes what Open opens.
type Config struct {
	// Mode is one of Modes. If empty, Auto.
	Mode string
	// Listen is the local IP address, or several with commas between them for
	// the kernel's SCTP. If empty, all.
	Listen string
	// UDPPort encapsulates SCTP where the embedded stack is used. If zero, any
	// free one.
	UDPPort int
	// WantUDP says that Auto stands for UDP: a UDP port was named.
	WantUDP bool
	// The others are as in udp.Config and kernel.Config.
	HeartbeatInterval time.Duration
	HeartbeatRetries  int
	MaxAssociations   int
}

// Open opens the door of a mode, or both.
func Open(cfg Config) (transport.Door, error) {
	mode, err := cfg.choose(kernel.Available())
	if err != nil {
		return nil, err
	}
	ips, err := ParseListen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	if len(ips) > 1 && mode != Kernel {
		return nil, fmt.Errorf("listen %q: the embedded SCTP has one address; give one, or use mode kernel", cfg.Listen)
	}
	switch mode {
	case Kernel:
		return cfg.openKernel(ips)
	case UDP:
		return cfg.openUDP(ips)
	}
	k, err := cfg.openKernel(ips)
	if err != nil {
		return nil, err
	}
	u, err := cfg.openUDP(ips)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) && cfg.UDPPort != 0 && cfg.UDPPort == kernel.Encapsulation() {
			err = fmt.Errorf("UDP port %d is the kernel's own (sysctl net.sctp.udp_port), where it takes encapsulated SCTP: use mode kernel: %w", cfg.UDPPort, err)
		}
		return nil, errors.Join(err, k.Close())
	}
	return &door{kernel: k, udp: u}, nil
}

// choose returns Kernel, UDP or Both. missing says why there is no kernel SCTP.
func (c *Config) choose(missing error) (string, error) {
	switch c.Mode {
	case Auto, "":
		if missing != nil || c.WantUDP {
			return UDP, nil
		}
		return Kernel, nil
	case UDP:
		return UDP, nil
	case Kernel, Both:
		if missing != nil {
			return "", fmt.Errorf("mode %s: %w", c.Mode, missing)
		}
		return c.Mode, nil
	}
	return "", fmt.Errorf("mode %q: want one of %s", c.Mode, strings.Join(Modes, ", "))
}

// ParseListen reads the IP addresses to listen on; nothing stands for all.
func ParseListen(s string) ([]netip.Addr, error) {
	if s == "" {
		return nil, nil
	}
	var ips []netip.Addr
	for _, text := range strings.Split(s, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("listen %q: want an IP address, as in 192.0.2.1, or several with commas between them", s)
		}
		ips = append(ips, ip.Unmap())
	}
	if len(ips) == 1 && ips[0].IsUnspecified() && ips[0].Is6() {
		return nil, nil
	}
	return ips, nil
}

func (c *Config) openKernel(ips []netip.Addr) (transport.Door, error) {
	return kernel.Open(kernel.Config{
		Listen: ips, HeartbeatInterval: c.HeartbeatInterval, MaxRetrans: c.HeartbeatRetries, MaxAssociations: c.MaxAssociations,
	})
}

func (c *Config) openUDP(ips []netip.Addr) (transport.Door, error) {
	u := udp.Config{
		UDPPort: c.UDPPort, HeartbeatInterval: c.HeartbeatInterval, MaxRetrans: c.HeartbeatRetries, MaxAssociations: c.MaxAssociations,
	}
	if len(ips) > 0 {
		u.Listen = ips[0]
	}
	return udp.Open(u)
}

// Describe says how a door speaks SCTP: kernel, udp, both, or nothing for others.
func Describe(d transport.Door) string {
	switch d.(type) {
	case *kernel.Door:
		return Kernel
	case *udp.Door:
		return UDP
	case *door:
		return Both
	}
	return ""
}

// Ways says how this machine speaks SCTP: what rspool version prints.
func Ways() string {
	if err := kernel.Available(); err != nil {
		return fmt.Sprintf("over UDP; %v", err)
	}
	if port := kernel.Encapsulation(); port != 0 {
		return fmt.Sprintf("by the kernel, at UDP port %d too, and over UDP", port)
	}
	return "by the kernel, and over UDP"
}
