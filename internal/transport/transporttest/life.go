package transporttest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rspool/rspool/internal/transport"
)

func shutdown(t *testing.T, d Doors) {
	a, b, ab, ba := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	for i := range 100 {
		send(t, ab, transport.Message{PPID: 11, Stream: uint16(i % 3), Payload: pattern(2000)})
	}
	ab.Shutdown()
	ab.Shutdown()
	for range 100 {
		b.WantMessage(t)
	}
	b.Want(t, transport.Closed)
	a.Want(t, transport.Closed)
	for _, x := range []transport.Association{ab, ba} {
		if err := x.Send(text("late")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("send after closed: %v", err)
		}
		x.Shutdown()
		x.Abort("late")
	}
	a.Silent(t)
	b.Silent(t)
	if n := b.door.Stats().Associations; n != 0 {
		t.Errorf("%d associations left", n)
	}
}

func shutdownCrossed(t *testing.T, d Doors) {
	a, b, ab, ba := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	ab.Shutdown()
	ba.Shutdown()
	a.Want(t, transport.Closed)
	b.Want(t, transport.Closed)
}

func abort(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	ab.Abort("the cat slept")
	for _, s := range []*side{a, b} {
		if h := s.Want(t, transport.Lost); h.Err == nil || !strings.Contains(h.Err.Error(), "the cat slept") {
			t.Errorf("heard %v", h)
		}
	}
	if n := a.door.Stats().Lost; n != 1 {
		t.Errorf("%d lost counted; want 1", n)
	}
}

// reflex is a handler that acts when it hears a message.
type reflex struct {
	*Recorder
	act func(transport.Association)
}

func (r reflex) Message(a transport.Association, m transport.Message) {
	r.act(a)
	r.Recorder.Message(a, m)
}

func abortInHandler(t *testing.T, d Doors) {
	for _, act := range []func(transport.Association){
		func(a transport.Association) { a.Abort("reflex") },
		func(a transport.Association) { a.Shutdown() },
	} {
		a, b := d.side(t, false), d.side(t, false)
		r := NewRecorder()
		ep, err := b.door.Open(transport.EndpointConfig{Listen: true, Handler: reflex{r, act}})
		if err != nil {
			t.Fatal(err)
		}
		ab, err := a.Dial(ep.Local())
		if err != nil {
			t.Fatal(err)
		}
		a.Want(t, transport.Up)
		r.Want(t, transport.Up)
		send(t, ab, text("ouch"))
		r.WantMessage(t)
		if h := r.Next(t); h.Kind != transport.Lost && h.Kind != transport.Closed {
			t.Errorf("heard %v", h)
		}
		if h := a.Next(t); h.Kind != transport.Lost && h.Kind != transport.Closed {
			t.Errorf("peer heard %v", h)
		}
		a.close(t)
		b.close(t)
	}
}

func kill(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	send(t, ab, text("alive"))
	b.wantText(t, "alive")
	d.Kill(t, b.door)
	_ = ab.Send(text("dead"))
	a.Want(t, transport.Lost)
}

func restart(t *testing.T, d Doors) {
	// Where the listener has something to send at the wrong moment, it finds out
	// that its peer is gone before the peer is back; but not each time.
	for range 20 {
		if restartOnce(t, d) || d.Ephemeral {
			return
		}
	}
	t.Error("restarted was never heard")
}

func restartOnce(t *testing.T, d Doors) bool {
	t.Helper()
	a, b := d.side(t, true), d.side(t, true)
	defer a.close(t)
	ba, ab := b.dial(t, a)
	for i := range 2 {
		send(t, ba, text(fmt.Sprint("before", i)))
		a.wantText(t, fmt.Sprint("before", i))
	}
	port := b.Local().Port
	d.Kill(t, b.door)
	b = newSide(t, d.Reopen(t, b.door), port, true)
	defer b.close(t)
	ba, err := b.Dial(a.Local())
	if err != nil {
		t.Fatal(err)
	}
	b.Want(t, transport.Up)
	restarted := false
	if d.Ephemeral {
		ab = replaced(t, a, ab)
	} else {
		h := a.Next(t)
		restarted = h.Kind == transport.Restarted
		switch {
		case h.Message != nil || !restarted && h.Kind != transport.Lost:
			t.Fatalf("heard %v", h)
		case h.Association != ab:
			t.Fatal("restarted is of another association")
		case !restarted:
			ab = a.Want(t, transport.Up).Association
		}
	}
	for i := range 10 {
		send(t, ba, text(fmt.Sprint("after", i)))
		a.wantText(t, fmt.Sprint("after", i))
		send(t, ab, text(fmt.Sprint("answer", i)))
		b.wantText(t, fmt.Sprint("answer", i))
	}
	if n := a.door.Stats().Associations; n != 1 {
		t.Errorf("%d associations; want 1", n)
	}
	return restarted
}

// replaced hears that an association is lost and that there is another, in any
// order.
func replaced(t *testing.T, a *side, old transport.Association) (found transport.Association) {
	t.Helper()
	lost := false
	for found == nil || !lost {
		switch h := a.Next(t); {
		case h.Message == nil && h.Kind == transport.Lost && h.Association == old && !lost:
			lost = true
		case h.Message == nil && h.Kind == transport.Up && h.Association != old && found == nil:
			found = h.Association
		default:
			t.Fatalf("heard %v", h)
		}
	}
	return found
}

func crossed(t *testing.T, d Doors) {
	a, b := d.side(t, true), d.side(t, true)
	defer a.close(t)
	defer b.close(t)
	// Where the door takes time, the INITs cross; else the second dial meets an
	// association that is there. One association comes of it in any case.
	var wg sync.WaitGroup
	for _, p := range [][2]*side{{a, b}, {b, a}} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := p[0].Dial(p[1].Local()); err != nil && !errors.Is(err, transport.ErrInUse) {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	ends := 2
	if d.Ephemeral {
		a.Want(t, transport.Up)
		b.Want(t, transport.Up)
		ends = 4
	}
	x, y := a.Want(t, transport.Up).Association, b.Want(t, transport.Up).Association
	send(t, x, text("ping"))
	b.wantText(t, "ping")
	send(t, y, text("pong"))
	a.wantText(t, "pong")
	if n := a.door.Stats().Associations + b.door.Stats().Associations; n != ends {
		t.Errorf("%d ends of associations; want %d", n, ends)
	}
	a.Silent(t)
	b.Silent(t)
}

func closeEndpoint(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	if err := b.Endpoint.Close(); err != nil {
		t.Fatal(err)
	}
	b.Want(t, transport.Lost) // before Close returned
	a.Want(t, transport.Lost)
	if err := ab.Send(text("late")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send: %v", err)
	}
	if _, err := a.Dial(b.Local()); err != nil {
		t.Fatal(err)
	}
	a.Want(t, transport.Lost)
	b.Silent(t)
}

func closeDoor(t *testing.T, d Doors) {
	a, b, _, _ := d.pair(t)
	if _, err := b.Dial(d.Nowhere); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.close(t)
		b.close(t)
	}
	if _, err := a.door.Open(transport.EndpointConfig{Handler: a.Recorder}); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("open after close: %v", err)
	}
}
