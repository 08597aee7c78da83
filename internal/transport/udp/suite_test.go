package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// quick is a configuration that finds things out soon.
func quick(ip netip.Addr) Config {
	return Config{
		Listen: ip, DialTimeout: 2 * time.Second, HeartbeatInterval: 200 * time.Millisecond,
		RTOInitial: 300 * time.Millisecond,
	}
}

func open(t testing.TB, cfg Config) *Door {
	t.Helper()
	d, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// kill closes the socket without a word.
func (d *Door) kill(t testing.TB) {
	t.Helper()
	if err := d.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func suite(t *testing.T, ip netip.Addr, nowhere netip.Addr) {
	transporttest.Run(t, transporttest.Doors{
		Open: func(t testing.TB) transport.Door { return open(t, quick(ip)) },
		Kill: func(t testing.TB, d transport.Door) { d.(*Door).kill(t) },
		Reopen: func(t testing.TB, d transport.Door) transport.Door {
			cfg := quick(ip)
			cfg.UDPPort = int(d.(*Door).UDPPort())
			return open(t, cfg)
		},
		Nowhere: transport.Address{IPs: []netip.Addr{nowhere}, Port: 1, UDPPort: silentPort(t, ip)},
	})
}

// silentPort returns a UDP port whose owner never reads.
func silentPort(t testing.TB, ip netip.Addr) uint16 {
	t.Helper()
	conn, err := listen(ip, 0)
	if err != nil {
		t.Skipf("no %s here: %v", ip, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
}

func TestSuiteIPv4(t *testing.T) { suite(t, loopback, loopback) }

func TestSuiteIPv6(t *testing.T) { suite(t, netip.IPv6Loopback(), netip.IPv6Loopback()) }

func TestSuiteAllAddresses(t *testing.T) { suite(t, netip.Addr{}, loopback) }
