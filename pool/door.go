package pool

import (
	"slices"
	"strings"
	"time"

	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
	"github.com/rspool/rspool/internal/transport/tcp"
)

// through returns the door that carries associations in a way; those over TCP are
// opened when they are needed first. The caller holds mu.
func (h *Host) through(via transport.Via) (transport.Door, error) {
	if via == transport.SCTP {
		return h.door, nil
	}
	if d := h.more[via]; d != nil {
		return d, nil
	}
	c := tcp.Config{
		HeartbeatInterval: h.cfg.HeartbeatInterval,
		MaxRetrans:        h.cfg.HeartbeatRetries,
		Stream:            via == transport.Stream,
	}
	ips, err := sctp.ParseListen(h.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if len(ips) > 0 {
		c.Listen = ips[0]
	}
	if via == transport.TLS {
		t := h.cfg.TLS
		credentials, err := tcp.LoadCredentials(tcp.CredentialsConfig{
			CertFile: t.CertFile, KeyFile: t.KeyFile, CAFile: t.CAFile, ServerName: t.ServerName,
			Log: func(err error) { h.log.Warn("certificate is not read", "error", err) },
		})
		if err != nil {
			return nil, err
		}
		if err := credentials.Check(time.Now()); err != nil {
			h.log.Warn("certificate runs out", "error", err)
		}
		c.Credentials = credentials
	}
	d, err := tcp.Open(c)
	if err != nil {
		return nil, err
	}
	h.more[via] = d
	return d, nil
}

// openAt opens an endpoint at the door that carries associations in a way.
func (h *Host) openAt(via transport.Via, cfg transport.EndpointConfig) (transport.Endpoint, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.through(via)
	if err != nil {
		return nil, err
	}
	return d.Open(cfg)
}

// asapEndpoint returns the endpoint from which registrars are dialled in a way.
// The caller holds mu.
func (h *Host) asapEndpoint(via transport.Via) (transport.Endpoint, error) {
	if via == transport.SCTP {
		return h.asap, nil
	}
	if p := h.endpoints[via]; p != nil {
		return p, nil
	}
	d, err := h.through(via)
	if err != nil {
		return nil, err
	}
	p, err := d.Open(transport.EndpointConfig{Handler: (*asapHandler)(h)})
	if err == nil {
		h.endpoints[via] = p
	}
	return p, err
}

// openFor opens what it takes to dial the registrars that are given, so that what
// is wrong with it is said at once.
func (h *Host) openFor(names []registrarName) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range names {
		if _, err := h.asapEndpoint(n.address.Via); err != nil {
			return err
		}
	}
	return nil
}

// doorStatus returns what went through each door, that of SCTP first.
func (h *Host) doorStatus() []status.Door {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []status.Door{{Transport: transport.SCTP.String(), SCTP: sctp.Describe(h.door), Counts: status.TransportOf(h.door.Stats())}}
	for via := transport.TCP; via <= transport.Stream; via++ {
		if d := h.more[via]; d != nil {
			list = append(list, status.Door{Transport: via.String(), Counts: status.TransportOf(d.Stats())})
		}
	}
	return list
}

// openDoor opens the SCTP that the configuration describes.
func openDoor(c *HostConfig) (transport.Door, error) {
	return sctp.Open(sctp.Config{
		Mode: c.Mode, Listen: c.Listen, UDPPort: c.UDPPort,
		WantUDP: c.UDPPort != 0 ||
			slices.ContainsFunc(c.Registrars, func(address string) bool { return strings.Contains(address, "@") }),
		HeartbeatInterval: c.HeartbeatInterval,
		HeartbeatRetries:  c.HeartbeatRetries,
	})
}
