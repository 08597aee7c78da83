package simulate

import (
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/transport"
)

// registrarNode is a registrar's process.
type registrarNode struct {
	process
	*role
	id       rserpool.RegistrarID
	machine  *registrar.Machine
	asap     *endpoint
	enrp     *endpoint // nil where there are no peers
	dials    map[machine.Ticket]*end
	follow   []machine.Input
	born     time.Duration
	draining bool
	owned    map[elementKey]time.Duration // since when it is the home of what is gone
	missed   map[elementKey]time.Duration // since when a live element is not known here, in a gentle world
	second   time.Duration
	updates  int // sent in it
}

// startRegistrar starts a registrar on a host, with the configuration that all of
// the world have.
func (w *World) startRegistrar(h *host, id rserpool.RegistrarID) *registrarNode {
	n := &registrarNode{
		process: newProcess(w, h), id: id, born: w.now,
		dials: map[machine.Ticket]*end{}, owned: map[elementKey]time.Duration{}, missed: map[elementKey]time.Duration{},
	}
	n.asap = h.open(asap.Port, true, n)
	scope := w.setting.Scope
	if w.setting.Peered {
		n.enrp = h.open(enrp.Port, true, n)
		scope.Address = n.enrp.address()
		scope.Peers = w.places[h.index].peers
	}
	n.machine = registrar.New(registrar.Config{
		ID:                id,
		Dialect:           w.setting.Dialect,
		Rand:              n.chance(),
		ASAPAddress:       n.asap.address(),
		KeepAliveInterval: w.setting.KeepAliveInterval,
		KeepAliveTimeout:  w.setting.KeepAliveTimeout,
		StallTimeout:      w.setting.StallTimeout,
		Scope:             scope,
		Policies:          policies,
	}, w.time())
	n.role = n.addRole("registrar", n.machine, n.step)
	h.hear = n.hear
	w.registrars[h.index] = n
	return n
}

// step hands an input to the machine and carries its effects out, and again for
// what that leads to.
func (n *registrarNode) step(in machine.Input) {
	for {
		for _, e := range n.role.step(in) {
			n.perform(e)
		}
		k := len(n.follow)
		if k == 0 {
			break
		}
		in, n.follow = n.follow[k-1], n.follow[:k-1]
	}
	n.arm()
}

func (n *registrarNode) perform(e machine.Effect) {
	switch e := e.(type) {
	case *machine.Send:
		if a := n.use(e.Association, "a message"); a != nil {
			n.transmit(a, e)
		}
	case *machine.Shutdown:
		if a := n.use(e.Association, "a shutdown"); a != nil {
			a.shutdown()
		}
	case *machine.Abort:
		if a := n.use(e.Association, "an abort"); a != nil {
			delete(n.associations, e.Association)
			n.w.note("%s aborts %s: %s", n.h.name, a.remote.name, e.Reason)
			a.abort(e.Reason)
		}
	case *machine.Associate:
		n.associate(e)
	case *machine.Cancel:
		if a := n.dials[e.Ticket]; a != nil {
			delete(n.dials, e.Ticket)
			a.abort("no longer wanted")
		}
	case *machine.Announce:
		n.w.announced(n.h, e)
		port := uint16(asap.Port)
		if e.Group == machine.ENRPGroup {
			port = enrp.Port
		}
		n.h.net.multicast(n.h, port, e.Group, e.Payload)
	case *registrar.Measure:
		if a := n.use(e.Association, "a measurement"); a != nil {
			rtt := 2*n.w.delay + time.Duration(n.h.rand.Int64N(int64(n.w.jitter)+1))
			n.follow = append(n.follow, &registrar.Measured{Association: e.Association, RTT: rtt})
		}
	case *registrar.Observed:
		n.w.observed(n, e)
	default:
		n.w.fail(Unexpected, "%s: nobody carries out a %T", n.h.name, e)
	}
}

// transmit sends a message; the machine hears where that fails because the peer
// does not read, and when it reads again.
func (n *registrarNode) transmit(a *end, e *machine.Send) {
	n.w.sent(n.h, a, e.PPID, e.Payload)
	full := func(f machine.Input) bool {
		s, ok := f.(*machine.SendFailed)
		return ok && s.Association == a.id
	}
	if !a.send(e.PPID, e.Payload) && !slices.ContainsFunc(n.follow, full) {
		n.follow = append(n.follow, &machine.SendFailed{Association: a.id, Full: true})
	}
}

// associate dials a peer, or an element that is to accept this registrar as its
// home.
func (n *registrarNode) associate(e *machine.Associate) {
	from := n.asap
	if e.Endpoint == machine.ENRPEndpoint {
		from = n.enrp
	}
	a := from.dial(e.To)
	if a == nil {
		n.follow = append(n.follow, &machine.AssociationFailed{Ticket: e.Ticket, Reason: "association exists already"})
		return
	}
	n.dials[e.Ticket] = a
}

// happened implements handler.
func (n *registrarNode) happened(e *end, c change) {
	t := ticketOf(n.dials, e)
	delete(n.dials, t)
	switch {
	case c.kind == transport.Up:
		n.associations[e.id] = e
		up := &machine.AssociationUp{Association: e.id, Ticket: t, Local: e.p.address(), Remote: e.address()}
		if e.p == n.enrp {
			up.Endpoint = machine.ENRPEndpoint
		}
		n.step(up)
	case t != 0:
		n.step(&machine.AssociationFailed{Ticket: t, Reason: c.reason})
	case c.kind == transport.Restarted:
		n.step(&machine.AssociationLost{Association: e.id, Restarted: true, Reason: c.reason})
	default:
		delete(n.associations, e.id)
		n.step(&machine.AssociationLost{Association: e.id, Orderly: c.kind == transport.Closed, Aborted: c.aborted, Reason: c.reason})
	}
}

// message implements handler.
func (n *registrarNode) message(e *end, ppid uint32, payload []byte) {
	n.step(&machine.Received{Association: e.id, PPID: ppid, Payload: payload})
}

// writable implements handler.
func (n *registrarNode) writable(e *end) { n.step(&machine.Writable{Association: e.id}) }

func (n *registrarNode) hear(g machine.Group, from netip.AddrPort, payload []byte) {
	if !n.dead {
		n.step(&machine.Heard{Group: g, From: from, Payload: payload})
	}
}
