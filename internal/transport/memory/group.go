package memory

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// group is one membership of a host in a multicast group.
type group struct {
	h      *Host
	cfg    transport.GroupConfig
	source netip.AddrPort
	hear   sync.Mutex // held while Receive runs
}

// Join implements transport.Multicast.
func (h *Host) Join(cfg transport.GroupConfig) (transport.Group, error) {
	if !cfg.Group.Addr().IsMulticast() || cfg.Group.Port() == 0 {
		return nil, fmt.Errorf("join %s: not a multicast address with a port", cfg.Group)
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.closed {
		return nil, transport.ErrClosed
	}
	g := &group{h: h, cfg: cfg, source: netip.AddrPortFrom(h.ips[0], cfg.SourcePort)}
	if cfg.SourcePort == 0 {
		h.port = max(h.port+1, 32768)
		g.source = netip.AddrPortFrom(h.ips[0], h.port)
	}
	if h.n.group[cfg.Group] == nil {
		h.n.group[cfg.Group] = map[*group]bool{}
	}
	h.n.group[cfg.Group][g] = true
	return g, nil
}

// Send implements transport.Group.
func (g *group) Send(payload []byte) error {
	n := g.h.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.group[g.cfg.Group][g] {
		return transport.ErrClosed
	}
	var to []*group
	for o := range n.group[g.cfg.Group] {
		to = append(to, o)
	}
	slices.SortFunc(to, func(a, b *group) int { return a.source.Compare(b.source) })
	payload = slices.Clone(payload)
	for _, o := range to {
		if o.cfg.Receive == nil || !n.reaches(g.h, o.h) || n.cond.Loss > 0 && n.rng.Float64() < n.cond.Loss {
			continue
		}
		d := n.cond.Delay
		if n.cond.Jitter > 0 {
			d += time.Duration(n.rng.Int64N(int64(n.cond.Jitter)))
		}
		time.AfterFunc(d, func() { o.receive(g.source, payload) })
	}
	return nil
}

func (g *group) receive(from netip.AddrPort, payload []byte) {
	g.hear.Lock()
	defer g.hear.Unlock()
	g.h.n.mu.Lock()
	member := g.h.n.group[g.cfg.Group][g]
	g.h.n.mu.Unlock()
	if member {
		g.cfg.Receive(from, payload)
	}
}

// Close implements transport.Group.
func (g *group) Close() error {
	g.h.n.mu.Lock()
	delete(g.h.n.group[g.cfg.Group], g)
	g.h.n.mu.Unlock()
	g.hear.Lock() // a call in progress
	defer g.hear.Unlock()
	return nil
}

// leave closes all memberships of a host.
func (n *Network) leave(h *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaveLocked(h)
}

func (n *Network) leaveLocked(h *Host) {
	for _, gs := range n.group {
		for g := range gs {
			if g.h == h {
				delete(gs, g)
			}
		}
	}
}
