package pool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// lines serves a stream in which each line is answered with its element and the
// line.
func (w *world) lines(c ElementConfig) *echo {
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
			e.serving.Go(func() {
				conn := s.NetConn()
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					fmt.Fprintf(conn, "%d %s\n", c.ID, in.Text())
				}
			})
		}
	}()
	w.ends = append(w.ends, e.close)
	return e
}

func TestNetConnIsAStream(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lines(ElementConfig{ID: 1})
		conn := w.dial(&UserConfig{Host: w.host()}).NetConn()
		// Much more than a message, and more than waits in the session.
		line := bytes.Repeat([]byte("x"), 50_000)
		go func() {
			for range 20 {
				conn.Write(append(line, '\n'))
			}
		}()
		r := bufio.NewReader(conn)
		for i := range 20 {
			got, err := r.ReadBytes('\n')
			if err != nil || !bytes.Equal(got, append([]byte("1 "), append(line, '\n')...)) {
				t.Fatalf("line %d: %d bytes, %v", i, len(got), err)
			}
		}
		if n := conn.RemoteAddr().Network(); n != "rserpool" || conn.RemoteAddr().String() == "" || conn.LocalAddr().String() == "" {
			t.Errorf("addresses %v, %v of %s", conn.LocalAddr(), conn.RemoteAddr(), n)
		}
	})
}

func TestNetConnDeadlines(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lines(ElementConfig{ID: 1})
		conn := w.dial(&UserConfig{Host: w.host()}).NetConn()
		buffer := make([]byte, 10)
		read := func() error { _, err := conn.Read(buffer); return err }

		begin := time.Now()
		conn.SetReadDeadline(begin.Add(time.Second))
		err := read()
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begin) != time.Second {
			t.Errorf("read after %v: %v", time.Since(begin), err)
		}
		// A deadline that has passed holds until it is moved.
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		// It can be moved while somebody reads.
		conn.SetDeadline(time.Time{})
		time.AfterFunc(5*time.Second, func() { conn.SetDeadline(time.Now().Add(time.Second)) })
		begin = time.Now()
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != 6*time.Second {
			t.Errorf("read after %v: %v", time.Since(begin), err)
		}
		time.Sleep(time.Second)
		if _, err := conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		conn.SetDeadline(time.Time{})
		fmt.Fprintln(conn, "x")
		if line, err := bufio.NewReader(conn).ReadString('\n'); line != "1 x\n" || err != nil {
			t.Errorf("read %q, %v", line, err)
		}
		conn.Close()
		if err := read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
	})
}

func TestNetConnGoesOnWithAnotherElement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.lines(ElementConfig{ID: 1})
		conn := w.dial(&UserConfig{Host: w.host()}).NetConn()
		r := bufio.NewReader(conn)
		say := func() string {
			fmt.Fprintln(conn, "x")
			line, err := r.ReadString('\n')
			if err != nil {
				t.Error(err)
			}
			return line
		}
		if got := say(); got != "1 x\n" {
			t.Errorf("line %q", got)
		}
		w.lines(ElementConfig{ID: 2})
		a.kill()
		time.Sleep(3 * time.Second)
		if got := say(); got != "2 x\n" {
			t.Errorf("line %q", got)
		}
	})
}

func TestNetConnEndsWithItsElement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.lines(ElementConfig{ID: 1})
		conn := w.dial(&UserConfig{Host: w.host(), NoFailover: true}).NetConn()
		fmt.Fprintln(conn, "x")
		time.Sleep(time.Second)
		a.ln.Close()
		if got, err := io.ReadAll(conn); string(got) != "1 x\n" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}
