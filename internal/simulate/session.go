package simulate

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/transport"
)

// question is a resolution that waits for its answer.
type question struct {
	since  time.Duration
	handle rserpool.Handle
	answer func(user.Resolved)
}

// ask hands a resolution to the resolver.
func (m *member) ask(q user.Resolve, answer func(user.Resolved)) machine.Ticket {
	m.asked++
	q.Ticket = m.asked
	m.questions[q.Ticket] = question{m.w.now, q.Handle, answer}
	m.step(m.resolver, &q)
	return q.Ticket
}

func (m *member) performResolver(e machine.Effect) {
	switch e := e.(type) {
	case user.Report:
		m.w.note("%s reports %s/%v", m.h.name, e.Handle, e.Element)
	case user.Resolved:
		q, ok := m.questions[e.Ticket]
		if !ok {
			m.w.fail(Unexpected, "%s: a question is answered that was not asked", m.h.name)
			return
		}
		delete(m.questions, e.Ticket)
		q.answer(e)
	default:
		m.w.fail(Unexpected, "%s: nobody carries out a %T", m.h.name, e)
	}
}

// resolvePace is the time between two resolutions of a handle.
const resolvePace = 1300 * time.Millisecond

// resolve asks for a pool's elements again and again.
func (m *member) resolve(h rserpool.Handle, cache time.Duration) {
	m.later(resolvePace, func() {
		m.resolveNow(h, cache)
		m.resolve(h, cache)
	})
}

// resolveNow asks for a pool's elements.
func (m *member) resolveNow(h rserpool.Handle, cache time.Duration) {
	m.ask(user.Resolve{Handle: h, CacheTime: cache}, func(a user.Resolved) { m.w.resolved(m, h, a) })
}

// session is a user's session and the application behind it, which sends a
// message every now and then and counts the echoes.
type session struct {
	*role
	m        *member
	handle   rserpool.Handle
	machine  *user.Session
	inputs   []machine.Input
	stepping bool
	endpoint *endpoint
	link     *end
	linked   bool // the link is up
	ticket   machine.Ticket
	question machine.Ticket
	over     bool

	sent    uint32
	heard   time.Duration // when the last echo came
	up      time.Duration // since when it is connected, zero while it is not
	down    time.Duration // since when it is not
	element rserpool.ElementID
	cookie  []byte // the last that has arrived
}

// pace is the time between two messages of a session.
const pace = 700 * time.Millisecond

// begin starts a session.
func (m *member) begin(h rserpool.Handle) *session {
	w := m.w
	s := &session{m: m, handle: h, down: w.now}
	s.machine = user.NewSession(user.SessionConfig{
		Handle:          h,
		Items:           w.setting.Items,
		CacheTime:       w.setting.CacheTime,
		Subscribe:       w.setting.Subscribe,
		ConnectTimeout:  w.setting.ConnectTimeout,
		FailoverDelay:   w.setting.FailoverDelay,
		FailoverTimeout: w.setting.FailoverLimit,
		MaxQueue:        16,
		MaxQueueBytes:   4096,
	})
	s.role = m.addRole("session", s.machine, s.step)
	m.sessions = append(m.sessions, s)
	w.note("%s begins a session with %s", m.h.name, h)
	s.step(&user.Start{})
	m.later(pace, s.speak)
	return s
}

// speak sends the next message.
func (s *session) speak() {
	if s.over {
		return
	}
	if s.machine.Offer(transport.Message{PPID: 0, Payload: binary.BigEndian.AppendUint32(nil, s.sent+1)}) {
		s.sent++
	}
	s.pump()
	s.m.later(pace, s.speak)
}

func (s *session) step(in machine.Input) {
	s.inputs = append(s.inputs, in)
	if s.stepping || s.over {
		return
	}
	s.stepping = true
	for i := 0; i < len(s.inputs) && s.m.w.failure == nil; i++ {
		for _, e := range s.role.step(s.inputs[i]) {
			s.perform(e)
		}
	}
	clear(s.inputs)
	s.inputs, s.stepping = s.inputs[:0], false
	s.pump()
	s.arm()
}

