package memory

import (
	"fmt"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// ID implements transport.Association.
func (e *end) ID() uint64 { return e.id }

// Send implements transport.Association.
func (e *end) Send(m transport.Message) error {
	n := e.n()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case e.state == dialling && len(m.Payload) <= transport.MaxMessage:
		e.host().stats.Backpressure++
		e.full = true
		return transport.ErrBackpressure
	case e.state != up:
		return transport.ErrClosed
	case len(m.Payload) > transport.MaxMessage:
		return transport.ErrTooLarge
	case len(m.Payload) == 0:
		return transport.ErrEmpty
	case e.pending > 0 && e.pending+len(m.Payload) > n.cond.SendBuffer:
		e.host().stats.Backpressure++
		e.full = true
		return transport.ErrBackpressure
	}
	m.Payload = slices.Clone(m.Payload)
	e.host().stats.PacketsOut++
	o := e.peer
	if o == nil || o.state == done { // the peer knows nothing of it any more
		e.outOfTheBlue()
		return nil
	}
	e.pending += len(m.Payload)
	o.put(item{from: e, msg: &m}, n.delay())
	return nil
}

// outOfTheBlue is what happens to packets for a host that knows nothing of the
// association: a host that is back answers with an abort.
func (e *end) outOfTheBlue() {
	if h := e.key.h; !h.closed && e.n().reaches(e.host(), h) {
		h.stats.OutOfTheBlue++
		e.put(item{process: func() {
			if e.peer == nil || e.peer.state == done {
				e.finish(transport.Lost, fmt.Errorf("%w: out of the blue", transport.ErrAborted))
			}
		}}, 2*e.n().delay())
	}
}

// Shutdown implements transport.Association.
func (e *end) Shutdown() {
	n := e.n()
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.state == dialling {
		e.abort("shut down before it was established")
	}
	if e.state != up {
		return
	}
	e.state = closing
	o := e.peer
	if o == nil || o.state == done {
		return
	}
	o.put(item{from: e, process: func() {
		if o.peer != e || o.state == done {
			return
		}
		o.finish(transport.Closed, nil)
		e.put(item{from: o, process: func() { e.finish(transport.Closed, nil) }}, n.delay())
	}}, n.delay())
}

// Abort implements transport.Association.
func (e *end) Abort(reason string) {
	n := e.n()
	n.mu.Lock()
	defer n.mu.Unlock()
	e.abort(reason)
}

// Local implements transport.Association.
func (e *end) Local() transport.Address { return e.p.Local() }

// Remote implements transport.Association.
func (e *end) Remote() transport.Address { return e.remote }

// RTT implements transport.Association.
func (e *end) RTT() time.Duration {
	n := e.n()
	n.mu.Lock()
	defer n.mu.Unlock()
	return 2 * n.cond.Delay
}

// Writable implements transport.Association.
func (e *end) Writable(f func()) {
	n := e.n()
	n.mu.Lock()
	if (e.full || e.state == dialling) && e.state != done {
		e.writable = append(e.writable, f)
		n.mu.Unlock()
		return
	}
	n.mu.Unlock()
	f()
}
