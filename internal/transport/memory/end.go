package memory

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

type state uint8

const (
	dialling state = iota
	up
	closing // Shutdown was called
	done
)

// end is one end of an association. All its fields belong to the network's lock.
type end struct {
	p      *endpoint
	id     uint64
	key    endKey
	remote transport.Address
	peer   *end // nil until up, and after the peer's death
	state  state
	timer  *time.Timer // dial or detection

	inbox   []item // what the handler will hear, in order of arrival
	running bool   // the handler is being called
	wake    *time.Timer

	pending  int // bytes sent and not yet taken by the peer's handler
	full     bool
	writable []func()
}

// item is one call of the handler.
type item struct {
	at      time.Time
	from    *end // sender of a message, nil for an event of the own side
	msg     *transport.Message
	kind    transport.EventKind
	err     error
	process func() // instead of a call: something to be done under the lock
}

func (e *end) host() *Host { return e.p.h }
func (e *end) n() *Network { return e.p.h.n }

// put adds an item to the inbox, not before what is there already.
func (e *end) put(it item, delay time.Duration) {
	it.at = time.Now().Add(delay)
	if k := len(e.inbox); k > 0 && e.inbox[k-1].at.After(it.at) {
		it.at = e.inbox[k-1].at
	}
	e.inbox = append(e.inbox, it)
	e.schedule()
}

// schedule sees to it that the inbox is served when its head is due.
func (e *end) schedule() {
	if e.running || len(e.inbox) == 0 {
		return
	}
	if e.wake != nil {
		e.wake.Stop()
	}
	e.wake = time.AfterFunc(max(0, time.Until(e.inbox[0].at)), e.serve)
}

// serve calls the handler for all that is due.
func (e *end) serve() {
	n := e.n()
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.running {
		return
	}
	for len(e.inbox) > 0 && !e.inbox[0].at.After(time.Now()) {
		it := e.inbox[0]
		if it.from != nil && !n.reaches(e.host(), it.from.host()) {
			break // Heal schedules anew
		}
		e.inbox = slices.Delete(e.inbox, 0, 1)
		if it.process != nil {
			it.process()
			continue
		}
		e.running = true
		n.mu.Unlock()
		if it.msg != nil {
			e.p.cfg.Handler.Message(e, *it.msg)
		} else {
			e.p.cfg.Handler.Event(e, it.kind, it.err)
		}
		n.mu.Lock()
		e.running = false
		if it.msg != nil {
			e.host().stats.PacketsIn++
			it.from.taken(len(it.msg.Payload))
		}
	}
	switch {
	case len(e.inbox) == 0:
		if e.state == done {
			delete(e.p.all, e)
		}
		e.p.idle.Broadcast()
	case e.inbox[0].at.After(time.Now()):
		e.schedule()
	}
}

// taken gives room for more messages back.
func (e *end) taken(size int) {
	e.pending -= size
	if e.full && e.pending <= e.n().cond.SendBuffer/2 {
		e.full = false
		e.tellWritable()
	}
}

func (e *end) tellWritable() {
	fs := e.writable
	e.writable = nil
	for _, f := range fs {
		go f()
	}
}

// dial sends the INIT.
func (e *end) dial(key endKey) {
	n := e.n()
	if key.h.closed || !n.reaches(e.host(), key.h) {
		// Nobody there, or cut off: tried again until the dial times out.
		time.AfterFunc(n.cond.Retransmit, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			if e.state == dialling {
				e.dial(key)
			}
		})
		return
	}
	e.put(item{process: func() { e.arrive(key) }}, n.delay())
}

// arrive is what the INIT does at the other host.
func (e *end) arrive(key endKey) {
	if e.state != dialling {
		return
	}
	n := e.n()
	if !n.reaches(e.host(), key.h) || key.h.closed {
		e.dial(key)
		return
	}
	key.h.stats.Inits++
	p := key.h.ports[key.port]
	back := endKey{e.host(), e.p.port}
	if p == nil || (!p.cfg.Listen && p.ends[back] == nil) {
		e.finishAfter(transport.Lost, fmt.Errorf("dial %s: refused, nobody listens there", e.remote), n.delay())
		return
	}
	o := p.ends[back]
	switch {
	case o == nil:
		o = p.add(back, e.host().Address(e.p.port))
		o.state = up
		o.put(item{kind: transport.Up}, 0)
	case o.state == dialling: // both dialled
		o.state = up
		o.put(item{kind: transport.Up}, 0)
	default:
		o.stopTimer()
		o.inbox = slices.DeleteFunc(o.inbox, func(it item) bool { return it.from != nil })
		o.pending, o.state = 0, up
		o.put(item{kind: transport.Restarted}, 0)
	}
	o.peer, e.peer = e, o
	o.stopTimer()
	e.stopTimer()
	e.state = up
	e.put(item{kind: transport.Up, from: o}, n.delay())
	for _, x := range []*end{e, o} {
		x.full = false
		x.tellWritable()
	}
}

func (e *end) stopTimer() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// watch lets the association be lost unless the peer is back within the time
// of detection.
func (e *end) watch() {
	n := e.n()
	e.stopTimer()
	e.timer = time.AfterFunc(n.cond.Detection, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if (e.state == up || e.state == closing) && (e.peer == nil || !n.reaches(e.host(), e.peer.host())) {
			e.lost(errors.New("peer does not answer"))
		}
	})
}

// lost drops what has not arrived yet and ends.
func (e *end) lost(err error) {
	e.inbox = slices.DeleteFunc(e.inbox, func(it item) bool { return it.from != nil && !e.n().reaches(e.host(), it.from.host()) })
	o := e.peer
	e.finish(transport.Lost, err)
	// A peer that was healed in time finds out by its heartbeats.
	time.AfterFunc(e.n().cond.Detection, func() {
		n := e.n()
		n.mu.Lock()
		defer n.mu.Unlock()
		if o != nil && o.peer == e && o.state != done {
			o.outOfTheBlue()
		}
	})
}

// vanish is the death of the process: the handler hears nothing more.
func (e *end) vanish() {
	e.state = done
	e.stopTimer()
	e.inbox = nil
	if !e.running {
		delete(e.p.all, e)
	}
	if e.peer != nil {
		e.peer.peer = nil
	}
	delete(e.p.ends, e.key)
	e.tellWritable()
}

func (e *end) finish(kind transport.EventKind, err error) { e.finishAfter(kind, err, 0) }

// finishAfter is the last thing that the handler hears.
func (e *end) finishAfter(kind transport.EventKind, err error, delay time.Duration) {
	if e.state == done {
		return
	}
	e.state = done
	e.stopTimer()
	if kind == transport.Lost {
		e.host().stats.Lost++
	}
	e.put(item{kind: kind, err: err}, delay)
	if e.p.ends[e.key] == e {
		delete(e.p.ends, e.key)
	}
	e.tellWritable()
}

func (e *end) abort(reason string) {
	if e.state == done {
		return
	}
	o := e.peer
	e.inbox = nil
	e.finish(transport.Lost, fmt.Errorf("aborted by this side: %s", reason))
	if o != nil && o.state != done {
		o.put(item{from: e, process: func() {
			if o.peer == e {
				o.finish(transport.Lost, fmt.Errorf("%w: %s", transport.ErrAborted, reason))
			}
		}}, e.n().delay())
		if !e.n().reaches(e.host(), o.host()) {
			o.watch()
		}
	}
}

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
