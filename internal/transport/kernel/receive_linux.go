//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
)

// reader is a goroutine that reads an endpoint's socket and calls handlers. One
// that is stuck in a handler is replaced: it then serves that association to the
// end of what has come for it, and goes.
type reader struct {
	e      *endpoint
	socket *socket       // the endpoint's, or a second descriptor of it
	calls  atomic.Uint64 // begun and finished ones: odd within a call
}

// patience is how long a handler may take before the reader is replaced; it may
// be twice that.
const patience = 10 * time.Millisecond

// run reads until the endpoint is closed or the reader replaced.
//
// The handlers are called inside the poller's function. A full batch is followed
// by another one. So is, a few times, one that was not full: an answer often
// brings the next request, and to ask for that costs less than to wait for it.
// The poller then has its turn: news that came meanwhile wake the reader again.
func (r *reader) run() {
	defer r.e.readers.Done()
	_ = r.socket.raw.Read(func(fd uintptr) bool {
		for tries := 0; ; {
			got, ours := r.e.receive(r, fd)
			if !r.deliver() || !ours {
				return true
			}
			if got == all {
				tries++
			}
			if got == nothing || tries > eager {
				return false
			}
		}
	})
	if r.socket != r.e.socket {
		_ = r.socket.file.Close()
	}
}

// eager is how many batches are asked for in a row though none is full, before
// others that wait for the poller have their turn.
const eager = 16

// gain is what became of an attempt to receive.
type gain uint8

const (
	nothing gain = iota
	some         // there may be more
	all          // that was there
)

// singles is how many messages are fetched one by one before the reader asks for
// a batch: to be told that nothing follows a message costs, too.
const singles = batchSize

// receive fetches a batch, and reports whether r is still to read.
func (e *endpoint) receive(r *reader, fd uintptr) (got gain, ours bool) {
	e.reading.Lock()
	defer e.reading.Unlock()
	if e.reader != r {
		return nothing, false
	}
	if e.batch != nil && e.next < e.batch.n {
		return some, true // left by the former reader
	}
	if e.lent { // the former reader's handler still reads from it
		e.batch, e.lent = nil, false
	}
	if e.batch == nil {
		e.batch = batches.Get().(*batch)
	}
	e.next = 0
	room := batchSize
	if e.single < singles {
		room = 1
	}
	if err := e.batch.receive(fd, room); err != nil {
		batches.Put(e.batch)
		e.batch, e.single = nil, 0
		return nothing, true
	}
	switch {
	case e.batch.full():
		e.single++
		return some, true
	case e.batch.n == 1:
		e.single = 0
	}
	return all, true
}

// deliver hands the batch over, and reports whether r was not replaced meanwhile.
func (r *reader) deliver() bool {
	e := r.e
	for {
		e.reading.Lock()
		if e.reader != r {
			e.reading.Unlock()
			return false
		}
		if e.batch == nil || e.next == e.batch.n {
			slow := e.slow
			e.slow = nil
			if e.lent {
				e.batch, e.lent = nil, false
			} else if e.batch != nil && !e.batch.full() {
				batches.Put(e.batch)
				e.batch = nil
			}
			e.reading.Unlock()
			for _, a := range slow {
				e.peel(a)
			}
			return true
		}
		a, it, mine := e.assign(e.batch, e.next)
		e.next++
		if mine && !e.watched {
			e.watched = true
			e.watch.Reset(patience)
		}
		e.reading.Unlock()
		if mine {
			r.calls.Add(1)
			a.run(it)
			r.calls.Add(1)
		}
	}
}

