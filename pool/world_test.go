package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/registrar"
)

// world is a simulated network with a registrar.
type world struct {
	t         *testing.T
	net       *memory.Network
	registrar *memory.Host
	stop      context.CancelFunc
	served    chan error
	ends      []func() // run last to first
}

// quiet drops what is logged.
var quiet = slog.New(slog.DiscardHandler)

const testPool = rserpool.Handle("EchoPool")

// inWorld runs f in virtual time with a registrar, and sees to it that nothing is
// left behind.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memory.New(1)}
		w.net.Set(memory.Conditions{Delay: time.Millisecond, Detection: time.Second, DialTimeout: 2 * time.Second})
		w.registrar = w.net.Host()
		w.startRegistrar()
		f(t, w)
		for i := len(w.ends) - 1; i >= 0; i-- {
			w.ends[i]()
		}
		w.stopRegistrar()
	})
}

func (w *world) startRegistrar() {
	w.t.Helper()
	r, err := registrar.New(registrar.Config{
		Door: w.registrar, Log: quiet, Announce: registrar.AnnounceConfig{Disabled: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.served = stop, make(chan error, 1)
	go func() { w.served <- r.Serve(ctx) }()
}

func (w *world) stopRegistrar() {
	w.t.Helper()
	w.stop()
	if err := <-w.served; err != nil {
		w.t.Errorf("registrar: %v", err)
	}
}

// hostConfig is that of a host on a machine of its own, or on the one given.
func (w *world) hostConfig(at *memory.Host) HostConfig {
	return HostConfig{
		Registrars: []string{w.registrar.Address(3863).String()},
		Door:       at,
		Log:        quiet,
		// Restarts follow each other more quickly here than in life.
		HuntTimeout:    time.Second,
		HuntMaxTimeout: 2 * time.Second,
	}
}

// host returns a host on a machine of its own, which closes with the test.
func (w *world) host() *Host {
	w.t.Helper()
	c := w.hostConfig(w.net.Host())
	h, err := NewHost(&c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ends = append(w.ends, func() { h.Close() })
	return h
}

// echo is an element that answers messages with its number, a count that its
// cookies carry on, and the message.
type echo struct {
	w       *world
	machine *memory.Host
	ln      *Listener
	done    chan struct{}
	serving sync.WaitGroup
}

func (w *world) echo(id rserpool.ElementID) *echo {
	w.t.Helper()
	return w.echoWith(ElementConfig{ID: id})
}

func (w *world) echoWith(c ElementConfig) *echo {
	w.t.Helper()
	e := &echo{w: w, machine: w.net.Host(), done: make(chan struct{})}
	c.HostConfig = w.hostConfig(e.machine)
	var err error
	if e.ln, err = Listen(w.t.Context(), testPool, &c); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(e.done)
		for {
			s, err := e.ln.Accept(context.Background())
			if err != nil {
				return
			}
			e.serving.Go(func() { e.serve(s) })
		}
	}()
	w.ends = append(w.ends, e.close)
	return e
}

func (e *echo) serve(s *Session) {
	defer s.Close()
	ctx := context.Background()
	n := 0
	for {
		m, err := s.Recv(ctx)
		switch {
		case err != nil:
			return
		case m.Cookie != nil:
			fmt.Sscan(string(m.Cookie), &n)
		default:
			n++
			answer := fmt.Sprintf("%d %d %s", s.Element(), n, m.Data)
			if s.Send(ctx, Message{Data: []byte(answer), PPID: m.PPID, Stream: m.Stream}) != nil {
				return
			}
			if !e.ln.cfg.DataOnly && s.SaveCookie(ctx, fmt.Append(nil, n)) != nil {
				return
			}
		}
	}
}

// kill lets the element die without a word.
func (e *echo) kill() { e.machine.Kill() }

func (e *echo) close() {
	e.ln.Close()
	<-e.done
	e.serving.Wait()
}

// dial begins a session.
func (w *world) dial(c *UserConfig) *Session {
	w.t.Helper()
	s, err := Dial(w.t.Context(), testPool, c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ends = append(w.ends, func() { s.Close() })
	return s
}

// ask sends a message and returns the answer, or the notice of a failover.
func ask(t *testing.T, s *Session, text string) (string, *Failover) {
	t.Helper()
	if err := s.Send(t.Context(), Message{Data: []byte(text), PPID: 7}); err != nil {
		t.Fatal(err)
	}
	return hear(t, s)
}

func hear(t *testing.T, s *Session) (string, *Failover) {
	t.Helper()
	m, err := s.Recv(t.Context())
	var moved *Failover
	if errors.As(err, &moved) {
		return "", moved
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data), nil
}
