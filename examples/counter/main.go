// Command counter shows a session that outlives its element: a service counts a
// user's messages and leaves the count with the user, as a cookie. When the
// element goes, the next one receives the cookie and counts on.
//
// Everything happens in one process, for the sake of the show. In earnest, each
// part runs on a machine of its own.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
	"github.com/rspool/rspool/registrar"
)

const handle = "CounterPool"

// key signs the cookies, so that users cannot invent counts. All elements of the
// pool have the same; in earnest it comes from a safe place.
var key = []byte("0123456789abcdef")

func main() {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	if err := show(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func show(ctx context.Context, w io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r, err := registrar.New(registrar.Config{
		Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, // free ports
		Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		return err
	}
	go func() {
		if err := r.Serve(ctx); err != nil {
			log.Print(err)
		}
	}()
	host := pool.HostConfig{Registrars: []string{r.Address().String()}, Listen: "127.0.0.1"}

	elements := map[rserpool.ElementID]*pool.Listener{}
	for id := rserpool.ElementID(1); id <= 2; id++ {
		ln, err := pool.Listen(ctx, handle, &pool.ElementConfig{HostConfig: host, ID: id, CookieKey: key})
		if err != nil {
			return err
		}
		defer ln.Close()
		go serve(ctx, ln)
		elements[id] = ln
	}

	s, err := pool.Dial(ctx, handle, &pool.UserConfig{HostConfig: host})
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range 6 {
		if i == 3 {
			elements[s.Element()].Close() // its machine is needed elsewhere
		}
		count, err := next(ctx, s, w)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "message %d\n", count)
	}
	return nil
}

// next sends a message and returns which one it was, as far as the service knows.
func next(ctx context.Context, s *pool.Session, w io.Writer) (uint64, error) {
	for send := true; ; {
		if send {
			if err := s.Send(ctx, pool.Message{Data: []byte("count me")}); err != nil {
				return 0, err
			}
		}
		msg, err := s.Recv(ctx)
		var moved *pool.Failover
		switch {
		case errors.As(err, &moved):
			fmt.Fprintln(w, "the element is gone, another one continues")
			// What the old element had got is to be sent again; the rest waits
			// for the new one and goes there by itself.
			send = moved.Sent == s.Stats().Sent
		case err != nil:
			return 0, err
		default:
			return binary.BigEndian.Uint64(msg.Data), nil
		}
	}
}

// serve counts the messages of every session.
func serve(ctx context.Context, ln *pool.Listener) {
	for {
		s, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		go count(ctx, s)
	}
}

func count(ctx context.Context, s *pool.Session) {
	defer s.Close()
	var n uint64
	for {
		msg, err := s.Recv(ctx)
		if err != nil {
			return
		}
		if msg.Cookie != nil { // where another element stopped; it precedes everything else
			n = binary.BigEndian.Uint64(msg.Cookie)
			continue
		}
		n++
		state := binary.BigEndian.AppendUint64(nil, n)
		if err := s.SaveCookie(ctx, state); err != nil {
			return
		}
		if err := s.Send(ctx, pool.Message{Data: state}); err != nil {
			return
		}
	}
}
