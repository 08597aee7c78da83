package registrar

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
)

// sink is an association that takes every message and forgets it.
type sink struct{ id uint64 }

func (s *sink) ID() uint64                   { return s.id }
func (s *sink) Send(transport.Message) error { return nil }
func (s *sink) Shutdown()                    {}
func (s *sink) Abort(string)                 {}
func (s *sink) Local() transport.Address     { return transport.Address{} }
func (s *sink) Remote() transport.Address {
	return transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, Port: 7000}
}
func (s *sink) RTT() time.Duration { return 0 }
func (s *sink) Writable(f func())  { f() }

func serving(b *testing.B, peers int) (*Registrar, []*sink) {
	b.Helper()
	r, err := New(Config{Door: memory.New(1).Host(netip.MustParseAddr("192.0.2.1")), Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	var all []*sink
	for i := range peers {
		s := &sink{id: uint64(i + 1)}
		(*asapHandler)(r).Event(s, transport.Up, nil)
		all = append(all, s)
	}
	for i := range 1000 {
		reg := registration("BenchmarkPool", rserpool.ElementID(i+1), netip.MustParseAddr("192.0.2.10"))
		(*asapHandler)(r).Message(all[0], transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, reg)})
	}
	return r, all
}

// BenchmarkLock is a resolution from reception to sending, with the machine
// behind the registrar's lock.
func BenchmarkLock(b *testing.B) {
	for _, peers := range []struct {
		name string
		n    int
	}{{"peers=1", 1}, {"peers=4", 4}} {
		b.Run(peers.name, func(b *testing.B) {
			r, all := serving(b, peers.n)
			request := asap.Append(nil, &asap.HandleResolution{Handle: "BenchmarkPool"})
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, s := range all {
				wg.Go(func() {
					for range b.N / len(all) {
						(*asapHandler)(r).Message(s, transport.Message{PPID: asap.PPID, Payload: request})
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkOwner is the same with an owner goroutine, which the registrar does
// not have: the comparison behind that decision.
func BenchmarkOwner(b *testing.B) {
	for _, peers := range []struct {
		name string
		n    int
	}{{"peers=1", 1}, {"peers=4", 4}} {
		b.Run(peers.name, func(b *testing.B) {
			r, all := serving(b, peers.n)
			request := asap.Append(nil, &asap.HandleResolution{Handle: "BenchmarkPool"})
			type job struct {
				from    *sink
				payload []byte
			}
			jobs := make(chan job, 128)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for j := range jobs {
					(*asapHandler)(r).Message(j.from, transport.Message{PPID: asap.PPID, Payload: j.payload})
				}
			}()
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, s := range all {
				wg.Go(func() {
					for range b.N / len(all) {
						// The transport's buffer is used again after the call.
						jobs <- job{s, append([]byte(nil), request...)}
					}
				})
			}
			wg.Wait()
			close(jobs)
			<-done
		})
	}
}
