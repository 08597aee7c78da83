package registrar

import (
	"cmp"
	"fmt"
	"net/netip"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/udp"
)

// open opens the door where none is given, the ASAP endpoint and the group of
// announcements. Where it fails, shut closes what it opened.
func (r *Registrar) open(cfg *Config) error {
	if r.door == nil {
		door, err := openDoor(cfg)
		if err != nil {
			return err
		}
		r.door, r.owned = door, true
	}
	port, err := portOr(cfg.ASAPPort, asap.Port, "ASAP port")
	if err == nil {
		r.asap, err = r.door.Open(transport.EndpointConfig{Port: port, Listen: true, Handler: (*asapHandler)(r)})
	}
	if err == nil && !cfg.Announce.Disabled {
		err = r.join(&cfg.Announce)
	}
	return err
}

// openDoor opens the userland SCTP over UDP.
func openDoor(cfg *Config) (transport.Door, error) {
	c := udp.Config{
		HeartbeatInterval: cfg.HeartbeatInterval,
		MaxRetrans:        cfg.HeartbeatRetries,
		MaxAssociations:   cfg.MaxAssociations,
	}
	port, err := portOr(cfg.UDPPort, udp.Port, "UDP port")
	if err != nil {
		return nil, err
	}
	c.UDPPort = int(port)
	if cfg.Listen != "" {
		if c.Listen, err = netip.ParseAddr(cfg.Listen); err != nil {
			return nil, fmt.Errorf("listen %q: want an IP address, as in 192.0.2.1", cfg.Listen)
		}
	}
	return udp.Open(c)
}

// portOr returns a port where zero stands for a default, and what is negative for
// any free port, which is zero then.
func portOr(port int, byDefault uint16, name string) (uint16, error) {
	switch {
	case port < 0:
		return 0, nil
	case port == 0:
		return byDefault, nil
	case port > 65535:
		return 0, fmt.Errorf("%s %d: want a number up to 65535", name, port)
	}
	return uint16(port), nil
}

// join opens the multicast group. A machine without multicast still has a
// registrar, which peers find by a list.
func (r *Registrar) join(cfg *AnnounceConfig) error {
	to := asap.DeployedGroup
	if cfg.Group != "" {
		var err error
		if to, err = netip.ParseAddrPort(cfg.Group); err != nil || !to.Addr().IsMulticast() {
			return fmt.Errorf("announce group %q: want a multicast address and a port, as in %v", cfg.Group, asap.DeployedGroup)
		}
	}
	m, ok := r.door.(transport.Multicast)
	if !ok {
		return nil
	}
	group, err := m.Join(transport.GroupConfig{
		Group:      to,
		SourcePort: r.asap.Local().Port, // deployed peers take it for the ASAP port
		Interface:  cfg.Interface,
		TTL:        cmp.Or(cfg.TTL, 30),
		Receive: func(from netip.AddrPort, payload []byte) {
			r.input(&machine.Heard{Group: machine.ASAPGroup, From: from, Payload: payload})
		},
	})
	if err != nil {
		r.log.Warn("registrar is not announced", "group", to.String(), "error", err)
		return nil
	}
	r.group = group
	return nil
}

// announced returns what announcements must say: nothing as long as the source
// of the datagram and the assigned ports lead to the registrar.
func (r *Registrar) announced() transport.Address {
	local := r.asap.Local()
	var a transport.Address
	if local.UDPPort != rserpool.DefaultUDPPort {
		a.UDPPort = local.UDPPort
	}
	if local.Port != asap.Port && r.dialect == rserpool.RFC {
		a.IPs, a.Port = local.IPs, local.Port
	}
	return a
}
