package udp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// delayed passes packets after a while, and none once the test is over.
type delayed struct {
	mu     sync.Mutex
	timers []*time.Timer
}

func (d *delayed) pass(after time.Duration, p []byte, pass func([]byte)) {
	p = bytes.Clone(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timers = append(d.timers, time.AfterFunc(after, func() { pass(p) }))
}

func (d *delayed) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.timers {
		t.Stop()
	}
}

// Whatever the network does to packets, messages arrive whole, once and in
// order, and both sides end in order.
func TestBadNetworks(t *testing.T) {
	var later delayed
	t.Cleanup(later.stop) // after the parallel subtests
	for _, tt := range []struct {
		name  string
		treat func(rng *rand.Rand, p []byte, pass func([]byte))
	}{
		{"loss", func(rng *rand.Rand, p []byte, pass func([]byte)) {
			if rng.IntN(100) >= 5 {
				pass(p)
			}
		}},
		{"duplication", func(rng *rand.Rand, p []byte, pass func([]byte)) {
			pass(p)
			for range rng.IntN(3) {
				pass(p)
			}
		}},
		{"reordering", func(rng *rand.Rand, p []byte, pass func([]byte)) {
			later.pass(time.Duration(rng.IntN(5000))*time.Microsecond, p, pass)
		}},
		{"damage", func(rng *rand.Rand, p []byte, pass func([]byte)) {
			if rng.IntN(100) < 5 {
				p[rng.IntN(len(p))] ^= byte(1 + rng.IntN(255))
			}
			pass(p)
		}},
		{"all of it", func(rng *rand.Rand, p []byte, pass func([]byte)) {
			switch rng.IntN(50) {
			case 0:
				return
			case 1:
				p[rng.IntN(len(p))] ^= 0x40
			case 2:
				pass(p)
			}
			later.pass(time.Duration(rng.IntN(2000))*time.Microsecond, p, pass)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			d, heard := target(t, Config{MaxRetrans: 20, RTOInitial: 200 * time.Millisecond, ShutdownTimeout: time.Minute})
			to := newLossy(t, d, func(_ int, p []byte, pass func([]byte)) { tt.treat(rng, p, pass) })
			user := open(t, Config{Listen: loopback, MaxRetrans: 20, RTOInitial: 200 * time.Millisecond, ShutdownTimeout: time.Minute})
			defer user.Close()
			mine := transporttest.NewRecorder()
			ep, err := user.Open(transport.EndpointConfig{Handler: mine})
			if err != nil {
				t.Fatal(err)
			}
			a, err := ep.Dial(to)
			if err != nil {
				t.Fatal(err)
			}
			mine.Want(t, transport.Up)
			b := heard.Want(t, transport.Up).Association
			const n = 60
			payload := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", i), 1+i*i%900) }
			for _, dir := range []struct {
				from transport.Association
				to   *transporttest.Recorder
			}{{a, heard}, {b, mine}} {
				for i := range n {
					for dir.from.Send(transport.Message{PPID: 11, Stream: uint16(i % 2), Payload: payload(i)}) != nil {
						room := make(chan struct{})
						dir.from.Writable(func() { close(room) })
						<-room
					}
				}
				next := [2]int{0, 1}
				for range n {
					m := dir.to.WantMessage(t)
					if !bytes.Equal(m.Payload, payload(next[m.Stream])) {
						t.Fatalf("stream %d: want message %d; it is damaged or out of order", m.Stream, next[m.Stream])
					}
					next[m.Stream] += 2
				}
			}
			a.Shutdown()
			mine.Want(t, transport.Closed)
			// The last SHUTDOWN COMPLETE may be lost; then the other side's
			// SHUTDOWN ACK meets nobody, which ends it in order all the same.
			heard.Want(t, transport.Closed)
		})
	}
}

// A peer that dies while something is on its way to it is lost as well: pion
// alone would send again for ever.
func TestPeerThatVanishesWithDataOutstanding(t *testing.T) {
	d, heard := target(t, Config{})
	gone := make(chan struct{})
	to := newLossy(t, d, func(_ int, p []byte, pass func([]byte)) {
		select {
		case <-gone: // no ICMP either
		default:
			pass(p)
		}
	})
	cfg := quick(loopback)
	cfg.HeartbeatInterval, cfg.RTOMin, cfg.MaxRetrans = time.Hour, 20*time.Millisecond, 2
	user := open(t, cfg)
	defer user.Close()
	mine := transporttest.NewRecorder()
	ep, err := user.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ep.Dial(to)
	if err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Up)
	heard.Want(t, transport.Up)
	close(gone)
	start := time.Now()
	if err := a.Send(transport.Message{PPID: 11, Payload: []byte("anybody there?")}); err != nil {
		t.Fatal(err)
	}
	h := mine.Want(t, transport.Lost)
	t.Logf("lost after %v: %v", time.Since(start).Round(time.Millisecond), h.Err)
}

// The system's report of a closed UDP port finds a dead process at once, though
// heartbeats would take minutes.
func TestDeadProcessIsFoundByItsClosedPort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell")
	}
	cfg := quick(loopback)
	cfg.HeartbeatInterval, cfg.RTOMin, cfg.RTOInitial = 100*time.Millisecond, time.Hour, time.Hour
	cfg.RTOMax = time.Hour
	d, heard := open(t, cfg), transporttest.NewRecorder()
	ep := listener(t, d, heard)
	user := open(t, cfg)
	defer user.Close()
	mine := transporttest.NewRecorder()
	uep, err := user.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uep.Dial(ep.Local()); err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Up)
	start := time.Now()
	d.kill(t)
	h := mine.Want(t, transport.Lost)
	t.Logf("lost after %v: %v", time.Since(start).Round(time.Millisecond), h.Err)
	if h.Err != errUnreachable {
		t.Errorf("lost for another reason: %v", h.Err)
	}
	// Dialling there is refused at once, not after the timeout.
	if _, err := uep.Dial(ep.Local()); err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Lost)
}
