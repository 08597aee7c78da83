package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/user"
)

// The bounds of a host's resolver.
const (
	maxRequests = 8192 // handle resolutions that wait for an answer
	maxCached   = 4096 // pools in the cache
	maxWatches  = 256
	// watchInterval is how often a watched pool is asked for where the registrar
	// does not push.
	watchInterval = 5 * time.Second
	// reportInterval is the time in which an element is reported once, however
	// many sessions lose it.
	reportInterval = 5 * time.Second
)

// resolver is the host's pool user. All of it belongs to Host.mu.
type resolver struct {
	role    *role
	machine *user.Resolver
	tickets machine.Ticket
	asked   map[machine.Ticket]question
	closed  bool
}

// question is what somebody has asked the resolver.
type question struct {
	answer func(user.Resolved) // called with Host.mu held; must not block
	again  bool                // there may be more than one answer
}

// selection has the policies by which users choose from their caches.
var selection = engine.NewRegistry(builtin.All()...)

// addResolver makes the host a pool user. The caller holds mu.
func (h *Host) addResolver() {
	r := &h.resolver
	r.asked = map[machine.Ticket]question{}
	r.machine = user.NewResolver(user.ResolverConfig{
		RequestTimeout:  h.cfg.RequestTimeout,
		MaxRetransmit:   h.cfg.MaxRequestRetransmit,
		ReportInterval:  reportInterval,
		MaxRequests:     maxRequests,
		MaxCached:       maxCached,
		MaxWatches:      maxWatches,
		MaxHandleLength: h.cfg.MaxHandleLength,
		Policies:        selection,
		Rand:            newRand(),
		Run:             func(c *user.Call) { h.handle(r.role, c) },
	})
	accepts := func(t uint8) bool {
		return asap.Type(t) == asap.TypeHandleResolutionResponse || asap.Type(t) == asap.TypeError
	}
	r.role = h.addRole(r.machine, accepts, h.performResolver)
	h.roles = append(h.roles, r.role)
}

// performResolver does what only the resolver asks for.
func (h *Host) performResolver(e machine.Effect) {
	if e, ok := e.(user.Report); ok {
		h.log.Info("element is reported as unreachable", "handle", e.Handle, "element", e.Element)
		return
	}
	if e, ok := e.(user.PolicyEvent); ok {
		h.logPolicy(e)
		return
	}
	a, ok := e.(user.Resolved)
	if !ok {
		return
	}
	q, ok := h.resolver.asked[a.Ticket]
	if !ok {
		return
	}
	h.tally.resolved(a)
	if !q.again {
		delete(h.resolver.asked, a.Ticket)
	}
	q.answer(a)
}

// logPolicy says what became of a policy of the cache.
func (h *Host) logPolicy(e user.PolicyEvent) {
	level := slog.LevelWarn
	if e.Kind == engine.PolicyReturned || e.Kind == engine.PolicyTried {
		level = slog.LevelInfo
	}
	attrs := []any{"handle", e.Handle, "policy", e.Policy.Name, "version", e.Policy.Version}
	if e.Next != "" {
		attrs = append(attrs, "next", e.Next)
	}
	if e.Reason != nil {
		attrs = append(attrs, "reason", e.Reason)
	}
	h.log.Log(context.Background(), level, e.Kind.String(), attrs...)
}

// ask hands an input to the resolver, which in makes of a ticket. The answers are
// calls of q.answer with Host.mu held, until unask.
func (h *Host) ask(in func(machine.Ticket) machine.Input, q question) machine.Ticket {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &h.resolver
	r.tickets++
	t := r.tickets
	if r.closed {
		q.answer(user.Resolved{Ticket: t, Err: ErrClosed})
		return t
	}
	r.asked[t] = q
	h.step(r.role, in(t))
	return t
}

// unask takes a question back: when it has returned, there are no answers.
func (h *Host) unask(t machine.Ticket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &h.resolver
	if _, ok := r.asked[t]; ok {
		delete(r.asked, t)
		h.step(r.role, &machine.Cancel{Ticket: t})
	}
}

// closeResolver answers whoever still waits. The caller holds mu.
func (h *Host) closeResolver() {
	r := &h.resolver
	r.closed = true
	r.machine.Close()
	for t, q := range r.asked {
		delete(r.asked, t)
		q.answer(user.Resolved{Ticket: t, Err: ErrClosed})
	}
}

// explain returns an error of the user's machines as callers of this package
// know it.
func (h *Host) explain(err error) error {
	var op *rserpool.OperationError
	switch {
	case errors.Is(err, user.ErrNoAnswer):
		h.mu.Lock()
		why := h.why
		if h.home.Association != 0 {
			why = "the registrar at " + h.home.Remote.String() + " is silent"
		}
		h.mu.Unlock()
		return fmt.Errorf("%w (%s)", ErrNoRegistrar, why)
	case errors.Is(err, user.ErrNoElement):
		return ErrNoElement
	case errors.Is(err, user.ErrUnusable):
		return fmt.Errorf("%w (its elements are reached neither by sctp nor by tcp: resolve the handle and connect by other means)", ErrNoElement)
	case errors.Is(err, user.ErrBusy):
		return fmt.Errorf("%w: resolve less at once", err)
	case errors.As(err, &op):
		if len(op.Causes) > 0 && (op.Causes[0].Code == rserpool.UnknownPoolHandle || op.Causes[0].Code == rserpool.LackOfResources) {
			return fmt.Errorf("%w (the registrar says: %w)", ErrNoElement, op)
		}
		return fmt.Errorf("the registrar says: %w", op)
	}
	return err
}
