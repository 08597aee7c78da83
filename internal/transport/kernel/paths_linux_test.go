//go:build !386

package kernel

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
	"github.com/rspool/rspool/internal/transport/udp"
)

func TestPathOfAMultiHomedPeerIsCut(t *testing.T) {
	needKernel(t)
	a1, a2, b1, b2 := host(t), host(t), host(t), host(t)
	_, ep, heard := listener(t, quick(b1, b2))
	if got := ep.Local().IPs; !slices.Equal(got, []netip.Addr{b1, b2}) {
		t.Fatalf("the endpoint is at %v", got)
	}
	d, from, mine := listener(t, quick(a1, a2))
	here, there := link(t, from, mine, ep, heard)
	for _, end := range []struct {
		got  []netip.Addr
		want [2]netip.Addr
	}{
		{here.Local().IPs, [2]netip.Addr{a1, a2}}, {here.Remote().IPs, [2]netip.Addr{b1, b2}},
		{there.Local().IPs, [2]netip.Addr{b1, b2}}, {there.Remote().IPs, [2]netip.Addr{a1, a2}},
	} {
		slices.SortFunc(end.got, netip.Addr.Compare)
		if !slices.Equal(end.got, end.want[:]) {
			t.Errorf("an end has %v; want %v", end.got, end.want)
		}
	}
	exchange := func(n int) {
		t.Helper()
		for range n {
			send(t, here, "ping")
			heard.WantMessage(t)
			send(t, there, "pong")
			mine.WantMessage(t)
		}
	}
	exchange(10)
	plug(t, b1, false)
	exchange(10)
	deadline := time.Now().Add(15 * time.Second)
	for d.stats.path.Load() == 0 && time.Now().Before(deadline) {
		exchange(1)
		time.Sleep(50 * time.Millisecond)
	}
	if d.stats.path.Load() == 0 {
		t.Error("the failed path was not noticed")
	}
	plug(t, b1, true)
	plug(t, b2, false)
	exchange(10)
	heard.Silent(t)
	mine.Silent(t)
	here.Shutdown()
	mine.Want(t, transport.Closed)
	heard.Want(t, transport.Closed)
}

func TestRTTIsMeasured(t *testing.T) {
	needKernel(t)
	_, ep, heard := listener(t, quick(host(t)))
	_, from, mine := listener(t, quick(host(t)))
	here, _ := link(t, from, mine, ep, heard)
	for range 100 {
		send(t, here, "ping")
		heard.WantMessage(t)
	}
	if rtt := here.RTT(); rtt < 0 || rtt > time.Second { // whole milliseconds: zero is near
		t.Errorf("RTT of %v", rtt)
	}
	here.Abort("over")
	if rtt := here.RTT(); rtt != 0 {
		t.Errorf("RTT of %v after the end", rtt)
	}
}

// encapsulating has the kernel take encapsulated SCTP at a UDP port.
func encapsulating(t *testing.T) {
	t.Helper()
	const name = "/proc/sys/net/sctp/udp_port"
	if err := os.WriteFile(name, []byte("9899"), 0o600); err != nil {
		t.Skipf("this kernel does not encapsulate: %v", err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(name, []byte("0"), 0o600); err != nil {
			t.Error(err)
		}
	})
}

func TestEmbeddedPeersReachTheKernelAndAreReached(t *testing.T) {
	needKernel(t)
	encapsulating(t)
	_, ep, heard := listener(t, quick(host(t)))
	embedded, err := udp.Open(udp.Config{Listen: host(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer embedded.Close()
	mine := transporttest.NewRecorder()
	eep, err := embedded.Open(transport.EndpointConfig{Listen: true, Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	talk := func(here, there transport.Association) {
		t.Helper()
		if got := there.Remote(); got.UDPPort != embedded.UDPPort() {
			t.Errorf("the embedded peer is at %s; want UDP port %d", got, embedded.UDPPort())
		}
		for _, n := range []int{1, 100, 1200} {
			text := string(make([]byte, n))
			send(t, here, text)
			if m := heard.WantMessage(t); len(m.Payload) != n || m.PPID != 11 {
				t.Errorf("heard %d bytes, PPID %d", len(m.Payload), m.PPID)
			}
			send(t, there, text)
			if m := mine.WantMessage(t); len(m.Payload) != n || m.PPID != 11 {
				t.Errorf("back: heard %d bytes, PPID %d", len(m.Payload), m.PPID)
			}
		}
	}
	here, there := link(t, eep, mine, ep, heard)
	talk(here, there)
	here.Shutdown()
	mine.Want(t, transport.Closed)
	heard.Want(t, transport.Closed)
	there, here = link(t, ep, heard, eep, mine)
	talk(here, there)
}
