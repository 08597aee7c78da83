package registrar

import (
	"errors"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/wire"
)

// scope is the registrar's part in its operation scope: who else is there, and
// what is under way between registrars (RFC 5353). It lives as long as the
// machine.
type scope struct {
	enabled  bool
	leaving  bool // Drain has come to its last step
	peers    []*peer
	contacts []*contact

	heartbeat heartbeat
	mentor    mentor
	calls     calls
	handover  handover

	dials   map[machine.Ticket]dialler
	tickets machine.Ticket
	history []TakeoverRecord // the last ones, oldest first
	links   int              // associations of the ENRP endpoint
	warned  uint32           // as an association's, of what comes from nowhere

	// Used again and again:
	decoder  enrp.Decoder
	scratch  []byte
	update   enrp.HandleUpdate
	presence enrp.Presence
	server   rserpool.Server
}

// dialler waits for an association that it has asked for.
type dialler interface {
	up(m *Machine, a *association)
	failed(m *Machine, reason string)
}

// startScope begins to look for peers.
func (m *Machine) startScope() {
	s := &m.scope
	s.enabled = m.cfg.Scope.Address.Port != 0
	s.dials = map[machine.Ticket]dialler{}
	s.calls.byPlace = map[place]*call{}
	s.calls.associations = map[place]*association{}
	s.handover.owner = &s.handover
	if s.enabled {
		m.startHeartbeat()
		for _, to := range m.cfg.Scope.Peers {
			if !samePlace(to, m.cfg.Scope.Address) {
				m.contactAt(to, true)
			}
		}
	}
	m.startMentor()
}

// associate asks for an association on behalf of d.
func (m *Machine) associate(d dialler, from machine.Endpoint, to transport.Address) machine.Ticket {
	s := &m.scope
	s.tickets++
	s.dials[s.tickets] = d
	m.effect(&machine.Associate{Ticket: s.tickets, Endpoint: from, To: to})
	return s.tickets
}

// answered returns who waits for the answer to an Associate, nil if nobody does
// any more.
func (m *Machine) answered(t machine.Ticket) dialler {
	d := m.scope.dials[t]
	delete(m.scope.dials, t)
	return d
}

// receivedENRP is the table of contents of the ENRP half.
func (m *Machine) receivedENRP(a *association, payload []byte) {
	msg, reports, err := m.scope.decoder.Parse(payload)
	if err != nil {
		m.unreadableENRP(a, payload, err)
		return
	}
	c := &m.counters.Scope
	c.Received[msg.Type()]++
	if e, ok := msg.(*enrp.Error); ok {
		// Deployed registrars give the receiver as the sender.
		some := rserpool.OperationError{Causes: e.Causes[:min(len(e.Causes), 4)]}
		m.ignore(a, PeerComplaint, some.Error())
		return
	}
	sender, receiver := msg.Ends()
	if receiver != 0 && receiver != m.cfg.ID {
		m.ignore(a, WrongReceiver, receiver.String())
		return
	}
	p, fresh := m.sender(a, sender, msg)
	if p == nil {
		return
	}
	if !fresh {
		m.heardFrom(p)
	}
	switch msg := msg.(type) {
	case *enrp.Presence:
		m.presence(a, p, msg, fresh)
	case *enrp.ListRequest:
		m.listRequest(a)
	case *enrp.ListResponse:
		m.listResponse(p, msg)
	case *enrp.HandleTableRequest:
		m.handleTableRequest(a, p, msg)
	case *enrp.HandleTableResponse:
		m.handleTableResponse(p, msg)
	case *enrp.HandleUpdate:
		m.handleUpdate(p, msg)
	case *enrp.InitTakeover:
		m.initTakeover(a, p, msg)
	case *enrp.InitTakeoverAck:
		m.initTakeoverAck(p, msg)
	case *enrp.TakeoverServer:
		m.takeoverServer(p, msg)
	}
	if fresh {
		m.greet(a, p)
	}
	if len(reports) > 0 {
		m.complainENRP(a, &rserpool.OperationError{Causes: reports})
	}
}

