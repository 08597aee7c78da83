package simulate

import (
	"encoding/binary"
	"errors"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/element"
	"github.com/rspool/rspool/internal/transport"
)

// service is one element of a member: a port at which sessions are served by
// echoes, and the wish to be in a pool.
type service struct {
	m        *member
	plan     *elementPlan
	id       rserpool.ElementID
	policy   rserpool.Policy
	ticket   machine.Ticket
	endpoint *endpoint
	wanted   bool // it is to be in its pool
	known    bool // its machine has been told so, and has not forgotten it
	// confirmed is since when the present home has confirmed the element without
	// a break, and zero while it has not.
	confirmed time.Duration
	served    map[*end]*served
}

// served is the element's end of a session.
type served struct {
	echoes uint32
	state  uint32 // the number that the last cookie held
}

// elementPlan is what an element is, from one life of its host to the next.
type elementPlan struct {
	handle rserpool.Handle
	number uint32 // of the element in the world, from 1 to 255
	prefix uint32 // of its identifiers: their first byte
	lives  uint32
	port   uint16
	policy rserpool.Policy
}

// retry is when an application tries again what has failed.
const retry = time.Second

// serve opens the service's port and lets it join its pool.
func (m *member) serve(plan *elementPlan, anew bool) *service {
	s := &service{m: m, plan: plan, policy: plan.policy, served: map[*end]*served{}}
	if anew || plan.lives == 0 {
		plan.lives++
	}
	s.endpoint = m.h.open(plan.port, true, s)
	m.services = append(m.services, s)
	s.ticket = machine.Ticket(len(m.services))
	s.join()
	return s
}

// join registers the element.
func (s *service) join() {
	w := s.m.w
	s.wanted, s.known = true, true
	s.id = rserpool.ElementID(s.plan.prefix<<24 | s.plan.number<<8 | s.plan.lives&0xff)
	w.live[elementKey{s.plan.handle, s.id}] = s
	delete(w.died, elementKey{s.plan.handle, s.id})
	w.note("%s registers %s/%v", s.m.h.name, s.plan.handle, s.id)
	s.m.step(s.m.elements, &element.Register{
		Ticket: s.ticket,
		Handle: s.plan.handle,
		Element: rserpool.Element{
			ID:            s.id,
			UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: s.endpoint.port},
			Policy:        s.policy,
		},
		Life:              w.setting.Life,
		Reregister:        w.setting.Reregister,
		RegisterTimeout:   w.setting.RegisterTimeout,
		DeregisterTimeout: w.setting.RegisterTimeout,
		MaxAttempts:       2,
		LoadInterval:      100 * time.Millisecond,
	})
}

// part takes the element out of its pool.
func (s *service) part() {
	if s.wanted {
		s.m.w.note("%s deregisters %s/%v", s.m.h.name, s.plan.handle, s.id)
		s.out()
		s.m.step(s.m.elements, &element.Deregister{Ticket: s.ticket})
	}
}

// out notes that the element is not to be in its pool any more.
func (s *service) out() {
	s.wanted, s.confirmed = false, 0
	key := elementKey{s.plan.handle, s.id}
	if s.m.w.live[key] == s {
		delete(s.m.w.live, key)
		s.m.w.died[key] = s.m.w.now
	}
}

// unconfirm notes that the home is another one, or none.
func (m *member) unconfirm() {
	for _, s := range m.services {
		s.confirmed = 0
	}
}

func (m *member) performElement(e machine.Effect) {
	byTicket := func(t machine.Ticket) *service { return m.services[t-1] }
	switch e := e.(type) {
	case element.Registered:
		if s := byTicket(e.Ticket); s.wanted && s.confirmed == 0 {
			s.confirmed = m.w.now
		}
	case element.Refused:
		s := byTicket(e.Ticket)
		s.confirmed = 0
		m.w.note("%s/%v is refused: %v", s.plan.handle, s.id, e.Err)
		if e.First {
			s.again(errors.Is(e.Err, rserpool.Fail(rserpool.NonUniqueElementID)))
		}
	case element.Failed:
		byTicket(e.Ticket).again(false)
	case element.Deregistered:
		byTicket(e.Ticket).known = false
	case element.Lapsed:
		s := byTicket(e.Ticket)
		s.confirmed = 0
		m.w.note("%s/%v has lapsed", s.plan.handle, s.id)
	case element.Reported:
		m.w.note("%s hears an error: %v", m.h.name, e.Err)
	default:
		m.w.fail(Unexpected, "%s: nobody carries out a %T", m.h.name, e)
	}
}

// again tries to register after a while what was not registered.
func (s *service) again(renamed bool) {
	s.known = false
	wanted := s.wanted
	s.out()
	if wanted {
		if renamed {
			s.plan.lives++
		}
		s.m.later(retry, s.rejoin)
	}
}

// later lets the member's application do something, if it lives then.
func (m *member) later(d time.Duration, do func()) {
	m.w.after(d, func() {
		switch {
		case m.dead:
		case m.h.stopped > 0:
			m.h.waiting = append(m.h.waiting, func() { m.later(0, do) })
		default:
			do()
		}
	})
}

// change gives the element another load.
func (s *service) change(load rserpool.Load) {
	s.policy.Load = load
	s.m.step(s.m.elements, &element.Update{Ticket: s.ticket, Policy: s.policy})
}

// cookieEvery is how many echoes there are to a cookie.
const cookieEvery = 3

// message implements handler: it echoes what it hears.
func (s *service) message(e *end, ppid uint32, payload []byte) {
	v := s.served[e]
	if v == nil {
		return
	}
	if ppid == asap.PPID {
		s.control(v, payload)
		return
	}
	v.echoes++
	e.send(ppid, payload)
	if v.echoes%cookieEvery == 0 {
		v.state++
		e.send(asap.PPID, asap.Append(nil, &asap.Cookie{Cookie: binary.BigEndian.AppendUint32(nil, v.state)}))
	}
}

func (s *service) control(v *served, payload []byte) {
	m, _, err := asap.Parse(payload)
	echo, ok := m.(*asap.CookieEcho)
	switch {
	case err != nil || !ok || len(echo.Cookie) != 4 || v.echoes > 0:
		s.m.w.fail(Unexpected, "%s hears %x on the control channel", s.m.h.name, payload)
	default:
		v.state = binary.BigEndian.Uint32(echo.Cookie)
	}
}

// happened implements handler.
func (s *service) happened(e *end, c change) {
	switch c.kind {
	case transport.Up:
		s.served[e] = &served{}
	case transport.Restarted:
		e.abort("restarted")
	default:
		delete(s.served, e)
	}
}

// writable implements handler. An echo that found no room is lost.
func (s *service) writable(*end) {}

// rejoin registers the element again, as soon as it has left.
func (s *service) rejoin() {
	switch {
	case s.wanted:
	case s.known:
		s.m.later(retry, s.rejoin)
	default:
		s.join()
	}
}
