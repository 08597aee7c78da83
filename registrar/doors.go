package registrar

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/sctp"
	"github.com/rspool/rspool/internal/transport/tcp"
)

// doorway is a door at which elements and users are served as well. Nobody is
// called from there.
type doorway struct {
	name     string
	door     transport.Door
	endpoint transport.Endpoint
}

// tlsPort is the port assigned to ASAP over TLS over TCP (RFC 5352, Section 8.2).
const tlsPort = 3864

// openMore opens the doors over TCP and TLS, as far as they are wanted.
func (r *Registrar) openMore(cfg *Config) error {
	if cfg.TCP.Enabled {
		if err := r.openOver(cfg, nil, cfg.TCP.Port, asap.Port); err != nil {
			return err
		}
	}
	if !cfg.TLS.Enabled {
		return nil
	}
	c, err := tcp.LoadCredentials(tcp.CredentialsConfig{
		CertFile: cfg.TLS.CertFile, KeyFile: cfg.TLS.KeyFile, CAFile: cfg.TLS.CAFile,
		Log: func(err error) { r.log.rated(slog.LevelWarn, "certificate is not read", "error", err) },
	})
	if err != nil {
		return err
	}
	if err := c.Check(time.Now()); err != nil {
		r.log.Warn("certificate runs out", "error", err)
	}
	return r.openOver(cfg, c, cfg.TLS.Port, tlsPort)
}

func (r *Registrar) openOver(cfg *Config, credentials *tcp.Credentials, port int, byDefault uint16) error {
	name := "tcp"
	if credentials != nil {
		name = "tls"
	}
	c := tcp.Config{
		Credentials:       credentials,
		HeartbeatInterval: cfg.HeartbeatInterval,
		MaxRetrans:        cfg.HeartbeatRetries,
		MaxAssociations:   cfg.MaxAssociations,
		Refused: func(from netip.AddrPort, err error) {
			r.log.rated(slog.LevelWarn, "connection is refused", "transport", name, "from", from.String(), "error", err)
		},
	}
	number, err := portOr(port, byDefault, name+" port")
	if err != nil {
		return err
	}
	ips, err := sctp.ParseListen(cfg.Listen)
	if err != nil {
		return err
	}
	if len(ips) > 0 {
		c.Listen = ips[0]
	}
	door, err := tcp.Open(c)
	if err != nil {
		return err
	}
	endpoint, err := door.Open(transport.EndpointConfig{Port: number, Listen: true, Handler: (*asapHandler)(r)})
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", name, err), door.Close())
	}
	r.more = append(r.more, doorway{name, door, endpoint})
	return nil
}

// Addresses returns where elements and users reach the registrar, that of Address
// first.
func (r *Registrar) Addresses() []transport.Address {
	list := []transport.Address{r.Address()}
	for _, w := range r.more {
		list = append(list, w.endpoint.Local())
	}
	return list
}

// doors returns what went through each door.
func (r *Registrar) doors() []status.Door {
	at := r.Address()
	list := []status.Door{{Transport: at.Via.String(), SCTP: r.SCTP(), Address: at.String(), Counts: status.TransportOf(r.door.Stats())}}
	for _, w := range r.more {
		list = append(list, status.Door{Transport: w.name, Address: w.endpoint.Local().String(), Counts: status.TransportOf(w.door.Stats())})
	}
	return list
}

// admission returns who may register, nil where everybody may.
func admission(pools []PoolConfig) func(rserpool.Handle, *transport.Identity) bool {
	var patterns handlespace.Patterns[[]string]
	limited := false
	for i := range pools {
		limited = limited || len(pools[i].Allow) > 0
		_ = patterns.Add(pools[i].Pattern, pools[i].Allow) // they were added before, and fit
	}
	if !limited {
		return nil
	}
	return func(h rserpool.Handle, who *transport.Identity) bool {
		allow, _ := patterns.Find(h)
		if len(allow) == 0 {
			return true
		}
		return who != nil && slices.ContainsFunc(who.Names, func(name string) bool {
			return slices.ContainsFunc(allow, func(pattern string) bool { return handlespace.Match(pattern, name) })
		})
	}
}