// unreadableENRP answers what could not be parsed, as unreadable does.
func (m *Machine) unreadableENRP(a *association, payload []byte, err error) {
	why := PeerMalformed
	isError := false
	if len(payload) > 0 {
		if t := enrp.Type(payload[0]); t == 0 || t > enrp.TypeError {
			why = PeerUnrecognized
			m.counters.Scope.Received[0]++
		} else {
			m.counters.Scope.Received[t]++
			isError = t == enrp.TypeError
		}
	}
	m.ignore(a, why, err.Error())
	var fault *wire.Error
	if isError || !errors.As(err, &fault) {
		return
	}
	if report := fault.Report(); report != nil {
		m.complainENRP(a, report)
	}
}

func (m *Machine) complainENRP(a *association, why *rserpool.OperationError) {
	m.countCauses(why)
	var to rserpool.RegistrarID
	if a.peer != nil {
		to = a.peer.id
	}
	m.tell(a, &enrp.Error{Route: enrp.Route{Sender: m.cfg.ID, Receiver: to}, Causes: why.Causes})
}

// ignore counts what had no effect, and tells the operator the first time that it
// happens on an association, or at all if it is about none.
func (m *Machine) ignore(a *association, why PeerIgnored, detail string) {
	m.counters.Scope.Ignored[why]++
	warned := &m.scope.warned
	if a != nil {
		warned = &a.warned
	}
	if *warned&(1<<why) != 0 {
		return
	}
	*warned |= 1 << why
	o := Observed{Event: PeerMisbehaves, Detail: why.String()}
	if detail != "" {
		o.Detail += ": " + detail
	}
	if a != nil {
		o.Association = a.id
		if a.peer != nil {
			o.Peer = a.peer.id
		}
	}
	m.observe(o)
}

// tell sends a message to a peer, unless it does not read.
func (m *Machine) tell(a *association, msg enrp.Message) {
	if a == nil {
		return
	}
	if !a.stalled.IsZero() {
		m.counters.Scope.Ignored[PeerStalled]++
		return
	}
	if payload := m.encode(msg); payload != nil {
		m.transmit(a, msg.Type(), payload)
	}
}

// tellAll sends a message to every peer that there is an association with
// (RFC 5353, Section 1.1).
func (m *Machine) tellAll(msg enrp.Message) {
	var payload []byte
	for _, p := range m.scope.peers {
		a := p.link()
		if a == nil {
			continue
		}
		if !a.stalled.IsZero() {
			m.counters.Scope.Ignored[PeerStalled]++
			continue
		}
		if payload == nil {
			if payload = m.encode(msg); payload == nil {
				return
			}
		}
		m.transmit(a, msg.Type(), payload)
	}
}

// encode writes a message into the outbox. It returns nil for one that is too
// long, which nothing in this package makes.
func (m *Machine) encode(msg enrp.Message) []byte {
	o := &m.out
	start := len(o.bytes)
	o.bytes = enrp.Append(o.bytes, msg)
	if len(o.bytes) == start {
		return nil
	}
	return o.bytes[start:len(o.bytes):len(o.bytes)]
}

func (m *Machine) transmit(a *association, t enrp.Type, payload []byte) {
	o := &m.out
	o.sends = append(o.sends, machine.Send{Association: a.id, PPID: enrp.PPID, Payload: payload})
	m.effect(&o.sends[len(o.sends)-1])
	m.counters.Scope.Sent[t]++
}

// to is the beginning of a message to one peer, everyone of one to all.
func (m *Machine) to(id rserpool.RegistrarID) enrp.Route {
	return enrp.Route{Sender: m.cfg.ID, Receiver: id}
}

func (m *Machine) everyone() enrp.Route { return enrp.Route{Sender: m.cfg.ID} }

// after is the instant that lies so far ahead.
func (m *Machine) after(d time.Duration) time.Time { return m.now.Add(d) }
