package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// outbox collects the effects of one Step. All of it is used again in the next:
// sending does not allocate once the slices have grown.
type outbox struct {
	effects  []machine.Effect
	sends    []machine.Send
	observed []Observed
	bytes    []byte // of all payloads
}

// What an outbox keeps for the next Step, at most.
const (
	keptEffects = 4096
	keptBytes   = 1 << 20
)

func (o *outbox) reset() {
	if cap(o.effects) > keptEffects || cap(o.bytes) > keptBytes {
		*o = outbox{}
		return
	}
	clear(o.effects)
	o.effects, o.sends, o.observed, o.bytes = o.effects[:0], o.sends[:0], o.observed[:0], o.bytes[:0]
}

func (m *Machine) effect(e machine.Effect) { m.out.effects = append(m.out.effects, e) }

// send answers over an association, unless the peer does not read its answers.
// Growth of the slices leaves earlier effects where they are: in the old arrays.
func (m *Machine) send(a *association, msg asap.Message) {
	if !a.stalled.IsZero() {
		m.counters.Ignored[Stalled]++
		return
	}
	o := &m.out
	start := len(o.bytes)
	o.bytes = asap.Append(o.bytes, msg)
	if len(o.bytes) == start {
		// Only a handle that almost fills the request can do that.
		msg = &asap.Error{Causes: []rserpool.Cause{{Code: rserpool.InvalidValues}}}
		m.counters.Errors[rserpool.InvalidValues]++
		o.bytes = asap.Append(o.bytes, msg)
	}
	o.sends = append(o.sends, machine.Send{
		Association: a.id,
		PPID:        asap.PPID,
		Payload:     o.bytes[start:len(o.bytes):len(o.bytes)],
	})
	m.effect(&o.sends[len(o.sends)-1])
	m.counters.Sent[msg.Type()]++
}

// Event names what an Observed is about.
type Event uint8

// The events.
const (
	PoolCreated Event = iota
	PoolEmptied
	ElementJoined
	ElementMoved // to another association, or another home
	ElementLeft
	RegistrationRefused
	MessageRefused
	AssociationEnded // by this side
	PeerComplained
	PolicyFailed // for the first time in a while
	PolicyLeft   // for the next one of the pool's chain
	PolicyTried  // again, for nothing
	PolicyReturned
	PoolTooLarge // for its policy
	InSync       // this registrar, with its mentor
	PeerFound    // another registrar
	PeerLost
	PeerRevived // it was taken for dead
	PeerDisagrees
	PeerMisbehaves
	TakeoverBegun // by this registrar
	TakeoverDone
	TakeoverByPeer
)

var eventNames = [...]string{"pool is new", "pool is gone", "element has joined", "element has moved", "element has left", "registration is refused", "message is refused", "association is ended", "peer reports an error",
	"policy fails", "policy is left for the next", "policy is tried again", "policy is back", "pool is too large for its policy",
	"handlespace is in sync", "peer is found", "peer is lost", "peer is alive after all", "peer is audited: checksums differ", "peer is ignored", "takeover has begun", "takeover is done", "peer has taken over"}

// String returns the event as a log says it.
func (e Event) String() string { return eventNames[e] }

// Observed is an effect that tells the operator something. It asks for nothing.
type Observed struct {
	Event       Event
	Handle      rserpool.Handle
	Element     rserpool.ElementID
	Association machine.AssociationID
	Detail      string // a reason or fault, where there is one

	Policy, Version, Hash string // that it is about
	Next                  string // policy that the pool goes by from now on
	Peer                  rserpool.RegistrarID
	Count                 int           // elements taken over
	Took                  time.Duration // from the peer's loss on
}

func (m *Machine) observe(ev Observed) {
	m.out.observed = append(m.out.observed, ev)
	m.effect(&m.out.observed[len(m.out.observed)-1])
}
