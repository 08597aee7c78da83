package memory_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
)

// log is a handler that writes down what it hears.
type log struct {
	start time.Time
	mu    sync.Mutex
	lines []string
	last  transport.Association
	block chan struct{}
}

func newLog() *log { return &log{start: time.Now()} }

func (l *log) add(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%v ", time.Since(l.start))+fmt.Sprintf(format, a...))
}

func (l *log) Event(a transport.Association, k transport.EventKind, err error) {
	l.mu.Lock()
	l.last = a
	l.mu.Unlock()
	if err != nil {
		l.add("%v: %v", k, err)
		return
	}
	l.add("%v", k)
}

func (l *log) Message(_ transport.Association, m transport.Message) {
	if l.block != nil {
		<-l.block
	}
	l.add("%d/%d %s", m.PPID, m.Stream, m.Payload)
}

func (l *log) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := cmp.Diff(lines, l.lines); d != "" {
		t.Errorf("heard (-want +got):\n%s", d)
	}
}

func listen(t *testing.T, h *memory.Host, port uint16, l *log) transport.Endpoint {
	t.Helper()
	ep, err := h.Open(transport.EndpointConfig{Port: port, Listen: true, Handler: l})
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

func dial(t *testing.T, ep transport.Endpoint, to transport.Address) transport.Association {
	t.Helper()
	a, err := ep.Dial(to)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func send(t *testing.T, a transport.Association, text string) {
	t.Helper()
	if err := a.Send(transport.Message{PPID: 11, Payload: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func TestDelayMovesEverything(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		n.Set(memory.Conditions{Delay: 10 * time.Millisecond})
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		x := dial(t, ea, b.Address(2))
		time.Sleep(time.Second)
		send(t, x, "hello")
		x.Shutdown()
		time.Sleep(time.Second)
		la.want(t, "20ms up", "1.02s closed")
		lb.want(t, "10ms up", "1.01s 11/0 hello", "1.01s closed")
	})
}

func TestDialFindsNobody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b, c := n.Host(), n.Host(), n.Host()
		la := newLog()
		ea := listen(t, a, 1, la)
		dial(t, ea, b.Address(2))
		time.Sleep(time.Second)
		c.Kill()
		dial(t, ea, c.Address(2))
		time.Sleep(10 * time.Second)
		la.want(t, "0s lost: dial 10.0.0.2:2: refused, nobody listens there",
			"8.5s lost: dial 10.0.0.3:2: no answer within 7.5s")
	})
}

func TestKilledHostIsDetected(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		x := dial(t, ea, b.Address(2))
		time.Sleep(time.Second)
		b.Kill()
		send(t, x, "to nobody")
		time.Sleep(time.Minute)
		la.want(t, "0s up", "6s lost: peer does not answer")
		lb.want(t, "0s up")
		if err := x.Send(transport.Message{}); err != transport.ErrClosed {
			t.Errorf("Send after Lost: %v", err)
		}
	})
}

func TestRestartedHostIsHeardOfWhenItDials(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		dial(t, ea, b.Address(2))
		time.Sleep(time.Second)
		b.Restart()
		lb = newLog()
		eb := listen(t, b, 2, lb)
		y := dial(t, eb, a.Address(1))
		time.Sleep(time.Minute)
		send(t, y, "again")
		send(t, la.last, "and back")
		la.want(t, "0s up", "1s restarted", "1m1s 11/0 again")
		lb.want(t, "0s up", "1m0s 11/0 and back")
	})
}

func TestRestartedHostIsHeardOfWhenSentTo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b := n.Host(), n.Host()
		la := newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, newLog())
		x := dial(t, ea, b.Address(2))
		time.Sleep(time.Second)
		b.Restart()
		send(t, x, "who is there")
		time.Sleep(time.Minute)
		la.want(t, "0s up", "1s lost: aborted by the peer: out of the blue")
	})
}

func TestPartition(t *testing.T) {
	for _, tt := range []struct {
		name string
		heal time.Duration
		want []string
	}{
		{"healed in time delivers what waited", 3 * time.Second, []string{"0s up", "4s 11/0 patience"}},
		{"that lasts is noticed by both", 30 * time.Second, []string{"0s up", "6s lost: peer does not answer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				n := memory.New(1)
				a, b := n.Host(), n.Host()
				la, lb := newLog(), newLog()
				ea := listen(t, a, 1, la)
				listen(t, b, 2, lb)
				x := dial(t, ea, b.Address(2))
				time.Sleep(time.Second)
				n.Partition([]*memory.Host{a}, []*memory.Host{b})
				send(t, x, "patience")
				time.Sleep(tt.heal)
				n.Heal([]*memory.Host{a}, []*memory.Host{b})
				time.Sleep(time.Minute)
				lb.want(t, tt.want...)
			})
		})
	}
}

