package memory

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Host is a machine of the network; it is a transport.Door and a
// transport.Multicast.
type Host struct {
	n       *Network
	ips     []netip.Addr
	udpPort uint16
	ports   map[uint16]*endpoint
	port    uint16 // last one chosen
	closed  bool
	stats   transport.Stats
}

// IP returns the host's first address.
func (h *Host) IP() netip.Addr { return h.ips[0] }

// Address returns where a port of the host is reached.
func (h *Host) Address(port uint16) transport.Address {
	return transport.Address{IPs: slices.Clone(h.ips), Port: port, UDPPort: h.udpPort}
}

// Open implements transport.Door.
func (h *Host) Open(cfg transport.EndpointConfig) (transport.Endpoint, error) {
	if cfg.Handler == nil {
		return nil, errors.New("memory: endpoint without a handler")
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.closed {
		return nil, transport.ErrClosed
	}
	port := cfg.Port
	for port == 0 {
		h.port = max(h.port+1, 32768)
		if h.ports[h.port] == nil {
			port = h.port
		}
	}
	if h.ports[port] != nil {
		return nil, fmt.Errorf("port %d is in use at %s; choose another", port, h.ips[0])
	}
	p := &endpoint{h: h, cfg: cfg, port: port, ends: map[endKey]*end{}, all: map[*end]bool{}}
	p.idle.L = &h.n.mu
	h.ports[port] = p
	return p, nil
}

// Stats implements transport.Door.
func (h *Host) Stats() transport.Stats {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	s := h.stats
	s.Associations = len(h.ends())
	return s
}

// Close implements transport.Door. The host can be used again after Restart.
func (h *Host) Close() error {
	h.n.mu.Lock()
	h.closed = true
	ps := slices.Collect(maps.Values(h.ports))
	h.n.mu.Unlock()
	for _, p := range ps {
		if err := p.Close(); err != nil {
			return err
		}
	}
	h.n.leave(h)
	return nil
}

// Kill lets the host die without a word, as SIGKILL and a pulled plug do: its
// own handlers hear nothing more, and its peers hear Lost after the time of
// detection.
func (h *Host) Kill() {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.closed = true
	for _, e := range h.ends() {
		if e.peer != nil {
			e.peer.watch()
		}
		e.vanish()
	}
	for _, p := range h.ports {
		p.closed = true
	}
	clear(h.ports)
	h.n.leaveLocked(h)
}

// Restart lets the host die as Kill does, and come back at once, empty: what was
// opened before is dead, and Open works anew. Peers hear Restarted when the host
// dials them again from the same port, and Lost when something of theirs
// reaches it before.
func (h *Host) Restart() {
	h.Kill()
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.closed = false
}

// ends returns all ends of the host in a fixed order.
func (h *Host) ends() []*end {
	var es []*end
	for _, p := range h.ports {
		es = slices.AppendSeq(es, maps.Values(p.ends))
	}
	slices.SortFunc(es, func(a, b *end) int { return cmp.Compare(a.id, b.id) })
	return es
}

// endKey tells the associations of an endpoint apart.
type endKey struct {
	h    *Host
	port uint16
}

// endpoint is a port of a host.
type endpoint struct {
	h      *Host
	cfg    transport.EndpointConfig
	port   uint16
	ends   map[endKey]*end
	all    map[*end]bool // those too that are done, but whose handler has not heard it
	idle   sync.Cond     // an inbox was emptied
	closed bool
}

// Local implements transport.Endpoint.
func (p *endpoint) Local() transport.Address { return p.h.Address(p.port) }

// Dial implements transport.Endpoint.
func (p *endpoint) Dial(to transport.Address) (transport.Association, error) {
	if len(to.IPs) == 0 || to.Port == 0 {
		return nil, fmt.Errorf("dial %s: no IP address or port", to)
	}
	n := p.h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.closed {
		return nil, transport.ErrClosed
	}
	// An address without a host gets a place of its own, for the error's sake.
	h := n.find(to)
	key := endKey{h, to.Port}
	if h == nil {
		key.h = &Host{n: n, ips: slices.Clone(to.IPs), udpPort: to.UDPPort, closed: true}
	}
	if p.ends[key] != nil {
		return nil, fmt.Errorf("dial %s: %w", to, transport.ErrInUse)
	}
	e := p.add(key, to)
	e.timer = time.AfterFunc(n.cond.DialTimeout, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if e.state == dialling {
			e.finish(transport.Lost, fmt.Errorf("dial %s: no answer within %v", to, n.cond.DialTimeout))
		}
	})
	e.dial(key)
	return e, nil
}

func (p *endpoint) add(key endKey, remote transport.Address) *end {
	e := &end{p: p, id: lastID.Add(1), key: key, remote: remote}
	p.ends[key] = e
	p.all[e] = true
	return e
}

// Close implements transport.Endpoint.
func (p *endpoint) Close() error {
	n := p.h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	delete(p.h.ports, p.port)
	for _, e := range slices.SortedFunc(maps.Keys(p.all), func(a, b *end) int { return cmp.Compare(a.id, b.id) }) {
		e.abort("endpoint closed")
		for i := range e.inbox {
			e.inbox[i].at = time.Now()
		}
		e.schedule()
	}
	for len(p.all) > 0 {
		p.idle.Wait()
	}
	return nil
}
