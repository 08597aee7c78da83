package memory

import (
	"slices"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// item is one call of the handler.
type item struct {
	at      time.Time
	from    *end // sender of a message, nil for an event of the own side
	msg     *transport.Message
	kind    transport.EventKind
	err     error
	process func() // instead of a call: something to be done under the lock
}

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
