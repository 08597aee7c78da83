// Command echo is a service and its client: an element that sends back what it
// receives, and a user that talks to it.
//
// It is an example of the least that both need, not a tool: see rspool for those.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/rspool/rspool/pool"
)

const handle = "EchoPool"

func main() {
	registrar := flag.String("registrar", "127.0.0.1:3863", "address of a registrar")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: echo [-registrar HOST:PORT] element | user WORD...")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	host := pool.HostConfig{Registrars: []string{*registrar}}
	var err error
	switch flag.Arg(0) {
	case "element":
		err = element(ctx, host)
	case "user":
		err = user(ctx, host, flag.Args()[1:], os.Stdout)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// element serves the pool until the context ends.
func element(ctx context.Context, host pool.HostConfig) error {
	ln, err := pool.Listen(ctx, handle, &pool.ElementConfig{HostConfig: host})
	if err != nil {
		return err
	}
	defer ln.Close()
	log.Printf("element %s serves %s at %s", ln.ID(), ln.Handle(), ln.Addr())
	for {
		s, err := ln.Accept(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		go echo(ctx, s)
	}
}

// echo serves one session until its user is gone.
func echo(ctx context.Context, s *pool.Session) {
	defer s.Close()
	for {
		msg, err := s.Recv(ctx)
		if err != nil {
			return
		}
		if msg.Cookie != nil {
			continue // from another element; this service has no state to continue
		}
		if err := s.Send(ctx, msg); err != nil {
			return
		}
	}
}

// user sends words and writes what comes back.
func user(ctx context.Context, host pool.HostConfig, words []string, w io.Writer) error {
	s, err := pool.Dial(ctx, handle, &pool.UserConfig{HostConfig: host})
	if err != nil {
		return err
	}
	defer s.Close()
	for _, word := range words {
		answer, err := ask(ctx, s, word)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", answer)
	}
	return nil
}

// ask sends a word and returns the answer. Where the session moves to another
// element in between, a word that the old one had got is sent again; one that has
// not left yet goes to the new one by itself.
func ask(ctx context.Context, s *pool.Session, word string) ([]byte, error) {
	for send := true; ; {
		if send {
			if err := s.Send(ctx, pool.Message{Data: []byte(word)}); err != nil {
				return nil, err
			}
		}
		msg, err := s.Recv(ctx)
		var moved *pool.Failover
		if !errors.As(err, &moved) {
			return msg.Data, err
		}
		send = moved.Sent == s.Stats().Sent
	}
}
