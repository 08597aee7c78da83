package pool

import (
	"context"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// asapHandler is a Host as its ASAP endpoint sees it.
type asapHandler Host

// asapPPID is the payload protocol identifier of ASAP (RFC 5352, Section 8.3).
const asapPPID = 11

// Event implements transport.Handler.
func (ah *asapHandler) Event(a transport.Association, kind transport.EventKind, err error) {
	h := (*Host)(ah)
	h.mu.Lock()
	defer h.mu.Unlock()
	id := machine.AssociationID(a.ID())
	l := h.links[id]
	reason := kind.String()
	if err != nil {
		reason = err.Error()
	}
	switch {
	case kind == transport.Up && h.hunt.stopped:
		a.Abort("the host closes")
	case kind == transport.Up:
		if l == nil {
			l = &link{a: a}
			h.links[id] = l
		}
		delete(h.dials, l.ticket)
		l.up = true
		h.step(h.hunt, &machine.AssociationUp{Association: id, Ticket: l.ticket, Local: a.Local(), Remote: a.Remote()})
	case l == nil:
		// Aborted by this side: the machines know.
	case kind == transport.Restarted:
		h.step(h.hunt, &machine.AssociationLost{Association: id, Restarted: true, Reason: "the registrar has restarted"})
	case !l.up:
		delete(h.links, id)
		delete(h.dials, l.ticket)
		h.why = reason
		h.step(h.hunt, &machine.AssociationFailed{Ticket: l.ticket, Reason: reason})
	default:
		h.dropLink(id)
		h.step(h.hunt, &machine.AssociationLost{Association: id, Orderly: kind == transport.Closed, Reason: reason})
	}
}

// Message implements transport.Handler.
func (ah *asapHandler) Message(a transport.Association, m transport.Message) {
	h := (*Host)(ah)
	if m.PPID != asapPPID || len(m.Payload) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := machine.AssociationID(a.ID())
	if h.links[id] == nil {
		return
	}
	message(&h.tally.received, m.Payload)
	for _, r := range h.roles {
		if r.accepts(m.Payload[0]) {
			h.step(r, &machine.Received{Association: id, PPID: m.PPID, Payload: m.Payload})
		}
	}
}

// leave shuts the associations of the ASAP endpoint down and waits until they
// are, or ctx ends.
func (h *Host) leave(ctx context.Context) {
	h.mu.Lock()
	h.hunt.stop()
	for id, l := range h.links {
		if l.up {
			l.a.Shutdown()
		} else {
			delete(h.links, id)
			l.a.Abort("the host closes")
		}
	}
	left := make(chan struct{})
	if len(h.links) > 0 {
		h.left = left
	} else {
		close(left)
	}
	h.mu.Unlock()
	select {
	case <-left:
	case <-ctx.Done():
	}
}

// dropLink forgets an association that is gone. The caller holds mu.
func (h *Host) dropLink(id machine.AssociationID) {
	delete(h.links, id)
	if h.left != nil && len(h.links) == 0 {
		close(h.left)
		h.left = nil
	}
}
