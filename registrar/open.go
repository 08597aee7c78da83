package registrar

import (
	"fmt"
	"slices"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
	"github.com/rspool/rspool/internal/transport/udp"
)

// open opens the door where none is given, the endpoints and the groups of
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
		r.group, err = r.join(groupSettings{
			group: cfg.Announce.Group, byDefault: asap.DeployedGroup, iface: cfg.Announce.Interface, ttl: cfg.Announce.TTL,
			from: r.asap.Local().Port, as: machine.ASAPGroup, without: "registrar is not announced",
		})
	}
	if err == nil {
		err = r.openENRP(cfg)
	}
	if err == nil {
		err = r.openMore(cfg)
	}
	return err
}

// openDoor opens the SCTP that the configuration describes.
func openDoor(cfg *Config) (transport.Door, error) {
	port, err := portOr(cfg.UDPPort, udp.Port, "UDP port")
	if err != nil {
		return nil, err
	}
	return sctp.Open(sctp.Config{
		Mode: cfg.Mode, Listen: cfg.Listen, UDPPort: int(port),
		WantUDP:           cfg.UDPPort != 0 || slices.ContainsFunc(cfg.ENRP.Peers, namesUDPPort),
		HeartbeatInterval: cfg.HeartbeatInterval,
		HeartbeatRetries:  cfg.HeartbeatRetries,
		MaxAssociations:   cfg.MaxAssociations,
	})
}

// namesUDPPort reports whether an address says behind which UDP port it is.
func namesUDPPort(address string) bool { return strings.Contains(address, "@") }

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
