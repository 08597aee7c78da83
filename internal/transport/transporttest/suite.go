package transporttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/transport"
)

// Doors makes the doors of a test. Their dial timeout should be short, and dead
// peers should be found out soon.
type Doors struct {
	// Open makes a door with an address of its own.
	Open func(t testing.TB) transport.Door
	// Kill lets a door die without a word to its peers.
	Kill func(t testing.TB, d transport.Door)
	// Reopen makes a door at the address of one that was killed.
	Reopen func(t testing.TB, d transport.Door) transport.Door
	// Nowhere is an address where nobody answers, not even with a refusal.
	Nowhere transport.Address
}

// Run runs the suite.
func Run(t *testing.T, d Doors) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Doors)
	}{
		{"both ends hear up and find each other's address", addresses},
		{"messages keep PPID, stream and order both ways", messages},
		{"messages of all sizes arrive whole", sizes},
		{"empty and oversized messages are refused", badSizes},
		{"a port without listener refuses", refused},
		{"an address without anybody times out", timeout},
		{"an endpoint has one association with an address", inUse},
		{"a port is given once", ports},
		{"shutdown delivers everything first", shutdown},
		{"both sides may shut down at once", shutdownCrossed},
		{"abort tells the reason", abort},
		{"abort within a handler", abortInHandler},
		{"a killed peer is lost", kill},
		{"a peer that restarts is heard of", restart},
		{"both sides may dial at once", crossed},
		{"a full buffer refuses and writable tells", backPressure},
		{"a slow handler holds up its own association alone", slowHandler},
		{"many associations of one door", many},
		{"closing an endpoint ends its associations", closeEndpoint},
		{"closing a door leaves nothing", closeDoor},
		{"concurrent senders", concurrent},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			test.run(t, d)
		})
	}
}

// side is a door with one endpoint.
type side struct {
	door transport.Door
	transport.Endpoint
	*Recorder
}

func (d Doors) side(t testing.TB, listen bool) *side {
	t.Helper()
	return newSide(t, d.Open(t), 0, listen)
}

func newSide(t testing.TB, door transport.Door, port uint16, listen bool) *side {
	t.Helper()
	s := &side{door: door, Recorder: NewRecorder()}
	s.Endpoint = s.open(t, port, listen, s.Recorder)
	return s
}

func (s *side) open(t testing.TB, port uint16, listen bool, r *Recorder) transport.Endpoint {
	t.Helper()
	ep, err := s.door.Open(transport.EndpointConfig{Port: port, Listen: listen, Handler: r})
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

func (s *side) close(t testing.TB) {
	t.Helper()
	if err := s.door.Close(); err != nil {
		t.Error(err)
	}
}

// dial dials and waits for Up on both sides.
func (s *side) dial(t testing.TB, to *side) (here, there transport.Association) {
	t.Helper()
	here, err := s.Dial(to.Endpoint.Local())
	if err != nil {
		t.Fatal(err)
	}
	if up := s.Want(t, transport.Up).Association; up != here {
		t.Fatalf("up is of %v; dialled %v", up.ID(), here.ID())
	}
	return here, to.Want(t, transport.Up).Association
}

func (d Doors) pair(t testing.TB) (a, b *side, ab, ba transport.Association) {
	t.Helper()
	a, b = d.side(t, false), d.side(t, true)
	ab, ba = a.dial(t, b)
	return a, b, ab, ba
}

func text(s string) transport.Message { return transport.Message{PPID: 11, Payload: []byte(s)} }

// send sends, and waits while the buffer is full.
func send(t testing.TB, a transport.Association, m transport.Message) {
	t.Helper()
	for {
		err := a.Send(m)
		if err == nil {
			return
		}
		if !errors.Is(err, transport.ErrBackpressure) {
			t.Fatal(err)
		}
		room := make(chan struct{})
		a.Writable(func() { close(room) })
		select {
		case <-room:
		case <-time.After(patience):
			t.Fatal("never writable again")
		}
	}
}

func (s *side) wantText(t testing.TB, want string) {
	t.Helper()
	if m := s.WantMessage(t); string(m.Payload) != want {
		t.Fatalf("heard %q; want %q", m.Payload, want)
	}
}

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
	if len(ab.Local().IPs) == 0 || ab.Local().Port == 0 || ab.Local().Port != a.Local().Port {
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
	for _, n := range []int{1, 2, 3, 1300, 1339, 1340, 1341, 1400, 4096, 8180, 8192, 9000, 65534, transport.MaxMessage} {
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
	if err := ab.Send(transport.Message{Payload: make([]byte, transport.MaxMessage+1)}); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	send(t, ab, text("still well"))
	b.wantText(t, "still well")
}

func refused(t *testing.T, d Doors) {
	a, b := d.side(t, false), d.side(t, false)
	defer a.close(t)
	defer b.close(t)
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
		if restartOnce(t, d) {
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
	h := a.Next(t)
	restarted := h.Kind == transport.Restarted
	switch {
	case h.Message != nil || !restarted && h.Kind != transport.Lost:
		t.Fatalf("heard %v", h)
	case h.Association != ab:
		t.Fatal("restarted is of another association")
	case !restarted:
		ab = a.Want(t, transport.Up).Association
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
	x, y := a.Want(t, transport.Up).Association, b.Want(t, transport.Up).Association
	send(t, x, text("ping"))
	b.wantText(t, "ping")
	send(t, y, text("pong"))
	a.wantText(t, "pong")
	if n := a.door.Stats().Associations + b.door.Stats().Associations; n != 2 {
		t.Errorf("%d ends of associations; want 2", n)
	}
	a.Silent(t)
	b.Silent(t)
}

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
	const n = 200
	a, b := d.side(t, false), d.side(t, true)
	defer a.close(t)
	defer b.close(t)
	var eps []transport.Endpoint
	r := NewRecorder()
	for range n {
		ep := a.open(t, 0, false, r)
		eps = append(eps, ep)
		if _, err := ep.Dial(b.Local()); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		h := r.Want(t, transport.Up)
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
	for _, ep := range eps {
		if !seen[fmt.Sprint(ep.Local().Port)] {
			t.Errorf("nothing came from port %d", ep.Local().Port)
		}
	}
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
