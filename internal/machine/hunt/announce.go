package hunt

import (
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// heard adds an announced registrar to the table, or restarts its T7
// (RFC 5352, Section 3.6). One that is new is tried at once, where the hunt
// waits only because all others have failed.
func (m *Machine) heard(now time.Time, in *machine.Heard) {
	if in.Group != machine.ASAPGroup {
		return
	}
	msg, _, err := asap.Parse(in.Payload)
	a, ok := msg.(*asap.ServerAnnounce)
	if err != nil || !ok || a.Sender == 0 {
		return
	}
	to, ok := m.announced(a, in.From)
	if !ok {
		return
	}
	if m.table.announce(to, a.Sender, now.Add(m.cfg.AnnounceTimeout)) && m.home == nil && !m.open && m.rounds != 0 {
		// The round goes on, since those that have failed in it are not tried again.
		m.open, m.t5Ends, m.notBefore = true, now.Add(m.t5), now
	}
}

// announced returns where an announced registrar is reached: at its SCTP
// transport, or at the source of the datagram if it names no transport.
//
// Deviation: RFC 5352, Section 3.6 has the well-known port then; deployed
// registrars mean the source port. See docs/deviations.md.
func (m *Machine) announced(a *asap.ServerAnnounce, from netip.AddrPort) (transport.Address, bool) {
	source := from.Addr().Unmap().WithZone("")
	for _, t := range a.Transports {
		if t.Protocol != rserpool.SCTP || t.Port == 0 {
			continue
		}
		to := transport.Address{Port: t.Port, UDPPort: t.UDPPort}
		for _, ip := range t.Addresses {
			if ip.IsUnspecified() {
				ip = source
			}
			to.IPs = append(to.IPs, ip)
		}
		if len(to.IPs) > 0 {
			return to, true
		}
	}
	if len(a.Transports) > 0 {
		return transport.Address{}, false
	}
	to := transport.Address{IPs: []netip.Addr{source}, Port: asap.Port, UDPPort: a.UDPPort}
	if m.cfg.Dialect == rserpool.Deployed && from.Port() != 0 {
		to.Port = from.Port()
	}
	return to, source.IsValid()
}
