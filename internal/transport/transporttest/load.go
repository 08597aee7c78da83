package transporttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

func backPressure(t *testing.T, d Doors) {
	a, b := d.side(t, false), d.side(t, true)
	defer a.close(t)
	defer b.close(t)
	gate := make(chan struct{})
	b.Block = func() { <-gate }
	ab, _ := a.dial(t, b)
	m := transport.Message{PPID: 11, Payload: pattern(30000)}
	sent := 0
	for ; sent < 10000; sent++ {
		if err := ab.Send(m); errors.Is(err, transport.ErrBackpressure) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if sent == 10000 {
		t.Fatal("never refused")
	}
	writable := make(chan struct{})
	ab.Writable(func() { close(writable) })
	close(gate)
	select {
	case <-writable:
	case <-time.After(patience):
		t.Fatal("never writable again")
	}
	send(t, ab, text("last"))
	for range sent {
		if got := b.WantMessage(t); !bytes.Equal(got.Payload, m.Payload) {
			t.Fatal("a message was damaged")
		}
	}
	b.wantText(t, "last")
	if a.door.Stats().Backpressure == 0 {
		t.Error("not counted")
	}
}

func slowHandler(t *testing.T, d Doors) {
	a, b, c := d.side(t, false), d.side(t, true), d.side(t, false)
	defer a.close(t)
	defer b.close(t)
	defer c.close(t)
	gate, inside := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.Block = func() {
		slow := false
		once.Do(func() { slow = true })
		if slow {
			close(inside)
			<-gate
		}
	}
	ab, _ := a.dial(t, b)
	cb, bc := c.dial(t, b)
	send(t, ab, text("slow"))
	<-inside
	send(t, cb, text("fast"))
	b.wantText(t, "fast")
	send(t, bc, text("answer"))
	c.wantText(t, "answer")
	close(gate)
	b.wantText(t, "slow")
}

func many(t *testing.T, d Doors) {
	n := cmp.Or(d.Many, 200)
	a, b := d.side(t, false), d.side(t, true)
	defer a.close(t)
	defer b.close(t)
	r := NewRecorder()
	for range n {
		ep := a.open(t, 0, false, r)
		if _, err := ep.Dial(b.Local()); err != nil {
			t.Fatal(err)
		}
	}
	var ports []uint16
	for range n {
		h := r.Want(t, transport.Up)
		ports = append(ports, h.Association.Local().Port)
		send(t, h.Association, text(fmt.Sprint(h.Association.Local().Port)))
	}
	seen := map[string]bool{}
	for ups, messages := 0, 0; ups < n || messages < n; {
		switch h := b.Next(t); {
		case h.Message != nil:
			messages++
			seen[string(h.Message.Payload)] = true
		case h.Kind == transport.Up:
			ups++
		default:
			t.Fatalf("heard %v", h)
		}
	}
	for _, port := range ports {
		if !seen[fmt.Sprint(port)] {
			t.Errorf("nothing came from port %d", port)
		}
	}
	if len(seen) != n {
		t.Errorf("messages came from %d ports; want %d", len(seen), n)
	}
}

func concurrent(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	const senders, each = 8, 100
	for s := range senders {
		go func() {
			for i := range each {
				send(t, ab, transport.Message{PPID: uint32(s), Stream: uint16(s), Payload: append(pattern(1+i*40), byte(i))})
			}
		}()
	}
	var next [senders]int
	for range senders * each {
		m := b.WantMessage(t)
		if i := int(m.Payload[len(m.Payload)-1]); i != next[m.Stream] || len(m.Payload) != 2+i*40 {
			t.Fatalf("stream %d: message %d of %d bytes; want number %d", m.Stream, i, len(m.Payload), next[m.Stream])
		}
		next[m.Stream]++
	}
}
