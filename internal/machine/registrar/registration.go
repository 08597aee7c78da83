package registrar

import (
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/wire"
)

// registration lets an element into a pool, or renews its entry (RFC 5352,
// Section 3.1). It is always answered.
func (m *Machine) registration(a *association, msg *asap.Registration) {
	answer := &m.message.registration
	*answer = asap.RegistrationResponse{Handle: msg.Handle, Element: msg.Element.ID}
	if why := m.register(a, msg); why != nil {
		m.counters.Refused++
		m.countCauses(why)
		answer.Reject, answer.Error = true, why
		detail := why.Error()
		if err := rserpool.CheckHandle(msg.Handle, m.cfg.MaxHandleLength); err != nil {
			detail = err.Error() // which names the remedy
		}
		m.observe(Observed{Event: RegistrationRefused, Handle: msg.Handle, Element: msg.Element.ID, Association: a.id, Detail: detail})
	}
	m.send(a, answer)
}

// register follows the rules of the RFC, and returns why the registration is
// refused.
func (m *Machine) register(a *association, msg *asap.Registration) *rserpool.OperationError {
	if why := m.wellFormed(a, msg); why != nil {
		return why
	}
	el := &msg.Element
	if !m.admits(msg.Handle, a) {
		return rserpool.Fail(rserpool.SecurityRejection)
	}
	known := m.member(msg.Handle, el.ID)
	if known != nil && m.collides(a, known) {
		m.verify(known) // the other may be dead, and this one back from elsewhere
		return rserpool.Fail(rserpool.NonUniqueElementID)
	}
	life := m.grant(a, el)
	moved := known != nil && !sameTransport(&known.entry.Element().UserTransport, &el.UserTransport)
	entry, _, refusal := m.space.Register(m.now, msg.Handle, el, m.now.Add(life))
	switch {
	case refusal != nil:
		return m.refuse(refusal)
	case known == nil:
		m.counters.Registered++
		m.joined(a, entry)
	default:
		m.counters.Reregistered++
		m.renewed(a, known, moved)
	}
	e := entry.Attachment.(*member)
	e.distance = el.Policy.Distance
	m.publish(e, enrp.AddElement)
	return nil
}

// refuse puts the handlespace's refusal into an error cause with its information
// (RFC 5354, Section 3.12).
func (m *Machine) refuse(r *handlespace.Refusal) *rserpool.OperationError {
	switch r.Code {
	case rserpool.InvalidValues:
		return m.invalid(rserpool.DeployedInvalidPolicy, wire.AppendPolicy(nil, &r.Policy))
	case rserpool.InconsistentPolicy:
		return rserpool.Fail(r.Code, wire.AppendPolicy(nil, &r.Policy)...)
	case rserpool.InconsistentTransport:
		return rserpool.Fail(r.Code, wire.AppendTransport(nil, &r.Transport)...)
	}
	return rserpool.Fail(r.Code)
}

// wellFormed looks at the registration alone. It leaves out addresses that are
// not the association's.
func (m *Machine) wellFormed(a *association, msg *asap.Registration) *rserpool.OperationError {
	if rserpool.CheckHandle(msg.Handle, m.cfg.MaxHandleLength) != nil {
		// The handle is not sent back: it may be as long as a message.
		return m.invalid(rserpool.DeployedInvalidHandle, nil)
	}
	el := &msg.Element
	if el.ID == 0 {
		return m.invalid(rserpool.DeployedInvalidElementID, wire.AppendElementID(nil, 0))
	}
	if _, known := el.Policy.Type.Fields(); !known && len(el.Policy.Data) > maxOpaque {
		return rserpool.Fail(rserpool.InvalidValues)
	}
	t := &el.UserTransport
	if t.Protocol == rserpool.Opaque {
		if len(t.Opaque) > maxOpaque {
			return rserpool.Fail(rserpool.InvalidValues)
		}
		return nil
	}
	usable, all := a.usable(t.Addresses)
	if len(usable) == 0 || t.Port == 0 || !all && m.cfg.Dialect == rserpool.RFC {
		return m.invalid(rserpool.DeployedNoUserAddresses, wire.AppendTransport(nil, t))
	}
	if !all {
		m.counters.Trimmed++
		t.Addresses = usable
	}
	return nil
}

// admits reports whether the peer may register elements of a pool, and take them
// out (RFC 5352, Section 9.2).
func (m *Machine) admits(h rserpool.Handle, a *association) bool {
	return m.cfg.Admit == nil || m.cfg.Admit(h, a.identity)
}

// maxOpaque bounds the bytes of an element that the registrar stores without
// understanding them: opaque transports, and values of unknown policies.
const maxOpaque = 512

// usable returns the addresses that are the association's, each once, and
// whether that is all: an element may register only those by which it can be
// reached (RFC 5352, Section 2.2.1).
//
// Deviation: the RFC refuses the rest, deployed registrars leave it out, and so
// does this one in their dialect; see docs/deviations.md.
func (a *association) usable(addresses []netip.Addr) (usable []netip.Addr, all bool) {
	bad := func(i int) bool {
		ip := addresses[i]
		return ip.Is4In6() || ip.Zone() != "" || !slices.Contains(a.remote.IPs, ip) || slices.Contains(addresses[:i], ip)
	}
	for i := range addresses {
		if !bad(i) {
			continue
		}
		kept := slices.Clone(addresses[:i])
		for _, ip := range addresses[i:] {
			if ip = ip.Unmap().WithZone(""); slices.Contains(a.remote.IPs, ip) && !slices.Contains(kept, ip) {
				kept = append(kept, ip)
			}
		}
		return kept, false
	}
	return addresses, true
}

// collides reports whether the known element is somebody else than who registers
// now: it is on another host, and its association lives. The RFC leaves open how
// to tell that from an element that has moved.
func (m *Machine) collides(a *association, known *member) bool {
	return known.entry.Home() == m.cfg.ID && known.association != nil && known.association != a && !known.association.sharesAddress(a)
}

// strange reports whether an element that another registrar is the home of is on
// another host than who asks for its end.
func (m *Machine) strange(a *association, e *member) bool {
	t := e.entry.Element().ASAPTransport
	return e.entry.Home() != m.cfg.ID && e.association != a &&
		t != nil && !slices.ContainsFunc(t.Addresses, func(ip netip.Addr) bool { return slices.Contains(a.remote.IPs, ip) })
}

// grant fills in what the registrar decides (RFC 5352, Section 3.1, rule 4) and
// returns for how long the registration holds.
func (m *Machine) grant(a *association, el *rserpool.Element) time.Duration {
	life := m.cfg.DefaultLife
	if el.Life != 0 {
		life = min(max(m.cfg.Dialect.Duration(el.Life), m.cfg.MinLife), m.cfg.MaxLife)
	}
	el.Life = m.cfg.Dialect.Life(life)
	el.Home = m.cfg.ID
	el.ASAPTransport = a.asap
	el.Policy.Distance = 0
	if hasDistance(el.Policy.Type) {
		el.Policy.Distance = a.distance // from here, whatever it says itself
		m.measure(a)
	}
	return life
}

// sameTransport reports whether users reach both alike.
func sameTransport(a, b *rserpool.Transport) bool {
	return a.Port == b.Port && a.UDPPort == b.UDPPort && a.ServiceCode == b.ServiceCode &&
		a.Opaque == b.Opaque && slices.Equal(a.Addresses, b.Addresses)
}
