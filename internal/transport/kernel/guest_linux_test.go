//go:build !386

package kernel

import (
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// needKernel skips where the tests cannot run: they give the loopback interface
// addresses and take them away.
func needKernel(t testing.TB) {
	t.Helper()
	if os.Getenv("RSPOOL_LAB") == "" {
		t.Skip("changes addresses: runs in the guest only (make lab)")
	}
	if err := Available(); err != nil {
		t.Skip(err)
	}
}

// quick is a configuration that finds things out soon.
func quick(ips ...netip.Addr) Config {
	return Config{
		Listen: ips, DialTimeout: 2 * time.Second, HeartbeatInterval: 200 * time.Millisecond,
		RTOInitial: 300 * time.Millisecond, RTOMin: 100 * time.Millisecond, RTOMax: 600 * time.Millisecond,
	}
}

var hosts atomic.Uint32

// host returns an address of its own for a door, which works until unplugged.
func host(t testing.TB) netip.Addr {
	t.Helper()
	n := hosts.Add(1)
	ip := netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)})
	plug(t, ip, true)
	t.Cleanup(func() { plug(t, ip, false) })
	return ip
}

// plug gives the loopback interface an address, or takes it away: then nothing
// reaches it, and nothing goes out from it.
func plug(t testing.TB, ip netip.Addr, in bool) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b := ip.As4()
	request, err := unix.NewIfreq("lo:" + hexName(b[2], b[3]))
	if err != nil {
		t.Fatal(err)
	}
	if !in {
		request.SetUint16(0) // down
		_ = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
		return
	}
	for _, step := range []struct {
		request uint
		address [4]byte
	}{{unix.SIOCSIFADDR, b}, {unix.SIOCSIFNETMASK, [4]byte{255, 255, 255, 255}}} {
		if err := request.SetInet4Addr(step.address[:]); err != nil {
			t.Fatal(err)
		}
		if err := unix.IoctlIfreq(fd, step.request, request); err != nil {
			t.Fatalf("address %s: %v", ip, err)
		}
	}
}

func hexName(a, b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[a>>4], digits[a&15], digits[b>>4], digits[b&15]})
}

func open(t testing.TB, cfg Config) *Door {
	t.Helper()
	d, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSuite(t *testing.T) {
	needKernel(t)
	transporttest.Run(t, transporttest.Doors{
		Open: func(t testing.TB) transport.Door { return open(t, quick(host(t))) },
		Kill: func(t testing.TB, d transport.Door) {
			plug(t, d.(*Door).cfg.Listen[0], false)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		},
		Reopen: func(t testing.TB, d transport.Door) transport.Door {
			ip := d.(*Door).cfg.Listen[0]
			plug(t, ip, true)
			return open(t, quick(ip))
		},
		Nowhere: transport.Address{IPs: []netip.Addr{netip.MustParseAddr("10.9.0.200")}, Port: 1},
	})
}
