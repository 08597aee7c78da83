// Package bench measures what needs several packages at once: a registrar, a
// pool and its users over real sockets of this machine. Both ends share its
// processors, so that a figure is that of the whole exchange.
//
// It is not where a package measures itself: those benchmarks stand beside the
// code.
package bench

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

const handle = rserpool.Handle("BenchPool")

// startRegistrar runs a registrar on this machine and returns where it is.
func startRegistrar(tb testing.TB) string {
	tb.Helper()
	r, err := registrar.New(registrar.Config{
		Listen: "127.0.0.1", ASAPPort: -1, ENRPPort: -1, UDPPort: -1, Log: quiet,
		Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return r.Address().String()
}

// openHost opens a host with a UDP socket of its own.
func openHost(tb testing.TB, at string) *pool.Host {
	tb.Helper()
	h, err := pool.NewHost(&pool.HostConfig{Listen: "127.0.0.1", Registrars: []string{at}, Log: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.Close() })
	return h
}

// share lets workers do b.N operations among them.
func share(b *testing.B, workers int, do func(worker int) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(w); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// perSecond reports the rate of the operations, which is what people ask for.
func perSecond(b *testing.B, unit string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit+"/s")
}

// BenchmarkResolveUDP measures handle resolutions of one element of 100, by users
// that each have an association of their own and wait for each answer.
func BenchmarkResolveUDP(b *testing.B) { resolveUDP(b, 1) }

// BenchmarkResolveUDPPipelined is BenchmarkResolveUDP with 32 requests under way
// on each association.
func BenchmarkResolveUDPPipelined(b *testing.B) { resolveUDP(b, 32) }

func resolveUDP(b *testing.B, inFlight int) {
	for _, associations := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("assocs=%d", associations), func(b *testing.B) {
			at := startRegistrar(b)
			ctx := b.Context()
			elements := openHost(b, at)
			for range 100 {
				r, err := pool.Register(ctx, handle, &pool.ElementConfig{
					Host:      elements,
					Policy:    rserpool.Policy{Type: rserpool.LeastUsed},
					Transport: &rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5000},
				})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { r.Close() })
			}
			users := make([]*pool.Host, associations)
			resolve := func(worker int) error {
				_, err := pool.Resolve(ctx, users[worker%associations], handle, 1)
				return err
			}
			for i := range users {
				users[i] = openHost(b, at)
			}
			for i := range users { // all have found the registrar
				if err := resolve(i); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			share(b, associations*inFlight, resolve)
			perSecond(b, "resolutions")
		})
	}
}

// BenchmarkSessionUDP measures round trips of 100 bytes over sessions between two
// hosts, each session waiting for its answer.
func BenchmarkSessionUDP(b *testing.B) {
	for _, sessions := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			at := startRegistrar(b)
			ctx := b.Context()
			ln, err := pool.Listen(ctx, handle, &pool.ElementConfig{Host: openHost(b, at)})
			if err != nil {
				b.Fatal(err)
			}
			var serving sync.WaitGroup
			b.Cleanup(func() {
				ln.Close()
				serving.Wait()
			})
			serving.Go(func() {
				for {
					s, err := ln.Accept(context.Background())
					if err != nil {
						return
					}
					serving.Go(func() { echo(s) })
				}
			})
			user := openHost(b, at)
			all := make([]*pool.Session, sessions)
			for i := range all {
				s, err := pool.Dial(ctx, handle, &pool.UserConfig{Host: user})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { s.Close() })
				all[i] = s
			}
			message := pool.Message{Data: make([]byte, 100), PPID: 1}
			b.ReportAllocs()
			b.ResetTimer()
			share(b, sessions, func(worker int) error {
				if err := all[worker].Send(ctx, message); err != nil {
					return err
				}
				_, err := all[worker].Recv(ctx)
				return err
			})
			perSecond(b, "round-trips")
		})
	}
}

// echo sends back what it receives until the user closes.
func echo(s *pool.Session) {
	defer s.Close()
	ctx := context.Background()
	for {
		m, err := s.Recv(ctx)
		if err != nil || s.Send(ctx, m) != nil {
			return
		}
	}
}
