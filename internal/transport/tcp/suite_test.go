package tcp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// quick is a configuration that finds things out soon.
func quick(ip netip.Addr) Config {
	return Config{Listen: ip, DialTimeout: 4 * time.Second, HeartbeatInterval: 200 * time.Millisecond, MaxRetrans: 10}
}

func open(t testing.TB, cfg Config) *Door {
	t.Helper()
	d, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// kill closes the sockets without a word, as the system does for a process that
// has ended.
func (d *Door) kill(t testing.TB) {
	t.Helper()
	d.mu.Lock()
	var as []*association
	for p := range d.endpoints {
		if p.listener != nil {
			_ = p.listener.Close()
		}
		p.mu.Lock()
		for a := range p.all {
			as = append(as, a)
		}
		p.mu.Unlock()
	}
	d.mu.Unlock()
	for _, a := range as {
		a.mu.Lock()
		raw(a.conn).Close()
		a.mu.Unlock()
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func raw(conn net.Conn) net.Conn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return conn
}

// nowhere is an address where connections are taken and never spoken to.
func nowhere(t testing.TB, ip netip.Addr, via transport.Via) transport.Address {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		t.Skipf("no %s here: %v", ip, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return transport.Address{Via: via, IPs: []netip.Addr{ip}, Port: addrPort(l.Addr()).Port()}
}

func suite(t *testing.T, cfg Config, at netip.Addr) {
	many := 0
	if cfg.Credentials != nil {
		many = 30 // handshakes take their time
	}
	transporttest.Run(t, transporttest.Doors{
		Open: func(t testing.TB) transport.Door { return open(t, cfg) },
		Kill: func(t testing.TB, d transport.Door) { d.(*Door).kill(t) },
		Reopen: func(t testing.TB, _ transport.Door) transport.Door {
			return open(t, cfg) // at the same address; the port is the endpoint's
		},
		Nowhere:    nowhere(t, at, cfg.via()),
		Many:       many,
		MaxMessage: MaxMessage,
		Ephemeral:  true,
	})
}

func TestSuiteIPv4(t *testing.T) { suite(t, quick(loopback), loopback) }

func TestSuiteIPv6(t *testing.T) { suite(t, quick(netip.IPv6Loopback()), netip.IPv6Loopback()) }

func TestSuiteAllAddresses(t *testing.T) { suite(t, quick(netip.Addr{}), loopback) }
