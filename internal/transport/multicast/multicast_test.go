package multicast

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/transport"
)

type datagram struct {
	from    netip.AddrPort
	payload string
}

// join joins, or skips where the machine has no multicast.
func joinGroup(t *testing.T, cfg transport.GroupConfig) (transport.Group, chan datagram) {
	t.Helper()
	heard := make(chan datagram, 100)
	cfg.Receive = func(from netip.AddrPort, p []byte) {
		heard <- datagram{from, string(p)}
	}
	g, err := Sockets{}.Join(cfg)
	if err != nil {
		t.Skipf("no multicast here: %v", err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g, heard
}

func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return i.Name
		}
	}
	t.Skip("no loopback interface")
	return ""
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// next returns what was heard next; ok is false if the machine swallowed it.
func next(t *testing.T, heard chan datagram) datagram {
	t.Helper()
	select {
	case d := <-heard:
		return d
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was heard")
		return datagram{}
	}
}

func TestEverybodyOfTheMachineHearsTheGroup(t *testing.T) {
	for _, tt := range []struct{ name, group string }{
		{"IPv4", "239.255.77.50"},
		{"IPv6", "ff12::1234"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			none := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, none) })
			source := freePort(t)
			cfg := transport.GroupConfig{
				Group:      netip.AddrPortFrom(netip.MustParseAddr(tt.group), freePort(t)),
				SourcePort: source, Interface: loopback(t), TTL: 2,
			}
			a, heardA := joinGroup(t, cfg)
			b, heardB := joinGroup(t, cfg) // the same source port, too
			for _, g := range []transport.Group{a, b} {
				if err := g.Send([]byte("here")); err != nil {
					t.Skipf("no multicast on loopback: %v", err)
				}
				for _, heard := range []chan datagram{heardA, heardB} {
					if d := next(t, heard); d.payload != "here" || d.from.Port() != source {
						t.Errorf("heard %+v; want source port %d", d, source)
					}
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Errorf("closed twice: %v", err)
			}
			if err := b.Send(nil); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("send after close: %v", err)
			}
			if err := a.Send([]byte("left")); err != nil {
				t.Error(err)
			}
			next(t, heardA)
			if len(heardB) > 0 {
				t.Errorf("heard after close: %+v", <-heardB)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSourceDecidesTheInterface(t *testing.T) {
	group := netip.AddrPortFrom(netip.MustParseAddr("239.255.77.51"), freePort(t))
	for _, tt := range []struct {
		name   string
		source string
		sure   bool // that this machine sends from it
	}{
		{"one of the machine's", "127.0.0.1", true},
		{"of the other family", "::1", false},
		{"none", "0.0.0.0", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := netip.MustParseAddr(tt.source)
			g, heard := joinGroup(t, transport.GroupConfig{Group: group, Source: source})
			if err := g.Send([]byte("here")); err != nil {
				t.Skipf("no multicast here: %v", err)
			}
			if d := next(t, heard); d.payload != "here" || tt.sure && d.from.Addr() != source {
				t.Errorf("heard %+v; want it from %v", d, source)
			}
		})
	}
}

func TestWhoIsBoundNowhereHearsTheLoopback(t *testing.T) {
	group := netip.AddrPortFrom(netip.MustParseAddr("239.255.77.52"), freePort(t))
	_, heard := joinGroup(t, transport.GroupConfig{Group: group})
	local := netip.MustParseAddr("127.0.0.1")
	sender, err := Sockets{}.Join(transport.GroupConfig{Group: group, Source: local})
	if err != nil {
		t.Skipf("no multicast on loopback: %v", err)
	}
	defer sender.Close()
	if err := sender.Send([]byte("here")); err != nil {
		t.Skipf("no multicast on loopback: %v", err)
	}
	if d := next(t, heard); d.payload != "here" || d.from.Addr() != local {
		t.Errorf("heard %+v; want it from %v", d, local)
	}
	if len(heard) > 0 {
		t.Errorf("heard it twice: %+v", <-heard)
	}
}

func TestJoinSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  transport.GroupConfig
		want string
	}{
		{"unicast", transport.GroupConfig{Group: netip.MustParseAddrPort("192.0.2.1:3863")}, "not a multicast address"},
		{"no group", transport.GroupConfig{}, "not a multicast address"},
		{"no port", transport.GroupConfig{Group: netip.MustParseAddrPort("239.0.0.50:0")}, "not a multicast address"},
		{"interface", transport.GroupConfig{Group: netip.MustParseAddrPort("239.0.0.50:3863"), Interface: "nosuch0"}, `interface "nosuch0"`},
		{"TTL", transport.GroupConfig{Group: netip.MustParseAddrPort("239.0.0.50:3863"), TTL: 256}, "TTL 256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := (Sockets{}).Join(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}
