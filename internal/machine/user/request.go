package user

import (
	"container/list"
	"maps"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/machine"
)

// request is a handle resolution that waits for its answer. It lives from the
// first caller's Resolve to the answer or the end of the last T1.
//
// ASAP has no request numbers: what ties an answer to its request is the pool
// handle and the order, which an association keeps and registrars answer in.
type request struct {
	handle    rserpool.Handle
	items     uint32
	subscribe bool
	cached    bool // the answer goes into the cache, and further callers may join

	attributes map[string]string
	callers    []caller
	attempts   int
	expires    time.Time     // end of the present T1
	asked      time.Time     // when it was sent to the present home first
	place      *list.Element // in requests.order
	sent       bool          // on the present home's association
}

// caller is one Resolve behind a request.
type caller struct {
	ticket     machine.Ticket
	items      uint32
	avoid      []rserpool.ElementID
	policy     *engine.ChainConfig
	attributes map[string]string
}

// requests holds the requests under way.
type requests struct {
	// order has all of them by the end of T1, which is as long for each: a
	// request whose T1 begins anew goes to the back.
	order list.List // of *request
	// lines has those that were sent, by handle, in the order of sending.
	lines map[rserpool.Handle][]*request
	// cached has the newest request for the cache of each handle.
	cached   map[rserpool.Handle]*request
	byTicket map[machine.Ticket]*request
}

func (q *requests) add(r *request) {
	r.place = q.order.PushBack(r)
	if r.cached {
		q.cached[r.handle] = r
	}
}

// enter adds a caller to a request.
func (q *requests) enter(r *request, c caller) {
	r.callers = append(r.callers, c)
	q.byTicket[c.ticket] = r
}

// cancel removes a caller from its request. The request stays, since its answer
// comes all the same.
func (q *requests) cancel(t machine.Ticket) {
	if r := q.byTicket[t]; r != nil {
		delete(q.byTicket, t)
		r.callers = slices.DeleteFunc(r.callers, func(c caller) bool { return c.ticket == t })
	}
}

// join finds a request under way whose answer serves in as well.
func (q *requests) join(in *Resolve) *request {
	r := q.cached[in.Handle]
	items := in.asks()
	if r != nil && (r.subscribe || !in.Subscribe) && (r.items == items || r.items > items && items != 0) && maps.Equal(r.attributes, in.Attributes) {
		return r
	}
	return nil
}

// enqueue notes that r was sent for the first time on this association.
func (q *requests) enqueue(now time.Time, r *request) {
	r.sent, r.asked = true, now
	q.lines[r.handle] = append(q.lines[r.handle], r)
}

// answered takes the request that an answer for a handle belongs to, nil if there
// is none: it was pushed, or comes too late. An answer that accepts a
// subscription belongs to a request for one.
func (q *requests) answered(h rserpool.Handle, accepted bool) *request {
	line := q.lines[h]
	if len(line) == 0 || accepted && !line[0].subscribe {
		return nil
	}
	r := line[0]
	q.remove(r)
	return r
}

// oldest returns the request that was sent longest ago, nil if there is none.
func (q *requests) oldest() *request {
	for e := q.order.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*request); r.sent {
			return r
		}
	}
	return nil
}

// remove forgets r and its callers' tickets.
func (q *requests) remove(r *request) {
	q.order.Remove(r.place)
	for _, c := range r.callers {
		delete(q.byTicket, c.ticket)
	}
	if q.cached[r.handle] == r {
		delete(q.cached, r.handle)
	}
	if !r.sent {
		return
	}
	line := q.lines[r.handle]
	switch i := slices.Index(line, r); {
	case len(line) == 1:
		delete(q.lines, r.handle)
	case i == 0:
		q.lines[r.handle] = line[1:]
	default:
		q.lines[r.handle] = slices.Delete(line, i, i+1)
	}
}

// unsend follows the loss of the association: what was asked on it is not
// answered any more.
func (q *requests) unsend() {
	clear(q.lines)
	for e := q.order.Front(); e != nil; e = e.Next() {
		e.Value.(*request).sent = false
	}
}
