package sctp

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/kernel"
	"github.com/rspool/rspool/internal/transport/transporttest"
	"github.com/rspool/rspool/internal/transport/udp"
)

// needKernel skips where the kernel has no SCTP.
func needKernel(t testing.TB) {
	t.Helper()
	if os.Getenv("RSPOOL_LAB") == "" {
		t.Skip("needs UDP port 9899: runs in the guest only (make lab)")
	}
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
}

var (
	first  = netip.MustParseAddr("127.0.0.1")
	second = netip.MustParseAddr("127.0.0.2")
)

func openBoth(t testing.TB, ip netip.Addr, udpPort int) *door {
	t.Helper()
	return &door{kernel: openKernel(t, ip), udp: openUDP(t, ip, udpPort)}
}

func openKernel(t testing.TB, ip netip.Addr) transport.Door {
	t.Helper()
	d, err := kernel.Open(kernel.Config{Listen: []netip.Addr{ip}, DialTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openUDP(t testing.TB, ip netip.Addr, port int) transport.Door {
	t.Helper()
	d, err := udp.Open(udp.Config{Listen: ip, UDPPort: port, DialTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// end is one endpoint of a door.
type end struct {
	transport.Endpoint
	*transporttest.Recorder
	door transport.Door
}

func newEnd(t testing.TB, d transport.Door, listen bool) *end {
	t.Helper()
	e := &end{Recorder: transporttest.NewRecorder(), door: d}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if e.Endpoint, err = d.Open(transport.EndpointConfig{Listen: listen, Handler: e.Recorder}); err != nil {
		t.Fatal(err)
	}
	return e
}

// talk dials and has a message go each way.
func talk(t *testing.T, from *end, at transport.Address, to *end) transport.Association {
	t.Helper()
	a, err := from.Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	a.Writable(func() { close(told) })
	if up := from.Want(t, transport.Up).Association; up != a {
		t.Fatal("up is of another association than was dialled")
	}
	<-told
	b := to.Want(t, transport.Up).Association
	for _, way := range []struct {
		from transport.Association
		to   *end
	}{{a, to}, {b, from}} {
		if err := way.from.Send(transport.Message{PPID: 11, Payload: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		if m := way.to.WantMessage(t); string(m.Payload) != "hello" || m.PPID != 11 {
			t.Fatalf("heard %+v", m)
		}
	}
	return a
}

func TestBothReachEachKind(t *testing.T) {
	needKernel(t)
	for _, tt := range []struct {
		name string
		open func() transport.Door
	}{
		{"a kernel listener", func() transport.Door { return openKernel(t, second) }},
		{"an embedded listener at the assigned port", func() transport.Door { return openUDP(t, second, udp.Port) }},
		{"an embedded listener at another port", func() transport.Door { return openUDP(t, second, 0) }},
		{"a listener that has both", func() transport.Door { return openBoth(t, second, 0) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dialler, listener := newEnd(t, openBoth(t, first, 0), false), newEnd(t, tt.open(), true)
			at := listener.Local()
			if at.UDPPort == udp.Port {
				at.UDPPort = 0 // as it is registered
			}
			a := talk(t, dialler, at, listener)
			a.Shutdown()
			dialler.Want(t, transport.Closed)
			listener.Want(t, transport.Closed)
			if _, err := a.Local(), a.Send(transport.Message{Payload: []byte("late")}); err == nil {
				t.Error("sent after the end")
			}
		})
	}
}

func TestBothAreReachedByEachKind(t *testing.T) {
	needKernel(t)
	listener := newEnd(t, openBoth(t, second, udp.Port), true)
	native := transport.Address{IPs: []netip.Addr{second}, Port: listener.Local().Port}
	talk(t, newEnd(t, openKernel(t, first), false), native, listener)
	talk(t, newEnd(t, openUDP(t, first, 0), false), native, listener)
	if n := listener.door.Stats().Associations; n != 2 {
		t.Errorf("%d associations; want one of each kind", n)
	}
	listener.Silent(t)
}

func TestBothHearOfFailureOnce(t *testing.T) {
	needKernel(t)
	dialler := newEnd(t, openBoth(t, first, 0), false)
	nowhere := transport.Address{IPs: []netip.Addr{second}, Port: 1}
	a, err := dialler.Dial(nowhere)
	if err != nil {
		t.Fatal(err)
	}
	h := dialler.Want(t, transport.Lost)
	if h.Association != a || !strings.Contains(h.Err.Error(), "dial") {
		t.Errorf("heard %v", h)
	}
	// Who gives up before has no second attempt.
	dialler = newEnd(t, openBoth(t, netip.MustParseAddr("10.9.0.1"), 0), false)
	a, err = dialler.Dial(transport.Address{IPs: []netip.Addr{netip.MustParseAddr("10.9.0.200")}, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	a.Abort("changed my mind")
	if h := dialler.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), "changed my mind") {
		t.Errorf("heard %v", h)
	}
	dialler.Silent(t)
}

func TestBothMulticastAndClose(t *testing.T) {
	needKernel(t)
	d := openBoth(t, first, 0)
	g, err := d.Join(transport.GroupConfig{Group: netip.MustParseAddrPort("239.0.0.50:3863")})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if got := Describe(d); got != Both {
		t.Errorf("described as %q", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Open(transport.EndpointConfig{Handler: transporttest.NewRecorder()}); err == nil {
		t.Error("opened after close")
	}
}
