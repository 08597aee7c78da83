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

func (e *end) host() *Host { return e.p.h }
func (e *end) n() *Network { return e.p.h.n }

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
