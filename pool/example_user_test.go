package pool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

// counter serves a pool whose sessions count their messages. Each answer is
// followed by the count as a cookie, so that another element can go on.
func counter(ctx context.Context, id rserpool.ElementID, cfg pool.HostConfig) *pool.Listener {
	ln, err := pool.Listen(ctx, "CounterPool", &pool.ElementConfig{HostConfig: cfg, ID: id})
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			s, err := ln.Accept(ctx)
			if err != nil {
				return
			}
			go func() {
				defer s.Close()
				for count := 0; ; {
					m, err := s.Recv(ctx)
					if err != nil {
						return
					}
					if m.Cookie != nil {
						fmt.Sscan(string(m.Cookie), &count)
						continue
					}
					count++
					s.Send(ctx, pool.Message{Data: fmt.Appendf(nil, "%s: %d", m.Data, count)})
					s.SaveCookie(ctx, fmt.Append(nil, count))
				}
			}()
		}
	}()
	return ln
}

// A session survives its element: the answer to what is sent next comes from
// another one, which has received the cookie and counts on.
func ExampleDial() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	first := counter(ctx, 1, host())

	s, err := pool.Dial(ctx, "CounterPool", &pool.UserConfig{HostConfig: host()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	// ask repeats a question until an element has answered it.
	ask := func(question string) {
		for {
			if err := s.Send(ctx, pool.Message{Data: []byte(question)}); err != nil {
				fmt.Println(err)
				return
			}
			m, err := s.Recv(ctx)
			var moved *pool.Failover
			switch {
			case errors.As(err, &moved):
				fmt.Printf("moved from %s to %s, resumed: %v\n", moved.From, moved.To, moved.Resumed)
				continue
			case err != nil:
				fmt.Println(err)
				return
			}
			fmt.Println(string(m.Data))
			return
		}
	}
	ask("one")
	ask("two")

	second := counter(ctx, 2, host())
	defer second.Close()
	first.Close()
	if _, err := s.Recv(ctx); err != nil {
		fmt.Println(err.(*pool.Failover).Reason)
	}
	ask("three")
	// Output:
	// one: 1
	// two: 2
	// element closed the session
	// three: 3
}

// Where the boundaries of messages do not matter, a session is a net.Conn.
func ExampleSession_NetConn() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	ln, err := pool.Listen(ctx, "GreetingPool", &pool.ElementConfig{HostConfig: host()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	go func() {
		s, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		conn := s.NetConn()
		defer conn.Close()
		name, _ := bufio.NewReader(conn).ReadString('\n')
		fmt.Fprintf(conn, "hello, %s", name)
		s.Recv(ctx) // until the user has closed
	}()

	s, err := pool.Dial(ctx, "GreetingPool", &pool.UserConfig{HostConfig: host(), NoFailover: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := s.NetConn()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintln(conn, "world")
	line, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(line)
	if err != nil {
		fmt.Println(err)
	}
	// Output: hello, world
}

// A program that connects by its own means asks for elements, and tells the
// registrar of those that it cannot reach.
func ExampleResolve() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer counter(ctx, 0x17, host()).Close()

	cfg := host()
	h, err := pool.NewHost(&cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	found, err := pool.Resolve(ctx, h, "CounterPool", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range found.Elements {
		fmt.Println(e.ID, e.UserTransport.Protocol)
		reached := true // or not
		if !reached {
			pool.Report(h, "CounterPool", e.ID)
		}
	}
	_, err = pool.Resolve(ctx, h, "NoSuchPool", 1)
	fmt.Println(errors.Is(err, pool.ErrNoElement))
	// Output:
	// 0x00000017 sctp
	// true
}

// Watch tells the elements of a pool, and every change.
func ExampleWatch() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	first := counter(ctx, 1, host())
	defer first.Close()

	cfg := host()
	h, err := pool.NewHost(&cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	for now, err := range pool.Watch(ctx, h, "CounterPool") {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(len(now.Elements))
		if len(now.Elements) == 2 {
			break
		}
		defer counter(ctx, 2, host()).Close()
	}
	// Output:
	// 1
	// 2
}

// An element that does not do its work is left, although it can be reached.
func ExampleSession_ForceFailover() {
	host, stop := network()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer counter(ctx, 1, host()).Close()

	s, err := pool.Dial(ctx, "CounterPool", &pool.UserConfig{HostConfig: host()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	defer counter(ctx, 2, host()).Close()
	s.ForceFailover("no answer within 10s", false)
	_, err = s.Recv(ctx)
	var moved *pool.Failover
	if errors.As(err, &moved) {
		fmt.Println(moved.From, moved.To, moved.Reason)
	}
	// Output: 0x00000001 0x00000002 no answer within 10s
}
