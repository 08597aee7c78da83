package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// announcer makes the registrar known by multicast (RFC 5352, Section 3.6), from
// when it is in sync to Drain.
type announcer struct {
	alarm
	others map[rserpool.RegistrarID]time.Time // when heard last
}

// maxOthers bounds the other registrars that are remembered: announcements are
// not authenticated.
const maxOthers = 1024

// maxScale bounds how much rarer the announcements become, in the deployed
// dialect: T7-ENRPoutdate, after which a registrar is forgotten, is five times
// T6-Serverannounce, however many registrars there are.
//
// Deviation: RFC 5352, Section 3.6 has no bound; see docs/deviations.md.
const maxScale = 4

func (m *Machine) startAnnouncing() {
	m.announcer.owner = &m.announcer
	if m.cfg.AnnounceInterval > 0 && !m.draining {
		m.alarms.set(&m.announcer.alarm, m.now)
	}
}

func (n *announcer) ring(m *Machine) {
	msg := asap.ServerAnnounce{Sender: m.cfg.ID, UDPPort: m.cfg.ASAPAddress.UDPPort}
	if to := m.cfg.ASAPAddress; len(to.IPs) > 0 {
		msg.Transports = []rserpool.Transport{{Protocol: rserpool.SCTP, Port: to.Port, UDPPort: to.UDPPort, Addresses: to.IPs}}
	}
	m.counters.Announcements++
	m.counters.Sent[asap.TypeServerAnnounce]++
	m.effect(&machine.Announce{Group: machine.ASAPGroup, Payload: asap.Append(nil, &msg)})
	m.alarms.set(&n.alarm, m.now.Add(m.spread(n.period(m), 0.125)))
}

// period is T6-Serverannounce times the number of registrars, so that they all
// announce at a steady rate together.
func (n *announcer) period(m *Machine) time.Duration {
	scale := n.count(m) + 1
	if m.cfg.Dialect == rserpool.Deployed {
		scale = min(scale, maxScale)
	}
	return time.Duration(scale) * m.cfg.AnnounceInterval
}

// count forgets those that were not heard for three of the periods in which all
// that are remembered announce, and returns the number of the rest.
func (n *announcer) count(m *Machine) int {
	horizon := m.now.Add(-3 * time.Duration(len(n.others)+1) * m.cfg.AnnounceInterval)
	for id, heard := range n.others {
		if heard.Before(horizon) {
			delete(n.others, id)
		}
	}
	return len(n.others)
}

func (m *Machine) heard(in *machine.Heard) {
	if in.Group == machine.ENRPGroup {
		m.heardPresence(in)
		return
	}
	msg, _, err := m.decoder.Parse(in.Payload)
	announce, ok := msg.(*asap.ServerAnnounce)
	if err != nil || !ok || announce.Sender == 0 {
		m.counters.Ignored[BadDatagram]++
		return
	}
	if announce.Sender == m.cfg.ID {
		return
	}
	m.counters.Received[asap.TypeServerAnnounce]++
	others := m.announcer.others
	if _, known := others[announce.Sender]; known || len(others) < maxOthers {
		others[announce.Sender] = m.now
	}
}

// spread returns d, moved by up to a share of it to either side.
func (m *Machine) spread(d time.Duration, share float64) time.Duration {
	return d + time.Duration((2*m.cfg.Rand.Float64()-1)*share*float64(d))
}
