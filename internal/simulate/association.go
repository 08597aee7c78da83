package simulate

import (
	"slices"
	"time"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// end is one end of an association. It begins with a dial or by the peer's, and
// is done when its handler has been told, or the process has died.
type end struct {
	id     machine.AssociationID
	p      *endpoint
	remote *host
	port   uint16
	peer   *end // nil until up, and after the peer's process died
	state  phase
	up     bool // the handler has heard transport.Up

	inbox   []item
	pending int  // bytes sent and not yet taken by the peer
	full    bool // a send was refused since
	stalled int  // how many slow readings hold up the handler

	watch   watch
	watches int // the number of the present watch; those before are void
}

// phase is how far an end of an association is.
type phase uint8

const (
	dialling phase = iota
	open
	closing // shut down from this side, which the peer has not yet confirmed
	done
)

// watch is what an end waits for that may have lost its peer.
type watch uint8

const (
	atEase   watch = iota
	doubting       // the peer does not answer: it is given up in a while
	ignored        // the peer's host has no memory of the association and will say so
)

// item is one thing that reaches an end, in the order of sending.
type item struct {
	at      time.Duration
	from    *end // nil where it comes from this side
	ppid    uint32
	payload []byte
	change  change
	process func() // instead of a call of the handler
}

// dial begins an association. It returns nil where there is one already.
func (p *endpoint) dial(to transport.Address) *end {
	n := p.host.net
	h := n.hostAt(to)
	if h == nil || to.Port == 0 || p.find(h, to.Port) != nil {
		return nil
	}
	e := p.add(h, to.Port)
	p.host.countDial(h)
	n.after(n.dialTimeout, func() {
		if e.state == dialling {
			e.finish(change{kind: transport.Lost, reason: "no answer"}, 0)
		}
	})
	e.knock()
	return e
}

func (p *endpoint) add(h *host, port uint16) *end {
	p.host.net.lastID++
	e := &end{id: p.host.net.lastID, p: p, remote: h, port: port}
	p.ends = append(p.ends, e)
	return e
}

func (e *end) net() *network { return e.p.host.net }

// address is the peer's.
func (e *end) address() transport.Address { return addressOf(e.remote, e.port) }

// knock sends the INIT, and again while nobody answers.
func (e *end) knock() {
	n := e.net()
	n.after(n.delayOf(e.p.host), e.arrive)
}

// arrive is what the INIT does at the peer's host.
func (e *end) arrive() {
	n := e.net()
	if e.state != dialling {
		return
	}
	if !n.converse(e.p.host, e.remote) {
		n.after(n.retransmit, e.knock)
		return
	}
	p := e.remote.endpoint(e.port)
	if p == nil || !p.listen && p.find(e.p.host, e.p.port) == nil {
		e.finish(change{kind: transport.Lost, reason: "refused"}, n.delayOf(e.remote))
		return
	}
	o := p.find(e.p.host, e.p.port)
	switch {
	case o == nil:
		o = p.add(e.p.host, e.p.port)
		o.establish(nil, 0)
	case o.state == dialling: // both have dialled
		o.establish(nil, 0)
	case o.state == closing:
		n.after(n.retransmit, e.knock)
		return
	default: // the peer has lost its memory of the association
		if o.peer != nil {
			o.peer.peer = nil
		}
		o.inbox = slices.DeleteFunc(o.inbox, func(it item) bool { return it.from != nil })
		o.pending = 0
		switch {
		case o.up:
			o.put(item{change: change{kind: transport.Restarted, reason: "the peer has restarted"}}, 0)
		case len(o.inbox) == 0: // that it is up was lost with the former peer
			o.establish(nil, 0)
		}
	}
	o.peer, e.peer = e, o
	e.establish(o, n.delayOf(e.remote))
	o.review()
	o.drained()
}

// establish lets the handler hear that the association is up.
func (e *end) establish(by *end, delay time.Duration) {
	e.state = open
	e.put(item{from: by, change: change{kind: transport.Up}}, delay)
}

// put adds an item behind those there are.
func (e *end) put(it item, delay time.Duration) {
	n := e.net()
	it.at = n.now + delay
	if k := len(e.inbox); k > 0 {
		it.at = max(it.at, e.inbox[k-1].at)
	}
	e.inbox = append(e.inbox, it)
	n.at(it.at, e.serve)
}

// serve hands what has arrived to the handler, as far as it takes it. What a
// partition holds up is lost if its sender does not live to send it again.
func (e *end) serve() {
	n := e.net()
	if e.p.closed {
		return
	}
	for len(e.inbox) > 0 && e.inbox[0].at <= n.now {
		if e.p.host.stopped > 0 {
			e.p.host.waiting = append(e.p.host.waiting, e.serve)
			return
		}
		it := &e.inbox[0]
		if it.from != nil && !n.passes(it.from.p.host, e.p.host) {
			if it.from.state != done && e.state != done {
				return
			}
			e.inbox = e.inbox[1:]
			continue
		}
		if it.payload != nil && e.stalled > 0 {
			return
		}
		taken := *it
		e.inbox = e.inbox[1:]
		switch {
		case taken.process != nil:
			taken.process()
		case taken.payload != nil:
			taken.from.pending -= len(taken.payload)
			taken.from.drained()
			e.p.handler.message(e, taken.ppid, taken.payload)
		default:
			e.up = e.up || taken.change.kind == transport.Up
			e.p.handler.happened(e, taken.change)
		}
	}
}

// send queues a message, and reports whether there was room.
func (e *end) send(ppid uint32, payload []byte) bool {
	n := e.net()
	if e.state != open {
		return true // and is lost, as the handler has heard or will
	}
	if e.pending > 0 && e.pending+len(payload) > n.buffer {
		e.full = true
		return false
	}
	o := e.peer
	if o == nil || o.state == done {
		e.review()
		if e.watch == ignored { // the answer to this message says so
			e.awaits(n.delayOf(e.p.host)+n.delayOf(e.remote), ignored)
		}
		return true
	}
	d := n.delayOf(e.p.host)
	for e.p.host.rand.Float64() < n.loss {
		d += n.retransmit
	}
	e.pending += len(payload)
	o.put(item{from: e, ppid: ppid, payload: slices.Clone(payload)}, d)
	return true
}

// drained tells the handler when there is room again.
func (e *end) drained() {
	if !e.full || e.pending > e.net().buffer/2 {
		return
	}
	e.full = false
	e.net().after(0, func() {
		if e.state == open {
			e.p.handler.writable(e)
		}
	})
}

// stall lets the handler read more slowly than messages arrive, or with by -1
// undoes that.
func (e *end) stall(by int) {
	e.stalled += by
	e.net().after(0, e.serve)
}

// shutdown closes the association in order, if the peer takes part in time.
func (e *end) shutdown() {
	if e.state == dialling {
		e.abort("shut down before it was established")
	}
	if e.state != open {
		return
	}
	n := e.net()
	e.state = closing
	if o := e.peer; o != nil && o.state != done {
		o.put(item{from: e, process: func() {
			if o.peer != e || o.state == done {
				return
			}
			o.finish(change{kind: transport.Closed}, 0)
			e.put(item{from: o, process: func() { e.finish(change{kind: transport.Closed}, 0) }}, n.delayOf(o.p.host))
		}}, n.delayOf(e.p.host))
	}
	n.after(2*n.detection, func() {
		if e.state == closing {
			e.abort("shutdown was not answered")
		}
	})
}

// abort closes the association at once.
func (e *end) abort(reason string) {
	if e.state == done {
		return
	}
	n, o := e.net(), e.peer
	e.inbox = nil
	e.finish(change{kind: transport.Lost, reason: "aborted by this side: " + reason}, 0)
	if o == nil || o.state == done {
		return
	}
	o.put(item{from: e, process: func() {
		if o.peer == e || o.peer == nil {
			o.finish(change{kind: transport.Lost, aborted: true, reason: "aborted: " + reason}, 0)
		}
	}}, n.delayOf(e.p.host))
}

// finish is the last thing that the handler hears. What has arrived already is
// still delivered, what is on its way is not.
func (e *end) finish(c change, delay time.Duration) {
	if e.state == done {
		return
	}
	e.leave()
	e.inbox = slices.DeleteFunc(e.inbox, func(it item) bool { return it.from != nil && it.at > e.net().now })
	e.put(item{change: c}, delay)
	if o := e.peer; o != nil {
		o.review()
	}
}

// vanish is the death of the process: the handler hears nothing more.
func (e *end) vanish() {
	e.leave()
	e.inbox = nil
	if o := e.peer; o != nil && o.peer == e {
		o.peer = nil
	}
}

func (e *end) leave() {
	e.state = done
	e.watches++
	e.p.ends = slices.DeleteFunc(e.p.ends, func(o *end) bool { return o == e })
}

// review looks whether the peer is still there. It is given up after a while if
// it does not answer, and sooner if its host says that it knows nothing of the
// association.
func (e *end) review() {
	if e.state != open && e.state != closing {
		return
	}
	n := e.net()
	gone := e.peer == nil || e.peer.state == done || e.peer.peer != e
	heard := n.converse(e.p.host, e.remote)
	w := atEase
	switch {
	case e.p.host.stopped > 0: // its timers do not run
	case gone && heard && len(e.remote.endpoints) > 0:
		w = ignored
	case gone || !heard:
		w = doubting
	}
	if w == e.watch {
		return
	}
	switch w {
	case atEase:
		e.watch = w
		e.watches++
	case doubting:
		e.awaits(n.detection/2+time.Duration(e.p.host.rand.Int64N(int64(n.detection))), w)
	case ignored: // the next heartbeat finds out
		e.awaits(time.Duration(e.p.host.rand.Int64N(int64(n.heartbeat))), w)
	}
}

// awaits lets the association end in d, unless something else is found meanwhile.
func (e *end) awaits(d time.Duration, w watch) {
	e.watch = w
	e.watches++
	mine := e.watches
	c := change{kind: transport.Lost, reason: "peer does not answer"}
	if w == ignored {
		c.reason, c.aborted = "aborted: out of the blue", true
	}
	e.net().after(d, func() {
		if e.watches == mine {
			e.finish(c, 0)
		}
	})
}
