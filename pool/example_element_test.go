package pool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

// network is a simulated one with a registrar at 192.0.2.1. Programs leave
// HostConfig.Door out, and have a real one.
func network() (host func() pool.HostConfig, stop func()) {
	quiet := slog.New(slog.DiscardHandler)
	n := memory.New(1)
	r, err := registrar.New(registrar.Config{Door: n.Host(netip.MustParseAddr("192.0.2.1")), Log: quiet})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	host = func() pool.HostConfig {
		return pool.HostConfig{Door: n.Host(), Registrars: []string{"192.0.2.1:3863"}, Log: quiet}
	}
	return host, func() {
		cancel()
		<-served
	}
}

// An element that answers every message with itself.
func ExampleListen() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	ln, err := pool.Listen(ctx, "EchoPool", &pool.ElementConfig{
		HostConfig: host(),
		Policy:     rserpool.Policy{Type: rserpool.LeastUsed},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	go func() {
		for {
			s, err := ln.Accept(ctx)
			if err != nil {
				return
			}
			go func() {
				defer s.Close()
				for {
					m, err := s.Recv(ctx)
					if err != nil {
						return
					}
					if err := s.Send(ctx, pool.Message{Data: m.Data}); err != nil {
						return
					}
				}
			}()
		}
	}()

	s, err := pool.Dial(ctx, "EchoPool", &pool.UserConfig{HostConfig: host()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if err := s.Send(ctx, pool.Message{Data: []byte("hello")}); err != nil {
		fmt.Println(err)
		return
	}
	m, err := s.Recv(ctx)
	fmt.Println(string(m.Data), err)
	// Output: hello <nil>
}

// A web server that has its own port becomes an element of a pool.
func ExampleRegister() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	cfg := host()
	h, err := pool.NewHost(&cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	r, err := pool.Register(ctx, "WebPool", &pool.ElementConfig{
		Host:      h,
		ID:        0x17,
		Transport: &rserpool.Transport{Protocol: rserpool.TCP, Port: 80},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()

	found, err := pool.Resolve(ctx, h, "WebPool", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range found.Elements {
		fmt.Println(e.ID, e.UserTransport.Protocol, e.UserTransport.Port)
	}
	// Output: 0x00000017 tcp 80
}

// One host carries any number of elements and sessions, over one UDP socket and
// one association with a registrar.
func ExampleNewHost() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	cfg := host()
	h, err := pool.NewHost(&cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	for range 3 {
		if _, err := pool.Listen(ctx, "EchoPool", &pool.ElementConfig{Host: h}); err != nil {
			fmt.Println(err)
			return
		}
	}
	found, err := pool.Resolve(ctx, h, "EchoPool", pool.AllElements)
	fmt.Println(len(found.Elements), err)
	// Output: 3 <nil>
}

// The load tells users, by way of the policy, whom to prefer.
func ExampleRegistration_SetLoad() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	ln, err := pool.Listen(ctx, "EchoPool", &pool.ElementConfig{
		HostConfig: host(),
		Policy:     rserpool.Policy{Type: rserpool.LeastUsed},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	ln.SetLoad(rserpool.LoadOf(0.25))
	fmt.Println(ln.Status().Policy.Load.Float64())
	// Output: 0.25
}

// A server that stops lets its users finish first.
func ExampleListener_Drain() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	ln, err := pool.Listen(ctx, "EchoPool", &pool.ElementConfig{HostConfig: host()})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := ln.Drain(ctx); err != nil { // no new sessions; waits for those there are
		fmt.Println(err)
	}
	fmt.Println(ln.Close(), ln.Status().Registered)
	// Output: <nil> false
}
