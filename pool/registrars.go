package pool

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rspool/rspool/internal/machine/hunt"
	"github.com/rspool/rspool/internal/transport"
)

// registrarName is an entry of HostConfig.Registrars.
type registrarName struct {
	host    string // empty where the address is known
	address transport.Address
}

// CheckRegistrar reports what is wrong with an entry of HostConfig.Registrars.
// Whether names are known it does not look at.
func CheckRegistrar(address string) error {
	_, err := parseRegistrars([]string{address})
	return err
}

// parseRegistrars reads HOST:PORT and HOST:PORT@UDPPORT, and what begins with
// tcp:// or tls://, where HOST may be what transport.ParseAddress takes.
func parseRegistrars(list []string) ([]registrarName, error) {
	var names []registrarName
	for _, s := range list {
		if a, err := transport.ParseAddress(s); err == nil && a.Port != 0 && a.Via != transport.Stream {
			names = append(names, registrarName{address: a})
			continue
		}
		bad := func(why string) error {
			return fmt.Errorf("registrar %q: %s; want HOST:PORT or HOST:PORT@UDPPORT, as in 127.0.0.1:3863@9899, or tcp://HOST:PORT or tls://HOST:PORT", s, why)
		}
		via, rest, err := transport.CutVia(s)
		if err != nil || via == transport.Stream {
			return nil, bad("registrars are not reached in this way")
		}
		rest, udp, stated := strings.Cut(rest, "@")
		n := registrarName{}
		n.address.Via = via
		if stated && via != transport.SCTP {
			return nil, bad("only SCTP has a UDP port, after @")
		}
		if stated {
			p, err := strconv.ParseUint(udp, 10, 16)
			if err != nil || p == 0 {
				return nil, bad("the UDP port after @ is not a number from 1 to 65535")
			}
			n.address.UDPPort = uint16(p)
		}
		host, port, err := net.SplitHostPort(rest)
		if err != nil {
			return nil, bad("the port is missing")
		}
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 {
			return nil, bad("the port is not a number from 1 to 65535")
		}
		if host == "" {
			return nil, bad("the host is missing")
		}
		n.host, n.address.Port = host, uint16(p)
		if via == transport.TLS {
			n.address.Name = host
		}
		names = append(names, n)
	}
	return names, nil
}

// resolveInterval is how often names are resolved anew while there is no home.
const resolveInterval = 5 * time.Second

// seek hands the static list to the hunt, and keeps resolving host names in it
// as long as there is no home, since names come and go with the machines.
func (h *Host) seek(ctx context.Context, names []registrarName) {
	var list []transport.Address
	named := false
	for _, n := range names {
		named = named || n.host != ""
		if n.host == "" {
			list = append(list, n.address)
		}
	}
	h.handle(h.hunt, &hunt.Servers{List: list})
	if !named {
		return
	}
	h.work.Go(func() {
		tick := time.NewTicker(resolveInterval)
		defer tick.Stop()
		for {
			h.mu.Lock()
			found := h.home.Association != 0
			h.mu.Unlock()
			if !found {
				h.handle(h.hunt, &hunt.Servers{List: h.resolve(ctx, names)})
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// resolve returns the addresses behind names, in their order. A name that has
// several addresses is one registrar with several.
func (h *Host) resolve(ctx context.Context, names []registrarName) []transport.Address {
	var list []transport.Address
	for _, n := range names {
		a := n.address
		if n.host != "" {
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", n.host)
			if err != nil {
				if ctx.Err() == nil {
					h.log.Warn("registrar's name is not found", "name", n.host, "error", err)
				}
				continue
			}
			a.IPs = make([]netip.Addr, len(ips))
			for i, ip := range ips {
				a.IPs[i] = ip.Unmap()
			}
		}
		list = append(list, a)
	}
	return list
}
