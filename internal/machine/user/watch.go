package user

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// maxRenewed bounds the subscriptions of the cache that are asked for at a new
// home at once. The rest follow when they are used.
const maxRenewed = 64

// Watch follows a pool. Resolved tells its elements, sorted by their identifiers,
// at first and whenever they have changed, until machine.Cancel. The pool is
// subscribed to where the registrar supports it, and asked for again and again
// where it does not or where the pool does not exist.
type Watch struct {
	Ticket   machine.Ticket
	Handle   rserpool.Handle
	Interval time.Duration // between questions
}

// watch is one Watch. It lives until it is cancelled.
type watch struct {
	Watch
	pushed bool      // the home registrar accepted the subscription
	asking bool      // a request is under way
	due    time.Time // for the next question, unless pushed or asking
	told   bool
	last   []rserpool.Element
	err    error
}

// watches holds the watches in the order in which they began.
type watches struct {
	list     []*watch
	byTicket map[machine.Ticket]*watch
}

func (q *watches) cancel(t machine.Ticket) {
	if w := q.byTicket[t]; w != nil {
		delete(q.byTicket, t)
		q.list = slices.DeleteFunc(q.list, func(o *watch) bool { return o == w })
	}
}

func (q *watches) unsubscribed() {
	for _, w := range q.list {
		w.pushed = false
	}
}

// deadline returns when the next question is due, zero for never.
func (q *watches) deadline() time.Time {
	var d time.Time
	for _, w := range q.list {
		if !w.pushed && !w.asking {
			d = earlier(d, w.due)
		}
	}
	return d
}

func (r *Resolver) watch(now time.Time, in *Watch) {
	err := rserpool.CheckHandle(in.Handle, r.cfg.MaxHandleLength)
	if err == nil && len(r.watches.list) >= r.cfg.MaxWatches {
		err = ErrBusy
	}
	if err != nil {
		r.emit(Resolved{Ticket: in.Ticket, Handle: in.Handle, Err: err})
		return
	}
	w := &watch{Watch: *in, due: now}
	r.watches.list = append(r.watches.list, w)
	r.watches.byTicket[w.Ticket] = w
}

// poll asks for the watched pools that are due.
func (r *Resolver) poll(now time.Time) {
	for _, w := range r.watches.list {
		if w.pushed || w.asking || now.Before(w.due) {
			continue
		}
		if r.requests.order.Len() >= r.cfg.MaxRequests {
			w.due = now.Add(w.Interval)
			continue
		}
		w.asking = true
		r.begin(now, &request{handle: w.Handle, items: AllItems, subscribe: true})
	}
}

// renew subscribes anew after a change of the home.
func (r *Resolver) renew(now time.Time) {
	for _, w := range r.watches.list {
		w.due = now
	}
	for _, e := range r.cache.renewable() {
		if r.requests.cached[e.handle] == nil && r.requests.order.Len() < r.cfg.MaxRequests {
			r.begin(now, &request{handle: e.handle, items: e.asked, cached: true, subscribe: true})
		}
	}
}

// followed tells the watches of a pool what the registrar said, asked or not.
func (r *Resolver) followed(now time.Time, m *asap.HandleResolutionResponse, unasked bool) {
	var elements []rserpool.Element
	for _, w := range r.watches.list {
		if w.Handle != m.Handle {
			continue
		}
		w.asking, w.due = false, now.Add(w.Interval)
		w.pushed = m.Error == nil && (m.Accepted || unasked && w.pushed)
		if m.Error != nil {
			r.tell(w, nil, m.Policy, m.Error)
			continue
		}
		if elements == nil {
			elements = slices.Clone(m.Elements)
			slices.SortFunc(elements, func(a, b rserpool.Element) int { return cmp.Compare(a.ID, b.ID) })
		}
		r.tell(w, elements, m.Policy, nil)
	}
}

// unfollowed tells the watches of a pool that a question had no answer.
func (r *Resolver) unfollowed(now time.Time, q *request, err error) {
	if !q.subscribe {
		return
	}
	for _, w := range r.watches.list {
		if w.Handle == q.handle && w.asking {
			w.asking, w.due = false, now.Add(w.Interval)
			r.tell(w, nil, rserpool.Policy{}, err)
		}
	}
}

// tell emits what is new to a watch.
func (r *Resolver) tell(w *watch, elements []rserpool.Element, p rserpool.Policy, err error) {
	same := (err == nil) == (w.err == nil) && (err == nil || errors.Is(err, w.err)) && reflect.DeepEqual(elements, w.last)
	if w.told && same {
		return
	}
	w.told, w.last, w.err = true, elements, err
	r.emit(Resolved{Ticket: w.Ticket, Handle: w.Handle, Policy: p, Elements: slices.Clone(elements), Pushed: w.pushed, Err: err})
}

// unsubscribed follows the loss of the home: entries age from now on.
func (c *cache) unsubscribed() {
	for e := c.age.Front(); e != nil; e = e.Next() {
		e := e.Value.(*entry)
		e.renew = e.renew || e.pushed
		e.pushed = false
	}
}

// renewable takes the entries that were subscribed to at a former home.
func (c *cache) renewable() []*entry {
	var es []*entry
	for e := c.age.Front(); e != nil; e = e.Next() {
		if e := e.Value.(*entry); e.renew {
			e.renew = false
			if len(es) < maxRenewed {
				es = append(es, e)
			}
		}
	}
	return es
}