// assign gives a slot to its association and says whether the caller is to call
// its handler. Caller holds reading.
func (e *endpoint) assign(b *batch, i int) (a *association, it item, mine bool) {
	s, ok := b.at(i)
	cut := e.cut
	e.cut = s.notification && !s.whole
	switch {
	case !ok || s.eof:
		e.d.stats.malformed.Add(1)
		return nil, it, false
	case s.notification && cut:
		return nil, it, false // the rest of one
	case s.notification:
		n, err := parseNotification(s.data)
		if err != nil {
			e.d.stats.malformed.Add(1)
			return nil, it, false
		}
		if a = e.find(n.association); a == nil {
			if a = e.accept(&n); a == nil {
				return nil, it, false
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		it, mine = a.notified(&n)
		return a, it, mine
	}
	if a = e.find(s.info.AssocID); a == nil {
		return nil, it, false // it was aborted
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	it, mine = a.arrived(&s)
	if (a.held > inboxSize || len(a.partial) > bulk) && !a.leaving && !a.over {
		a.leaving = true
		e.slow = append(e.slow, a)
	}
	return a, it, mine
}

// inboxSize is how many bytes wait for a slow handler before its association
// gets a socket of its own.
const inboxSize = 64 << 10

// bulk is the size of a message, in bytes, from which on an association gets one
// as well: parts of large messages that wait for the rest would fill the buffer
// that all share.
const bulk = 16 << 10

// accept makes the association that a notification speaks of, if it is a new
// one. Caller holds reading.
func (e *endpoint) accept(n *notification) *association {
	if n.kind != associationChange || n.state != commUp {
		return nil
	}
	a := newAssociation(e, transport.Address{})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.number = n.association
	if !e.cfg.Listen {
		a.abort("dial timed out") // it was, when the answer came
		return nil
	}
	e.d.stats.inits.Add(1)
	if err := e.begin(a); err != nil {
		a.abort("too many associations")
		return nil
	}
	e.enter(a)
	return a
}

// notified does what a notification demands. Caller holds mu.
func (a *association) notified(n *notification) (item, bool) {
	switch n.kind {
	case associationChange:
		switch n.state {
		case commUp:
			return a.up(n.streams)
		case restarted:
			return a.restart(n.streams)
		case shutdownComplete:
			return a.ending(transport.Closed, nil)
		case cannotStart:
			err := errors.New("refused: nobody listens there")
			if n.cause != 0 || len(n.info) > 0 {
				err = fmt.Errorf("refused: %w: %s", transport.ErrAborted, n.describe())
			}
			return a.ending(transport.Lost, fmt.Errorf("dial %s: %w", a.remote, err))
		case commLost:
			if n.cause == 0 && len(n.info) == 0 {
				return a.ending(transport.Lost, errors.New("the peer does not answer any more"))
			}
			return a.ending(transport.Lost, fmt.Errorf("%w: %s", transport.ErrAborted, n.describe()))
		}
	case shutdownEvent:
		if a.state == established {
			a.state = closing // the peer takes no more messages
		}
	case addressChange:
		if n.path == addressUnreachable {
			a.e.d.stats.path.Add(1)
		}
	case senderDry:
		a.dry()
	case partialDelivery:
		a.partial = nil // the rest does not come
	}
	return item{}, false
}

// arrived takes a message, or a piece of one. Caller holds mu.
func (a *association) arrived(s *slot) (item, bool) {
	if a.state != established && a.state != closing {
		return item{}, false
	}
	data := s.data
	if a.partial != nil || !s.whole {
		if len(a.partial)+len(data) > transport.MaxMessage {
			a.abort("message is too large")
			return a.ending(transport.Lost, fmt.Errorf("aborted by this side: a message above %d bytes", transport.MaxMessage))
		}
		a.partial = append(a.partial, data...)
		if !s.whole {
			return item{}, false
		}
		data, a.partial = a.partial, nil
	}
	a.e.d.stats.in.Add(1)
	it := item{message: true, m: transport.Message{
		PPID: s.info.PPID, Stream: s.info.Stream, Unordered: s.info.Flags&sctp.SCTP_UNORDERED != 0, Payload: data,
	}}
	return it, a.hand(it)
}

// look is the timer's: it replaces a reader that is stuck in a handler, and stops
// when nothing is read.
func (e *endpoint) look() {
	e.reading.Lock()
	defer e.reading.Unlock()
	r := e.reader
	if r == nil {
		return
	}
	calls := r.calls.Load()
	switch {
	case calls != e.seen:
		e.seen = calls
	case calls%2 == 1:
		e.replace()
	default:
		e.watched = false
		return
	}
	e.watch.Reset(patience)
}

// replace starts another reader. Where there is no descriptor for it, that is
// tried again. Caller holds reading.
func (e *endpoint) replace() {
	var fd int
	var err error
	if cerr := e.socket.raw.Control(func(of uintptr) {
		fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil || err != nil {
		return
	}
	s, err := newSocket(fd)
	if err != nil {
		return
	}
	r := &reader{e: e, socket: s}
	e.reader, e.seen = r, 0
	e.lent = e.batch != nil
	e.readers.Add(1)
	go r.run()
}
