package udp

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// echo sends back what it hears.
type echo struct{}

func (echo) Event(transport.Association, transport.EventKind, error) {}
func (echo) Message(a transport.Association, m transport.Message)    { _ = a.Send(m) }

// client answers each message with the next, until rounds are used up.
type client struct {
	up     chan transport.Association
	rounds chan struct{}
	done   sync.WaitGroup
}

func (c *client) Event(a transport.Association, kind transport.EventKind, _ error) {
	if kind == transport.Up {
		c.up <- a
	}
}

func (c *client) Message(a transport.Association, m transport.Message) {
	if _, more := <-c.rounds; more {
		_ = a.Send(m)
		return
	}
	c.done.Done()
}

// clients dials n associations from a door.
func clients(b testing.TB, d *Door, to transport.Address, n int, h transport.Handler, up chan transport.Association) []transport.Association {
	b.Helper()
	as := make([]transport.Association, 0, n)
	for i := range n {
		ep, err := d.Open(transport.EndpointConfig{Handler: h})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ep.Dial(to); err != nil {
			b.Fatal(err)
		}
		if i >= 64 { // so that the socket's buffer is not the limit
			as = append(as, <-up)
		}
	}
	for len(as) < n {
		as = append(as, <-up)
	}
	return as
}

func listener(b testing.TB, d *Door, h transport.Handler) transport.Endpoint {
	b.Helper()
	ep, err := d.Open(transport.EndpointConfig{Port: 3863, Listen: true, Handler: h})
	if err != nil {
		b.Fatal(err)
	}
	return ep
}

// BenchmarkRoundTrips counts requests of 100 bytes and their answers, over
// associations between two doors of the process.
func BenchmarkRoundTrips(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("associations=%d", n), func(b *testing.B) {
			server, user := open(b, Config{Listen: loopback}), open(b, Config{Listen: loopback})
			defer server.Close()
			defer user.Close()
			ep := listener(b, server, echo{})
			c := &client{up: make(chan transport.Association, n), rounds: make(chan struct{}, 1024)}
			as := clients(b, user, ep.Local(), n, c, c.up)
			c.done.Add(n)
			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				for range b.N {
					c.rounds <- struct{}{}
				}
				close(c.rounds)
			}()
			for _, a := range as {
				if err := a.Send(transport.Message{PPID: 11, Payload: make([]byte, 100)}); err != nil {
					b.Fatal(err)
				}
			}
			c.done.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "roundtrips/s")
		})
	}
}

// BenchmarkThroughput sends messages of 60,000 bytes one way.
func BenchmarkThroughput(b *testing.B) {
	server, user := open(b, Config{Listen: loopback}), open(b, Config{Listen: loopback})
	defer server.Close()
	defer user.Close()
	r := transporttest.NewRecorder()
	ep := listener(b, server, r)
	c := &client{up: make(chan transport.Association, 1)}
	a := clients(b, user, ep.Local(), 1, c, c.up)[0]
	r.Want(b, transport.Up)
	m := transport.Message{PPID: 11, Payload: make([]byte, 60000)}
	b.SetBytes(int64(len(m.Payload)))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			for a.Send(m) != nil {
				room := make(chan struct{})
				a.Writable(func() { close(room) })
				<-room
			}
		}
	}()
	for range b.N {
		r.WantMessage(b)
	}
}

// BenchmarkSetUp counts handshakes.
func BenchmarkSetUp(b *testing.B) {
	server, user := open(b, Config{Listen: loopback}), open(b, Config{Listen: loopback})
	defer server.Close()
	defer user.Close()
	ep := listener(b, server, echo{})
	c := &client{up: make(chan transport.Association, b.N)}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		clients(b, user, ep.Local(), 1, c, c.up)[0].Abort("done")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "associations/s")
}

// BenchmarkIdle holds 10,000 associations at one door, and their other ends at
// another, and tells what one end costs.
func BenchmarkIdle(b *testing.B) {
	const n = 10000
	for range b.N {
		server, user := open(b, Config{Listen: loopback}), open(b, Config{Listen: loopback})
		ep := listener(b, server, echo{})
		c := &client{up: make(chan transport.Association, n)}
		memory, goroutines := resident(b), runtime.NumGoroutine()
		start := time.Now()
		clients(b, user, ep.Local(), n, c, c.up)
		took := time.Since(start)
		b.ReportMetric(float64(resident(b)-memory)/(2*n), "bytes/end")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/(2*n), "goroutines/end")
		b.ReportMetric(n/took.Seconds(), "associations/s")
		if s := server.Stats().Associations; s != n {
			b.Errorf("%d associations; want %d", s, n)
		}
		user.Close()
		server.Close()
	}
}

// resident is the process's resident memory, or the memory that Go has from the
// system where that is not to be had.
func resident(b testing.TB) int {
	b.Helper()
	runtime.GC()
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
				if kb, err := strconv.Atoi(f[1]); err == nil {
					return kb << 10
				}
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.Sys)
}
