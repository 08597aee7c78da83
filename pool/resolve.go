package pool

import (
	"context"
	"errors"
	"iter"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/user"
)

// AllElements asks Resolve for as many elements as the registrar is willing to
// name; that is 128 for most.
const AllElements = user.AllItems

// Resolution is what a registrar says about a pool.
type Resolution struct {
	Handle rserpool.Handle
	// Policy is the pool's policy; deployed registrars put the values of the
	// first element with it. The zero type means round robin.
	Policy rserpool.Policy
	// Elements are in the order in which the policy selected them, and in that
	// of their identifiers from Watch.
	Elements []rserpool.Element
	// Pushed says that the registrar tells changes by itself (Watch).
	Pushed bool
}

// Resolve asks the registrar for elements of a pool, without the cache: n of
// them, zero for as many as the registrar likes. It is for programs that connect
// by their own means; whoever fails to reach an element should Report it.
//
// It fails with ErrNoRegistrar after RequestTimeout, times MaxRequestRetransmit
// and one, with ErrNoElement where the pool does not exist, and with the
// context's error.
func Resolve(ctx context.Context, h *Host, handle rserpool.Handle, n uint32) (Resolution, error) {
	answered := make(chan user.Resolved, 1)
	t := h.ask(
		func(t machine.Ticket) machine.Input { return &user.Resolve{Ticket: t, Handle: handle, Items: n} },
		question{answer: func(a user.Resolved) { answered <- a }},
	)
	defer h.unask(t)
	select {
	case a := <-answered:
		return h.resolution(handle, a)
	case <-ctx.Done():
		return Resolution{}, &Error{Op: "resolve", Handle: handle, Err: ctx.Err()}
	}
}

// Watch follows a pool until the context ends or the loop is left: it yields
// what the registrar says at first and after every change. Registrars push
// changes where they can, and are asked every five seconds where they cannot.
// Errors, that of a pool which does not exist (yet) among them, are yielded as
// well and do not end it; only ErrClosed does. A slow loop misses states that were
// followed by others. Of large pools it sees what fits in an answer.
func Watch(ctx context.Context, h *Host, handle rserpool.Handle) iter.Seq2[Resolution, error] {
	return func(yield func(Resolution, error) bool) {
		news := make(chan user.Resolved, 1)
		t := h.ask(
			func(t machine.Ticket) machine.Input {
				return &user.Watch{Ticket: t, Handle: handle, Interval: watchInterval}
			},
			question{again: true, answer: func(a user.Resolved) {
				select { // the newest takes the place of what is not read
				case <-news:
				default:
				}
				news <- a
			}},
		)
		defer h.unask(t)
		for {
			select {
			case a := <-news:
				r, err := h.resolution(handle, a)
				if !yield(r, err) || errors.Is(a.Err, ErrClosed) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// Report tells the registrar that an element could not be reached. It must have
// been tried: enough reports remove an element from its pool (RFC 5352, Section
// 3.5). It does not wait; what is reported again within five seconds is not sent.
func Report(h *Host, handle rserpool.Handle, id rserpool.ElementID) error {
	if err := rserpool.CheckHandle(handle, h.cfg.MaxHandleLength); err != nil {
		return &Error{Op: "report", Handle: handle, Element: id, Err: err}
	}
	h.report(user.Report{Handle: handle, Element: id})
	return nil
}

func (h *Host) report(r user.Report) { h.handle(h.resolver.role, &r) }

// resolution turns an answer into what callers get.
func (h *Host) resolution(handle rserpool.Handle, a user.Resolved) (Resolution, error) {
	r := Resolution{Handle: handle, Policy: a.Policy, Elements: a.Elements, Pushed: a.Pushed}
	if a.Err != nil {
		return r, &Error{Op: "resolve", Handle: handle, Err: h.explain(a.Err)}
	}
	return r, nil
}
