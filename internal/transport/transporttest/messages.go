package transporttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/transport"
)

func addresses(t *testing.T, d Doors) {
	a, b, ab, ba := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	equal := gocmp.Comparer(func(x, y netip.Addr) bool { return x == y })
	if diff := gocmp.Diff(ab.Local(), ba.Remote(), equal); diff != "" {
		t.Errorf("the dialler's local is not the listener's remote:\n%s", diff)
	}
	if diff := gocmp.Diff(ab.Remote(), ba.Local(), equal); diff != "" {
		t.Errorf("the dialler's remote is not the listener's local:\n%s", diff)
	}
	if len(ab.Local().IPs) == 0 || ab.Local().Port == 0 || !d.Ephemeral && ab.Local().Port != a.Local().Port {
		t.Errorf("dialler's local %s, endpoint's %s", ab.Local(), a.Local())
	}
	if ab.ID() == ba.ID() {
		t.Error("two associations share an ID")
	}
	if n := a.door.Stats().Associations; n != 1 {
		t.Errorf("%d associations counted; want 1", n)
	}
}

func messages(t *testing.T, d Doors) {
	a, b, ab, ba := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	for _, dir := range []struct {
		from transport.Association
		to   *side
	}{{ab, b}, {ba, a}} {
		var sent []transport.Message
		for i := range 300 {
			m := transport.Message{PPID: uint32(11 + i%2), Stream: uint16(i % 5), Payload: fmt.Appendf(nil, "%06d", i)}
			sent = append(sent, m)
			send(t, dir.from, m)
		}
		var got []transport.Message
		for range sent {
			got = append(got, dir.to.WantMessage(t))
		}
		// Order is kept within each stream.
		byStream := func(a, b transport.Message) int { return cmp.Compare(a.Stream, b.Stream) }
		slices.SortStableFunc(sent, byStream)
		slices.SortStableFunc(got, byStream)
		if diff := gocmp.Diff(sent, got); diff != "" {
			t.Fatalf("(-sent +heard)\n%s", diff)
		}
	}
	send(t, ab, transport.Message{PPID: 1, Stream: 3, Unordered: true, Payload: []byte("unordered")})
	b.wantText(t, "unordered")
	send(t, ab, transport.Message{PPID: 1, Stream: 3, Payload: []byte("ordered")})
	b.wantText(t, "ordered")
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7 >> 3)
	}
	return p
}

func sizes(t *testing.T, d Doors) {
	a, b, ab, ba := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	most := cmp.Or(d.MaxMessage, transport.MaxMessage)
	for _, n := range []int{1, 2, 3, 1300, 1339, 1340, 1341, 1400, 4096, 8180, 8192, 9000, most - 1, most} {
		want := pattern(n)
		send(t, ab, transport.Message{PPID: 11, Payload: want})
		if got := b.WantMessage(t); !bytes.Equal(got.Payload, want) {
			t.Errorf("%d bytes became %d, or others", n, len(got.Payload))
		}
		send(t, ba, transport.Message{PPID: 11, Stream: 1, Payload: want})
		if got := a.WantMessage(t); !bytes.Equal(got.Payload, want) {
			t.Errorf("back: %d bytes became %d, or others", n, len(got.Payload))
		}
	}
}

func badSizes(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	if err := ab.Send(transport.Message{}); !errors.Is(err, transport.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if err := ab.Send(transport.Message{Payload: make([]byte, cmp.Or(d.MaxMessage, transport.MaxMessage)+1)}); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	send(t, ab, text("still well"))
	b.wantText(t, "still well")
}

func refused(t *testing.T, d Doors) {
	a, b := d.side(t, false), d.side(t, d.Ephemeral)
	defer a.close(t)
	defer b.close(t)
	if d.Ephemeral { // only who listens has a port
		if err := b.Endpoint.Close(); err != nil {
			t.Fatal(err)
		}
	}
	x, err := a.Dial(b.Local())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Send(text("early")); !errors.Is(err, transport.ErrBackpressure) && !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send before up: %v", err)
	}
	if h := a.Want(t, transport.Lost); h.Association != x || h.Err == nil || !strings.Contains(h.Err.Error(), "refused") {
		t.Errorf("heard %v", h)
	}
	if err := x.Send(text("late")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send after lost: %v", err)
	}
	called := make(chan struct{})
	x.Writable(func() { close(called) })
	<-called
	if _, err := a.Dial(transport.Address{}); err == nil {
		t.Error("dialling nothing succeeded")
	}
}

func timeout(t *testing.T, d Doors) {
	a := d.side(t, false)
	defer a.close(t)
	x, err := a.Dial(d.Nowhere)
	if err != nil {
		t.Fatal(err)
	}
	if h := a.Want(t, transport.Lost); h.Association != x || !strings.Contains(h.Err.Error(), "no answer") {
		t.Errorf("heard %v", h)
	}
}

func inUse(t *testing.T, d Doors) {
	a, b, ab, _ := d.pair(t)
	defer a.close(t)
	defer b.close(t)
	if _, err := a.Dial(b.Local()); !errors.Is(err, transport.ErrInUse) {
		t.Errorf("dialled twice: %v", err)
	}
	// Another endpoint of the same door has no such limit.
	r := NewRecorder()
	if _, err := a.open(t, 0, false, r).Dial(b.Local()); err != nil {
		t.Fatal(err)
	}
	r.Want(t, transport.Up)
	b.Want(t, transport.Up)
	// When the first is over, it can be dialled again.
	ab.Abort("over")
	a.Want(t, transport.Lost)
	b.Want(t, transport.Lost)
	a.dial(t, b)
}

func ports(t *testing.T, d Doors) {
	a := d.side(t, true)
	defer a.close(t)
	if _, err := a.door.Open(transport.EndpointConfig{Port: a.Local().Port, Handler: a.Recorder}); err == nil {
		t.Error("a port was given twice")
	}
	if err := a.Endpoint.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Dial(d.Nowhere); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("dialled from a closed endpoint: %v", err)
	}
	a.open(t, a.Local().Port, true, a.Recorder)
	if _, err := a.door.Open(transport.EndpointConfig{}); err == nil {
		t.Error("an endpoint without handler was opened")
	}
}
