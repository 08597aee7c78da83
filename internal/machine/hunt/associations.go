package hunt

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// associationUp takes the first attempt that succeeds as the home (SH3, SH6), and
// lets an association that a registrar opened wait for its claim.
func (m *Machine) associationUp(now time.Time, in *machine.AssociationUp) {
	if in.Ticket == 0 {
		if len(m.incoming) >= maxIncoming {
			m.emit(machine.Abort{Association: in.Association, Reason: "too many associations"})
			return
		}
		m.incoming[in.Association] = &waiting{local: in.Local, remote: in.Remote, until: now.Add(maxIdle)}
		return
	}
	s := m.attempts[in.Ticket]
	if s == nil {
		m.emit(machine.Abort{Association: in.Association, Reason: "another registrar was faster"})
		return
	}
	delete(m.attempts, in.Ticket)
	m.setHome(now, machine.HomeUp{Association: in.Association, Registrar: s.id, Local: in.Local, Remote: in.Remote}, s)
}

// associationLost hunts again where it was the home's. After a restart the
// association goes on, but the registrar has forgotten the host.
func (m *Machine) associationLost(now time.Time, in *machine.AssociationLost) {
	if m.home != nil && m.home.Association == in.Association {
		if in.Restarted {
			m.emit(machine.HomeLost{Association: in.Association, Reason: in.Reason})
			m.home.Registrar, m.home.since = 0, now
			m.emit(m.home.HomeUp)
			return
		}
		m.loseHome(now, in.Reason)
	}
}

// adopt makes the claimant the home (RFC 5352, Section 3.4, KA2.4). The former
// home's association lingers.
func (m *Machine) adopt(now time.Time, in *machine.Adopt) {
	if m.home != nil && m.home.Association == in.Association {
		m.home.Registrar = in.Registrar
		return
	}
	if !m.adoptedAt.IsZero() && now.Sub(m.adoptedAt) < adoptInterval {
		return
	}
	up := machine.HomeUp{Association: in.Association, Registrar: in.Registrar, Adopted: true}
	w := m.incoming[in.Association]
	if w == nil {
		w = m.former[in.Association]
	}
	if w == nil {
		return
	}
	up.Local, up.Remote = w.local, w.remote
	delete(m.incoming, in.Association)
	delete(m.former, in.Association)
	m.adoptedAt = now
	if m.home != nil {
		m.former[m.home.Association] = &waiting{local: m.home.Local, remote: m.home.Remote, until: now.Add(linger)}
	}
	m.setHome(now, up, nil)
}

// existing returns the association that a registrar has opened, or that it had as
// a former home; there cannot be a second one between the same two endpoints.
func (m *Machine) existing(s *server) (id machine.AssociationID, found *waiting) {
	for _, of := range []map[machine.AssociationID]*waiting{m.incoming, m.former} {
		for i, w := range of {
			if samePlace(w.remote, s.address) && (found == nil || i < id) {
				id, found = i, w
			}
		}
	}
	return id, found
}

// samePlace reports whether two addresses lead to the same endpoint.
func samePlace(a, b transport.Address) bool {
	return a.Via == b.Via && a.Port == b.Port &&
		cmp.Or(a.UDPPort, rserpool.DefaultUDPPort) == cmp.Or(b.UDPPort, rserpool.DefaultUDPPort) &&
		slices.ContainsFunc(a.IPs, func(ip netip.Addr) bool { return slices.Contains(b.IPs, ip) })
}

// tick does what is due at now.
func (m *Machine) tick(now time.Time) {
	m.table.expire(now)
	if m.open && !now.Before(m.t5Ends) {
		m.giveUpAttempts()
		m.open, m.t5 = false, min(2*m.t5, m.cfg.MaxTimeout)
	}
	for _, id := range append(due(m.former, now), due(m.incoming, now)...) {
		delete(m.former, id)
		delete(m.incoming, id)
		m.emit(machine.Shutdown{Association: id})
	}
}

// due returns the associations whose time has come, in order.
func due(of map[machine.AssociationID]*waiting, now time.Time) []machine.AssociationID {
	var ids []machine.AssociationID
	for id, w := range of {
		if !now.Before(w.until) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Deadline implements machine.Machine.
func (m *Machine) Deadline() time.Time {
	first := m.table.expiry()
	at := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	switch {
	case m.home != nil:
	case m.open:
		at(m.t5Ends)
	case len(m.table.servers) > 0:
		at(m.notBefore)
	}
	for _, w := range m.former {
		at(w.until)
	}
	for _, w := range m.incoming {
		at(w.until)
	}
	return first
}
