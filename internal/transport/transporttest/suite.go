package transporttest

import (
	"errors"
	"strings"
	"testing"
	"time"

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

	// Many is the number of associations that are set up at once. If zero, 200.
	Many int
	// MaxMessage is the largest message that the doors carry. If zero,
	// transport.MaxMessage.
	MaxMessage int
	// Ephemeral says that who dials has a port for each association, as over TCP,
	// instead of one for the endpoint. Peers cannot tell then that two associations
	// have the same other end: one that restarts is lost and is somebody new, and
	// where both sides dial at once, two associations come of it.
	Ephemeral bool
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
