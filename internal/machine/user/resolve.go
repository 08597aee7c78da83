package user

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// resolve answers from the cache, joins a request under way, or begins one. A
// stale entry is not used while the registrar is asked, only where it does not
// answer.
func (r *Resolver) resolve(now time.Time, in *Resolve) {
	if err := rserpool.CheckHandle(in.Handle, r.cfg.MaxHandleLength); err != nil {
		r.emit(Resolved{Ticket: in.Ticket, Handle: in.Handle, Err: err})
		return
	}
	cached := in.CacheTime > 0
	var e *entry
	if cached {
		e = r.cache.entries[in.Handle]
	}
	c := caller{ticket: in.Ticket, items: in.Items, avoid: in.Avoid, policy: in.Policy, attributes: in.Attributes}
	if e != nil && e.fresh(now, in.CacheTime) && e.serves(in.asks()) {
		if chosen := r.cache.choose(now, e, c); len(chosen) > 0 {
			r.stats.CacheHits++
			r.emit(Resolved{Ticket: in.Ticket, Handle: in.Handle, Policy: e.policy, Elements: chosen, Cached: true})
			return
		}
	}
	if cached {
		if q := r.requests.join(in); q != nil && len(q.callers) < r.cfg.MaxRequests {
			r.stats.Joined++
			r.requests.enter(q, c)
			return
		}
	}
	if r.requests.order.Len() >= r.cfg.MaxRequests {
		r.emit(Resolved{Ticket: in.Ticket, Handle: in.Handle, Err: ErrBusy})
		return
	}
	q := &request{handle: in.Handle, items: in.asks(), cached: cached, subscribe: cached && in.Subscribe, attributes: in.Attributes}
	if q.subscribe {
		q.items = AllItems // what is pushed is the pool, not a selection
	} else if e != nil && q.items != 0 {
		q.items = max(q.items, e.asked) // what others have wanted is to stay
	}
	r.requests.enter(q, c)
	r.begin(now, q)
}

// begin starts T1 for a new request and sends it if there is a home.
func (r *Resolver) begin(now time.Time, q *request) {
	q.expires = now.Add(r.cfg.RequestTimeout)
	r.requests.add(q)
	if r.home != 0 {
		r.sendRequest(now, q)
	}
}

// sendRequest sends a request, again where it has been sent before.
func (r *Resolver) sendRequest(now time.Time, q *request) {
	r.stats.Requests++
	if !q.sent {
		r.requests.enqueue(now, q)
	}
	r.send(&asap.HandleResolution{Subscribe: q.subscribe, Handle: q.handle, Items: q.items, Attributes: q.attributes})
}

// answer handles a response: the answer to a request, or an update that the
// registrar pushes.
func (r *Resolver) answer(now time.Time, m *asap.HandleResolutionResponse) {
	q := r.requests.answered(m.Handle, m.Accepted)
	switch {
	case q == nil:
		r.pushed(now, m)
	case m.Error != nil:
		r.stats.Answers++
		r.cache.forget(m.Handle)
		r.fail(q, m.Error)
	default:
		r.stats.Answers++
		var e *entry
		if q.cached {
			e = r.cache.learn(now, m.Handle, m.Policy, m.Elements, q.items)
			e.pushed = m.Accepted
		}
		for _, c := range q.callers {
			a := Resolved{Ticket: c.ticket, Handle: q.handle, Policy: m.Policy}
			if e != nil {
				if a.Elements = r.cache.choose(now, e, c); len(a.Elements) == 0 {
					c.avoid = nil
					a.Elements = r.cache.choose(now, e, c)
				}
			} else {
				a.Elements = m.Elements // there is one caller
			}
			r.emit(a)
		}
	}
	if q == nil || q.subscribe {
		r.followed(now, m, q == nil)
	}
}

// pushed handles a response that nobody has asked for. One for a pool that is not
// subscribed to has no effect.
func (r *Resolver) pushed(now time.Time, m *asap.HandleResolutionResponse) {
	e := r.cache.entries[m.Handle]
	if e == nil || !e.pushed {
		return
	}
	r.stats.Pushed++
	if m.Error != nil {
		r.cache.forget(m.Handle)
		return
	}
	r.cache.learn(now, m.Handle, m.Policy, m.Elements, e.asked)
}

// refused handles an ASAP_ERROR, which says not what it is about. Registrars
// answer in order, so it takes the place of the answer to the oldest request,
// unless it names something else, or only a parameter that was skipped.
func (r *Resolver) refused(now time.Time, m *asap.Error) {
	if len(m.Causes) > 0 {
		switch c := m.Causes[0]; c.Code {
		case rserpool.UnrecognizedParameter:
			return
		case rserpool.UnrecognizedMessage:
			if len(c.Info) > 0 && asap.Type(c.Info[0]) != asap.TypeHandleResolution {
				return
			}
		}
	}
	if q := r.requests.oldest(); q != nil {
		r.stats.Answers++
		r.requests.remove(q)
		r.fail(q, &rserpool.OperationError{Causes: m.Causes})
		r.unfollowed(now, q, &rserpool.OperationError{Causes: m.Causes})
	}
}

// fail answers all callers of a request that was removed.
func (r *Resolver) fail(q *request, err error) {
	for _, c := range q.callers {
		r.emit(Resolved{Ticket: c.ticket, Handle: q.handle, Err: err})
	}
}

// tick repeats requests whose T1 has ended, while a hunt for another registrar
// goes on, and gives up those that were repeated enough (RFC 5352, Section
// 3.7.2).
func (r *Resolver) tick(now time.Time) {
	silent := false
	for e := r.requests.order.Front(); e != nil; e = r.requests.order.Front() {
		q := e.Value.(*request)
		if now.Before(q.expires) {
			break
		}
		silent = silent || q.sent && now.Sub(q.asked) >= r.cfg.RequestTimeout
		if q.attempts >= r.cfg.MaxRetransmit || len(q.callers) == 0 && !q.subscribe {
			r.giveUp(now, q)
			continue
		}
		q.attempts++
		q.expires = now.Add(r.cfg.RequestTimeout)
		r.requests.order.MoveToBack(e)
		if r.home != 0 {
			r.stats.Repeated++
			r.sendRequest(now, q)
		}
	}
	if silent && r.home != 0 {
		r.emit(machine.Rehunt{Association: r.home, Reason: "handle resolution was not answered"})
	}
	r.poll(now)
}

// giveUp ends a request that was not answered. Callers that may use the cache get
// what is in it, however old.
func (r *Resolver) giveUp(now time.Time, q *request) {
	r.stats.Unanswered++
	r.requests.remove(q)
	e := r.cache.entries[q.handle]
	for _, c := range q.callers {
		a := Resolved{Ticket: c.ticket, Handle: q.handle, Err: ErrNoAnswer}
		if q.cached && e != nil {
			if chosen := r.cache.choose(now, e, c); len(chosen) > 0 {
				a = Resolved{Ticket: c.ticket, Handle: q.handle, Policy: e.policy, Elements: chosen, Cached: true}
			}
		}
		r.emit(a)
	}
	r.unfollowed(now, q, ErrNoAnswer)
}
