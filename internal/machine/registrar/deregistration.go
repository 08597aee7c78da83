package registrar

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
)

// deregistration lets an element go (RFC 5352, Section 3.2). Who asks for an
// element that is not registered has what it wants. Nobody may deregister
// another host's element, or one that it might not register.
func (m *Machine) deregistration(a *association, msg *asap.Deregistration) {
	answer := &m.message.deregistration
	*answer = asap.DeregistrationResponse{Handle: msg.Handle, Element: msg.Element}
	if e := m.member(msg.Handle, msg.Element); e != nil {
		if m.collides(a, e) || m.strange(a, e) || !m.admits(msg.Handle, a) {
			answer.Error = rserpool.Fail(rserpool.SecurityRejection)
			m.countCauses(answer.Error)
		} else {
			m.takeHome(e) // or nobody would believe that it is gone
			m.remove(e, Deregistered)
		}
	}
	m.send(a, answer)
}

// notify tells an element unasked that it is not registered any more: its life
// has ended (RFC 5352, Section 3.2), or it was silent for too long. If it lives
// it can register anew.
func (m *Machine) notify(a *association, handle rserpool.Handle, id rserpool.ElementID) {
	if a == nil || m.associations[a.id] != a {
		return
	}
	answer := &m.message.deregistration
	*answer = asap.DeregistrationResponse{Handle: handle, Element: id}
	m.send(a, answer)
}
