package registrar

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/wire"
)

// maxAnswer bounds the elements of an answer, whatever the user asks for: an
// answer cannot be split (draft-dreibholz-rserpool-asap-hropt). Deployed
// registrars have the same bound.
const maxAnswer = 128

// occasion says why an answer is given.
type occasion uint8

const (
	asked      occasion = iota // without a subscription
	subscribed                 // with one, which is accepted
	pushed                     // because the pool has changed
)

// resolution answers a user (RFC 5352, Section 3.3).
func (m *Machine) resolution(a *association, msg *asap.HandleResolution) {
	p := m.pool(msg.Handle)
	if p == nil {
		m.counters.Unknown++
		m.answerUnknown(a, msg.Handle)
		return
	}
	why := asked
	if msg.Subscribe && m.subscribe(a, p, msg.Items, msg.Attributes) {
		why = subscribed
	}
	m.answer(a, p, msg.Items, msg.Attributes, why)
}

// answer names the elements that the pool's policy gives. A pushed answer does
// not count as a selection: nobody is about to use it.
func (m *Machine) answer(a *association, p *pool, items uint32, attributes map[string]string, why occasion) {
	if !a.stalled.IsZero() {
		m.counters.Ignored[Stalled]++
		return
	}
	msg := &m.message.resolution
	clear(msg.Elements)
	*msg = asap.HandleResolutionResponse{Accepted: why != asked, Handle: p.handle, Elements: msg.Elements[:0]}
	m.request = engine.Request{Items: m.items(p, items), Preview: why == pushed, Now: m.now, Attributes: attributes}
	if len(a.remote.IPs) > 0 {
		m.request.UserAddress = a.remote.IPs[0]
	}
	m.chosen = p.space.Answer(&m.request, m.chosen[:0])
	m.wind(p)
	room := wire.MaxMessageLen - maxAnswerHead - len(p.handle)
	for _, e := range m.chosen {
		if room -= elementLen(e.Element()); room < 0 {
			break
		}
		msg.Elements = append(msg.Elements, *e.Element())
		msg.Elements[len(msg.Elements)-1].ASAPTransport = nil // registrars alone need it
	}
	clear(m.chosen)
	m.request.Attributes = nil
	if len(msg.Elements) == 0 {
		m.counters.Empty++
		msg.Error = rserpool.Fail(rserpool.LackOfResources)
		m.countCauses(msg.Error)
	} else {
		// The RFC has the pool's policy here, deployed registrars the values of
		// the first element with it, which does no harm.
		msg.Policy = msg.Elements[0].Policy
		if why != pushed {
			m.counters.Answered++
		}
	}
	m.send(a, msg)
}

// answerUnknown says that there is no such pool.
func (m *Machine) answerUnknown(a *association, handle rserpool.Handle) {
	m.counters.Errors[rserpool.UnknownPoolHandle]++
	m.send(a, &asap.HandleResolutionResponse{Handle: handle, Error: unknownPool})
}

// unknownPool is never changed.
var unknownPool = rserpool.Fail(rserpool.UnknownPoolHandle)

// items is the number of elements for an answer, where a user asks for so many.
func (m *Machine) items(p *pool, asked uint32) int {
	switch n := p.space.Options().MaxItems; {
	case asked != 0:
		return int(min(asked, maxAnswer))
	case n != 0:
		return min(n, maxAnswer)
	}
	return min(m.cfg.MaxItems, maxAnswer)
}

// maxAnswerHead is more than what an answer has beside its handle and elements:
// the header, the handle's padding, and the longest policy that is not opaque.
const maxAnswerHead = 64

// elementLen is at least the length of the element in a message.
func elementLen(e *rserpool.Element) int {
	const (
		head    = 4 + 3*4
		port    = 4 + 4 + 4
		address = 4 + 16
		policy  = 4 + 5*4
		udpPort = 4 + 4
		padding = 3 * 3
	)
	t := &e.UserTransport
	return head + port + len(t.Addresses)*address + len(t.Opaque) + policy + len(e.Policy.Data) + udpPort + wire.TagsLen(e.Tags) + padding
}