func TestBackPressure(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		n.Set(memory.Conditions{SendBuffer: 100})
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		lb.block = make(chan struct{})
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		x := dial(t, ea, b.Address(2))
		synctest.Wait()
		m := transport.Message{Payload: make([]byte, 40)}
		sent := 0
		for x.Send(m) == nil {
			sent++
		}
		if sent != 2 {
			t.Errorf("%d messages of 40 bytes fit in 100", sent)
		}
		var writable sync.WaitGroup
		writable.Add(1)
		x.Writable(writable.Done)
		close(lb.block)
		writable.Wait()
		if err := x.Send(m); err != nil {
			t.Error(err)
		}
		if got := a.Stats().Backpressure; got != 1 {
			t.Errorf("%d refusals counted", got)
		}
	})
}

func TestMulticast(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b, c := n.Host(), n.Host(), n.Host()
		var heard []string
		var mu sync.Mutex
		join := func(h *memory.Host, name string) transport.Group {
			g, err := h.Join(transport.GroupConfig{
				Group: netip.MustParseAddrPort("239.0.0.50:3863"), SourcePort: 3863,
				Receive: func(from netip.AddrPort, p []byte) {
					mu.Lock()
					defer mu.Unlock()
					heard = append(heard, fmt.Sprintf("%s from %s: %s", name, from, p))
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		ga := join(a, "a")
		gb := join(b, "b")
		join(c, "c")
		n.Partition([]*memory.Host{a}, []*memory.Host{c})
		if err := ga.Send([]byte("here")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		gb.Close()
		time.Sleep(time.Second)
		if err := ga.Send([]byte("gone")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := map[string]bool{
			"a from 10.0.0.1:3863: here": true, "b from 10.0.0.1:3863: here": true, "a from 10.0.0.1:3863: gone": true,
		}
		got := map[string]bool{}
		for _, s := range heard {
			got[s] = true
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestDialWaitsForTheNetwork(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		n.Partition([]*memory.Host{a}, []*memory.Host{b})
		x := dial(t, ea, b.Address(2))
		writable := false
		x.Writable(func() { writable = true })
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		if writable {
			t.Error("writable before it was up")
		}
		n.Heal([]*memory.Host{a}, []*memory.Host{b})
		time.Sleep(time.Minute)
		la.want(t, "3s up")
		lb.want(t, "3s up")
		if !writable {
			t.Error("never writable")
		}
	})
}

func TestDialsThatCrossMakeOneAssociation(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		n.Set(memory.Conditions{Delay: 10 * time.Millisecond})
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea, eb := listen(t, a, 1, la), listen(t, b, 2, lb)
		x, y := dial(t, ea, b.Address(2)), dial(t, eb, a.Address(1))
		time.Sleep(time.Second)
		send(t, x, "from a")
		send(t, y, "from b")
		time.Sleep(time.Second)
		synctest.Wait()
		if la.last != x || lb.last != y {
			t.Error("up is of another association than was dialled")
		}
		if len(la.lines) != 2 || len(lb.lines) != 2 {
			t.Errorf("heard %q and %q", la.lines, lb.lines)
		}
		if rtt := x.RTT(); rtt != 20*time.Millisecond {
			t.Errorf("RTT %v", rtt)
		}
	})
}

func TestAbortAcrossAPartitionIsNoticedLater(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		a, b := n.Host(), n.Host()
		la, lb := newLog(), newLog()
		ea := listen(t, a, 1, la)
		listen(t, b, 2, lb)
		x := dial(t, ea, b.Address(2))
		synctest.Wait()
		n.Partition([]*memory.Host{a}, []*memory.Host{b})
		x.Abort("enough")
		time.Sleep(time.Minute)
		la.want(t, "0s up", "0s lost: aborted by this side: enough")
		lb.want(t, "0s up", "5s lost: peer does not answer")
	})
}

func TestHostsMayShareAnAddress(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := memory.New(1)
		ip := netip.MustParseAddr("192.0.2.1")
		user, first, second := n.Host(), n.HostAt(0, ip), n.HostAt(40000, ip)
		lu, l1, l2 := newLog(), newLog(), newLog()
		listen(t, first, 3863, l1)
		listen(t, second, 3863, l2)
		eu := listen(t, user, 1, lu)
		for _, to := range []string{"192.0.2.1:3863@9899", "192.0.2.1:3863@40000"} {
			a, err := transport.ParseAddress(to)
			if err != nil {
				t.Fatal(err)
			}
			x := dial(t, eu, a)
			synctest.Wait()
			send(t, x, to)
		}
		l1.want(t, "0s up", "0s 11/0 192.0.2.1:3863@9899")
		l2.want(t, "0s up", "0s 11/0 192.0.2.1:3863@40000")
	})
}
