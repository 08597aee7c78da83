package registrar

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/transport"
)

// enrpHandler is a Registrar as its ENRP endpoint sees it.
type enrpHandler Registrar

// Event implements transport.Handler.
func (h *enrpHandler) Event(a transport.Association, kind transport.EventKind, err error) {
	(*Registrar)(h).event(machine.ENRPEndpoint, a, kind, err)
}

// Message implements transport.Handler.
func (h *enrpHandler) Message(a transport.Association, m transport.Message) {
	(*Registrar)(h).message(a, m)
}

// openENRP opens the endpoint for peers and the group of presences.
func (r *Registrar) openENRP(cfg *Config) error {
	if cfg.ENRP.Disabled {
		return nil
	}
	port, err := portOr(cfg.ENRPPort, enrp.Port, "ENRP port")
	if err != nil {
		return err
	}
	if r.enrp, err = r.door.Open(transport.EndpointConfig{Port: port, Listen: true, Handler: (*enrpHandler)(r)}); err != nil {
		return err
	}
	if cfg.Announce.Disabled || cfg.ENRP.Announce.Disabled {
		return nil
	}
	a := &cfg.ENRP.Announce
	r.peerGroup, err = r.join(groupSettings{
		group: a.Group, byDefault: enrp.DeployedGroup, iface: cmp.Or(a.Interface, cfg.Announce.Interface),
		ttl: cmp.Or(a.TTL, cfg.Announce.TTL), from: r.enrp.Local().Port, as: machine.ENRPGroup,
		without: "peers are not found by multicast",
	})
	return err
}

// scope returns the machine's part of the configuration.
func (r *Registrar) scope(cfg *Config) (role.ScopeConfig, error) {
	c := &cfg.ENRP
	s := role.ScopeConfig{
		Multicast:         r.peerGroup != nil,
		HeartbeatInterval: c.HeartbeatInterval,
		MaxTimeLastHeard:  c.MaxTimeLastHeard,
		MaxTimeNoResponse: c.MaxTimeNoResponse,
		MentorTimeout:     c.MentorTimeout,
		TakeoverTimeout:   c.TakeoverTimeout,
		HandoverTimeout:   c.HandoverTimeout,
		Suggest:           c.Suggest,
		DistanceStep:      c.DistanceStep,
		MaxPeers:          c.MaxPeers,
	}
	if r.enrp == nil {
		return s, nil
	}
	s.Address = r.PeerAddress()
	if s.Address.UDPPort == rserpool.DefaultUDPPort {
		s.Address.UDPPort = 0
	}
	for _, text := range c.Peers {
		to, err := transport.ParseAddress(text)
		if err != nil {
			return s, fmt.Errorf("peer: %w", err)
		}
		if to.Via != transport.SCTP {
			return s, fmt.Errorf("peer %q: registrars speak to each other over SCTP alone; leave %s:// out", text, to.Via)
		}
		if to.Port == 0 {
			return s, fmt.Errorf("peer %q: the port is 0; registrars have 9901 for each other", text)
		}
		s.Peers = append(s.Peers, to)
	}
	return s, nil
}

// PeerAddress returns where peers reach the registrar, the zero Address if ENRP is
// disabled.
func (r *Registrar) PeerAddress() transport.Address {
	if r.enrp == nil {
		return transport.Address{}
	}
	return r.enrp.Local()
}

// associate dials. The machine hears what comes of it.
func (r *Registrar) associate(e *machine.Associate) {
	from := r.asap
	if e.Endpoint == machine.ENRPEndpoint {
		from = r.enrp
	}
	a, err := from.Dial(e.To)
	if err != nil {
		r.follow = append(r.follow, &machine.AssociationFailed{Ticket: e.Ticket, Reason: err.Error()})
		return
	}
	r.dials[machine.AssociationID(a.ID())] = e.Ticket
}

// measure tells the machine an association's round-trip time.
func (r *Registrar) measure(e *role.Measure) {
	if a := r.associations[e.Association]; a != nil {
		r.follow = append(r.follow, &role.Measured{Association: e.Association, RTT: a.RTT()})
	}
}

// groupSettings say how a group is joined.
type groupSettings struct {
	group     string // as configured
	byDefault netip.AddrPort
	iface     string
	ttl       int
	from      uint16 // port that deployed peers take for that of the endpoint
	as        machine.Group
	without   string // what is missing where the group cannot be joined
}

// join opens a multicast group. A machine without multicast still has a registrar,
// which others find by a list.
func (r *Registrar) join(g groupSettings) (transport.Group, error) {
	to := g.byDefault
	if g.group != "" {
		var err error
		if to, err = netip.ParseAddrPort(g.group); err != nil || !to.Addr().IsMulticast() {
			return nil, fmt.Errorf("announce group %q: want a multicast address and a port, as in %v", g.group, g.byDefault)
		}
	}
	m, ok := r.door.(transport.Multicast)
	if !ok {
		return nil, nil
	}
	group, err := m.Join(transport.GroupConfig{
		Group:      to,
		SourcePort: g.from,
		Interface:  g.iface,
		TTL:        cmp.Or(g.ttl, 30),
		Receive: func(from netip.AddrPort, payload []byte) {
			r.input(&machine.Heard{Group: g.as, From: from, Payload: payload})
		},
	})
	if err != nil {
		r.log.Warn(g.without, "group", to.String(), "error", err)
		return nil, nil
	}
	return group, nil
}

// handoverTime is how long the machine may take to hand its elements over.
func handoverTime(cfg *ENRPConfig) time.Duration {
	switch d := cfg.HandoverTimeout; {
	case cfg.Disabled || d < 0:
		return 0
	case d == 0:
		return 5 * time.Second
	default:
		return d
	}
}
