//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
)

// The associations of a one-to-many socket share its buffers: what a peer does
// not acknowledge takes the room of all, and a message whose handler is slow
// stands before those of others. An association that takes more than its part is
// peeled off: the kernel moves it, with what is under way in both directions, to
// a socket of its own (RFC 6458, Section 9.2).

const (
	// parts is into how many parts the endpoint's send buffer is divided; an
	// association may take two.
	parts = 64
	// piece is about what a chunk holds, and overhead what the kernel accounts
	// for beside its data.
	piece, overhead = 1400, 1024
	// relief is the least time between two looks at who fills the buffer.
	relief = 10 * time.Millisecond
)

// account notes that the kernel has taken a message. When the association has
// sent its part, the kernel is asked to tell when all of it is acknowledged; if
// that is not so before it has sent as much again, it has to leave. Caller holds
// mu.
func (a *association) account(size int) {
	if a.socket != a.e.socket {
		return
	}
	a.used += size + (size+piece-1)/piece*overhead
	switch {
	case a.used <= a.e.share:
	case !a.asked:
		a.asked = true
		a.listen(true)
	case a.used > 2*a.e.share && !a.leaving:
		a.leaving = true
		go a.e.peel(a)
	}
}

// dry is told that the peer has acknowledged everything. Caller holds mu.
func (a *association) dry() {
	a.used = 0
	if a.asked {
		a.asked = false
		a.listen(false)
	}
}

// listen turns the notification of dry on or off. Where the kernel has none for a
// single association, the association has to leave earlier. Caller holds mu.
func (a *association) listen(on bool) {
	value := make([]byte, 8)
	native.PutUint32(value, uint32(a.number))
	native.PutUint16(value[4:], senderDry)
	if on {
		value[6] = 1
	}
	_ = a.socket.raw.Control(func(fd uintptr) { _ = setOption(int(fd), optionEvent, value) })
}

// relieve is called where the endpoint's send buffer is full: the association
// that takes most of it has to leave.
func (e *endpoint) relieve() {
	now := time.Now()
	if now.Sub(e.relieved) < relief {
		return
	}
	if now.Sub(e.relieved) > 10*relief {
		e.full = now
	}
	e.relieved = now
	var most *association
	used := 0
	for _, a := range e.all() {
		a.mu.Lock()
		if a.socket == e.socket && !a.leaving && a.used > used {
			most, used = a, a.used
		}
		a.mu.Unlock()
	}
	if most == nil || used < e.share/8 && now.Sub(e.full) < time.Second {
		return // many that send little: the room comes back
	}
	most.mu.Lock()
	most.leaving = true
	most.mu.Unlock()
	e.peel(most)
}

// peel gives an association a socket of its own. One that cannot get it is
// aborted: it would starve the others.
func (e *endpoint) peel(a *association) {
	e.reading.Lock()
	defer e.reading.Unlock()
	if e.reader == nil {
		return
	}
	for i := e.next; e.batch != nil && i < e.batch.n; i++ {
		if s, ok := e.batch.at(i); ok && s.association() == a.number {
			e.slow = append(e.slow, a) // what was read before comes first
			return
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != established && a.state != closing || a.socket != e.socket {
		return
	}
	var own int
	var err error
	if cerr := e.socket.raw.Control(func(fd uintptr) { own, err = peelOff(int(fd), a.number) }); cerr != nil {
		return
	}
	if err == nil {
		// The peer may send as much as the endpoint's window has promised: a smaller
		// buffer would drop it, and the peer give up.
		setBuffers(own, 0, 2*e.d.cfg.SendBuffer)
		err = e.settle(a, own)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) { // else its end is about to be heard
		a.abort("too slow")
		a.inbox, a.held = nil, 0
		a.end(transport.Lost, fmt.Errorf("aborted by this side: it is too slow, and has no socket of its own: %w", err))
	}
}

// settle lets an association that was peeled off go on. Caller holds reading and
// mu.
func (e *endpoint) settle(a *association, fd int) error {
	s, err := newSocket(fd)
	if err != nil {
		return err
	}
	a.socket, a.used = s, 0
	if len(a.queue) > 0 {
		s.await(a)
	}
	e.readers.Add(1)
	go a.read(s)
	return nil
}

// read reads an association's own socket. It never reads ahead of the handler, so
// that the peer finds its window full.
func (a *association) read(s *socket) {
	defer a.e.readers.Done()
	cut := false
	for {
		a.mu.Lock()
		for a.busy {
			a.free.Wait()
		}
		a.mu.Unlock()
		var b *batch
		var err error
		cerr := s.raw.Read(func(fd uintptr) bool {
			b = batches.Get().(*batch)
			if err = b.receive(fd, batchSize); err != nil {
				batches.Put(b)
			}
			return !errors.Is(err, unix.EAGAIN)
		})
		if cerr != nil {
			return
		}
		if err != nil {
			a.broken(err)
			return
		}
		for i := range b.n {
			if !a.take(b, i, &cut) {
				a.broken(errors.New("the socket is at its end"))
				return
			}
		}
		batches.Put(b)
	}
}

// take hands over one slot of the association's own socket, and reports whether
// there may be more.
func (a *association) take(b *batch, i int, cut *bool) bool {
	s, ok := b.at(i)
	rest := *cut
	*cut = s.notification && !s.whole
	if s.eof {
		return false
	}
	n, err := notification{}, error(nil)
	if s.notification {
		if rest {
			return true
		}
		n, err = parseNotification(s.data)
	}
	if !ok || err != nil {
		a.e.d.stats.malformed.Add(1)
		return true
	}
	a.mu.Lock()
	var it item
	var mine bool
	if s.notification {
		it, mine = a.notified(&n)
	} else {
		it, mine = a.arrived(&s)
	}
	a.mu.Unlock()
	if mine {
		a.run(it)
	}
	return true
}

// broken ends an association whose socket has failed without a word.
func (a *association) broken(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end(transport.Lost, fmt.Errorf("association is lost: %w", err))
}