func (s *session) perform(e machine.Effect) {
	switch e := e.(type) {
	case user.Resolve:
		t := e.Ticket
		s.question = s.m.ask(e, func(a user.Resolved) {
			a.Ticket = t
			s.m.later(0, func() { s.step(&a) })
		})
	case user.Report:
		s.m.step(s.m.resolver, &e)
	case machine.Associate:
		s.associate(e)
	case machine.Cancel:
		if _, ok := s.m.questions[s.question]; ok {
			delete(s.m.questions, s.question)
			s.m.step(s.m.resolver, &machine.Cancel{Ticket: s.question})
		}
		s.drop()
	case machine.Abort:
		if s.link != nil && s.link.id == e.Association {
			s.drop()
		}
	case machine.Shutdown:
		if s.link == nil || s.link.id != e.Association {
			s.m.w.fail(DeadAssociation, "%s: a session shuts an association down that is gone", s.m.h.name)
			return
		}
		s.link.shutdown()
	case user.Connected:
		s.up, s.element = s.m.w.now, e.Element.ID
		s.m.w.note("%s is served by %s/%v", s.m.h.name, s.handle, s.element)
		if f := e.Failover; f != nil {
			s.m.w.failedOver(s, f)
		}
	case user.Ended:
		s.ended(e.Err)
	default:
		s.m.w.fail(Unexpected, "%s: nobody carries out a %T", s.m.h.name, e)
	}
}

// ended begins anew where the session did not end in order.
func (s *session) ended(err error) {
	s.over, s.up = true, 0
	s.drop()
	s.m.sessions = slices.DeleteFunc(s.m.sessions, func(o *session) bool { return o == s })
	s.m.w.note("%s ends its session with %s: %v", s.m.h.name, s.handle, err)
	down := s.down
	if err != nil {
		s.m.later(retry, func() { s.m.begin(s.handle).down = down })
	}
}

// associate dials an element, each time from another port.
func (s *session) associate(e machine.Associate) {
	s.drop()
	s.ticket = e.Ticket
	s.endpoint = s.m.h.open(0, false, s)
	if s.link = s.endpoint.dial(e.To); s.link == nil {
		s.drop()
		s.step(&machine.AssociationFailed{Ticket: e.Ticket, Reason: "nobody has that address"})
	}
}

// drop forgets the association, or the attempt at one.
func (s *session) drop() {
	if s.endpoint != nil {
		s.endpoint.close()
		s.endpoint = nil
	}
	if s.linked {
		s.down = s.m.w.now
	}
	s.link, s.linked, s.up = nil, false, 0
}

// pump sends what waits as far as the association takes it.
func (s *session) pump() {
	for s.link != nil && s.linked && !s.link.full {
		m := s.machine.Outgoing()
		if m == nil {
			return
		}
		if m.PPID == asap.PPID {
			s.m.w.sent(s.m.h, s.link, m.PPID, m.Payload)
			s.checkEcho(m.Payload)
		}
		if !s.link.send(m.PPID, m.Payload) {
			return
		}
		s.machine.Sent()
	}
}

// checkEcho sees to it that the new element gets the newest cookie.
func (s *session) checkEcho(payload []byte) {
	m, _, _ := asap.Parse(payload)
	if e, ok := m.(*asap.CookieEcho); !ok || !slices.Equal(e.Cookie, s.cookie) {
		s.m.w.fail(Cookie, "%s echoes %v, and the last cookie was %x", s.m.h.name, m, s.cookie)
	}
}

// happened implements handler.
func (s *session) happened(e *end, c change) {
	if e != s.link {
		return
	}
	switch {
	case c.kind == transport.Up:
		s.linked = true
		s.step(&machine.AssociationUp{Association: e.id, Ticket: s.ticket, Local: e.p.address(), Remote: e.address()})
	case c.kind == transport.Restarted:
		s.step(&machine.AssociationLost{Association: e.id, Restarted: true, Reason: c.reason})
	case !s.linked:
		s.drop()
		s.step(&machine.AssociationFailed{Ticket: s.ticket, Reason: c.reason})
	default:
		s.drop()
		s.step(&machine.AssociationLost{Association: e.id, Orderly: c.kind == transport.Closed, Aborted: c.aborted, Reason: c.reason})
	}
}

// message implements handler.
func (s *session) message(e *end, ppid uint32, payload []byte) {
	if e != s.link {
		return
	}
	if ppid != asap.PPID {
		s.heard = s.m.w.now
		return
	}
	if m, _, err := asap.Parse(payload); err == nil {
		if k, ok := m.(*asap.Cookie); ok {
			s.cookie = slices.Clone(k.Cookie)
		}
	}
	s.step(&machine.Received{Association: e.id, PPID: ppid, Payload: payload})
}

// writable implements handler.
func (s *session) writable(e *end) {
	if e == s.link {
		s.pump()
	}
}

// String says how the session is.
func (s *session) String() string {
	if s.up > 0 {
		return fmt.Sprintf("session of %s with %s/%v", s.m.h.name, s.handle, s.element)
	}
	return fmt.Sprintf("session of %s with %s, down for %v", s.m.h.name, s.handle, s.m.w.now-s.down)
}
