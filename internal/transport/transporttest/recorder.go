// Package transporttest is the conformance suite that every door passes, and
// the handler that its tests listen with.
//
// It does not test what a door sends: that is the door's own.
package transporttest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Heard is one call of a handler.
type Heard struct {
	Association transport.Association
	Kind        transport.EventKind
	Err         error
	Message     *transport.Message // nil for an event
}

// String tells what was heard in one line.
func (h Heard) String() string {
	switch {
	case h.Message != nil:
		return fmt.Sprintf("message ppid=%d stream=%d unordered=%v %d bytes", h.Message.PPID, h.Message.Stream, h.Message.Unordered, len(h.Message.Payload))
	case h.Err != nil:
		return fmt.Sprintf("%v: %v", h.Kind, h.Err)
	}
	return h.Kind.String()
}

// Recorder is a handler that keeps what it hears until the test asks.
type Recorder struct {
	// Block, if not nil, is called in each Message.
	Block func()

	mu     sync.Mutex
	more   chan struct{}
	heard  []Heard
	inside map[uint64]bool
	twice  bool
}

// NewRecorder returns a recorder that has heard nothing.
func NewRecorder() *Recorder {
	return &Recorder{more: make(chan struct{}, 1), inside: map[uint64]bool{}}
}

func (r *Recorder) enter(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.twice = r.twice || r.inside[id]
	r.inside[id] = true
}

func (r *Recorder) leave(id uint64, h Heard) {
	r.mu.Lock()
	delete(r.inside, id)
	r.heard = append(r.heard, h)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// Event implements transport.Handler.
func (r *Recorder) Event(a transport.Association, kind transport.EventKind, err error) {
	r.enter(a.ID())
	r.leave(a.ID(), Heard{Association: a, Kind: kind, Err: err})
}

// Message implements transport.Handler.
func (r *Recorder) Message(a transport.Association, m transport.Message) {
	r.enter(a.ID())
	if r.Block != nil {
		r.Block()
	}
	m.Payload = bytes.Clone(m.Payload) // the handler's for all of the call, however long
	r.leave(a.ID(), Heard{Association: a, Message: &m})
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// Next returns what was heard next, and fails the test if that takes too long.
func (r *Recorder) Next(t testing.TB) Heard {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		if r.twice {
			r.mu.Unlock()
			t.Fatal("two calls of the handler for one association at once")
		}
		if len(r.heard) > 0 {
			h := r.heard[0]
			r.heard = r.heard[1:]
			r.mu.Unlock()
			return h
		}
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-timeout:
			t.Fatal("the handler was not called")
		}
	}
}

// Want returns the next thing heard, which must be the event.
func (r *Recorder) Want(t testing.TB, kind transport.EventKind) Heard {
	t.Helper()
	h := r.Next(t)
	if h.Message != nil || h.Kind != kind {
		t.Fatalf("heard %v; want %v", h, kind)
	}
	return h
}

// WantMessage returns the next thing heard, which must be a message.
func (r *Recorder) WantMessage(t testing.TB) transport.Message {
	t.Helper()
	h := r.Next(t)
	if h.Message == nil {
		t.Fatalf("heard %v; want a message", h)
	}
	return *h.Message
}

// Silent reports what was heard and not asked for, as an error.
func (r *Recorder) Silent(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.heard {
		t.Errorf("heard as well: %v", h)
	}
}
