package pool

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/tcp"
	"github.com/rspool/rspool/internal/transport/udp"
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
	if h.cfg.Listen != "" {
		ip, err := netip.ParseAddr(h.cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: want an IP address, as in 192.0.2.1", h.cfg.Listen)
		}
		c.Listen = ip
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
	list := []status.Door{{Transport: transport.SCTP.String(), Counts: status.TransportOf(h.door.Stats())}}
	for via := transport.TCP; via <= transport.Stream; via++ {
		if d := h.more[via]; d != nil {
			list = append(list, status.Door{Transport: via.String(), Counts: status.TransportOf(d.Stats())})
		}
	}
	return list
}

// openDoor opens the udp door that the configuration describes.
func openDoor(c *HostConfig) (transport.Door, error) {
	u := udp.Config{
		UDPPort:           c.UDPPort,
		HeartbeatInterval: c.HeartbeatInterval,
		MaxRetrans:        c.HeartbeatRetries,
	}
	if c.Listen != "" {
		ip, err := netip.ParseAddr(c.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: want an IP address, as in 192.0.2.1", c.Listen)
		}
		u.Listen = ip
	}
	return udp.Open(u)
}
