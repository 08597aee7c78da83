// Package tcp is the way through firewalls that let nothing but TCP pass:
// associations over TCP connections, in the chunks of
// draft-ietf-rserpool-tcpmapping-03, over TLS 1.3 where wanted. Peers are
// supervised, and nothing that they send or leave unread grows without bound.
//
// It is not SCTP: an association has one address a side, a side that only dials has
// no port of its own, and a peer that dials again is somebody new. Deployed
// implementations do not have it.
package tcp

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Door is a way over TCP; see transport.Door.
type Door struct {
	cfg   Config
	via   transport.Via
	start time.Time
	stats counters

	mu           sync.Mutex
	endpoints    map[*endpoint]struct{}
	associations int
	opening      map[*association]struct{} // of peers, not up yet
	closed       bool
}

type counters struct {
	in, out, malformed, inits, lost, backpressure, refused atomic.Uint64
}

// Open makes a door. It has no socket before its endpoints have.
func Open(cfg Config) (*Door, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.via(), err)
	}
	return &Door{
		cfg: cfg, via: cfg.via(), start: time.Now(),
		endpoints: map[*endpoint]struct{}{}, opening: map[*association]struct{}{},
	}, nil
}

// now is the time since the door was opened, by the monotonic clock.
func (d *Door) now() time.Duration { return time.Since(d.start) }

// Open implements transport.Door.
func (d *Door) Open(cfg transport.EndpointConfig) (transport.Endpoint, error) {
	if cfg.Handler == nil {
		return nil, errors.New("open endpoint: it has no handler")
	}
	if !cfg.Listen && cfg.Port != 0 {
		return nil, fmt.Errorf("open endpoint: over %s, one that does not listen has no port", d.via)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, transport.ErrClosed
	}
	p := &endpoint{d: d, cfg: cfg, all: map[*association]struct{}{}, dialled: map[netip.AddrPort]*association{}}
	if cfg.Listen {
		if err := p.listen(); err != nil {
			return nil, fmt.Errorf("open endpoint: %w", err)
		}
	}
	d.endpoints[p] = struct{}{}
	return p, nil
}

// Stats implements transport.Door.
func (d *Door) Stats() transport.Stats {
	d.mu.Lock()
	n := d.associations
	d.mu.Unlock()
	s := &d.stats
	return transport.Stats{
		Associations: n, PacketsIn: s.in.Load(), PacketsOut: s.out.Load(), Malformed: s.malformed.Load(),
		Inits: s.inits.Load(), Lost: s.lost.Load(), Backpressure: s.backpressure.Load(), Refused: s.refused.Load(),
	}
}

// Close implements transport.Door.
func (d *Door) Close() error {
	d.mu.Lock()
	d.closed = true
	var ps []*endpoint
	for p := range d.endpoints {
		ps = append(ps, p)
	}
	d.mu.Unlock()
	var err error
	for _, p := range ps {
		err = errors.Join(err, p.Close())
	}
	return err
}

var errFull = errors.New("the door has as many associations as it may have")

// add counts an association in. One of a peer may displace another one that is
// not up yet.
func (d *Door) add(a *association) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return transport.ErrClosed
	case d.associations >= d.cfg.MaxAssociations:
		return errFull
	}
	d.associations++
	if a.dialled {
		return nil
	}
	if len(d.opening) >= d.cfg.MaxOpening {
		for victim := range d.opening { // any
			delete(d.opening, victim)
			go victim.fail(errors.New("too many others are opening"))
			break
		}
	}
	d.opening[a] = struct{}{}
	return nil
}

// opened takes an association from those that are not up yet.
func (d *Door) opened(a *association) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.opening, a)
}

// remove counts an association out.
func (d *Door) remove(a *association) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.opening, a)
	d.associations--
}

// refused notes an attempt of a peer that came to nothing.
func (d *Door) refused(from netip.AddrPort, err error) {
	d.stats.refused.Add(1)
	if errors.Is(err, errMalformed) {
		d.stats.malformed.Add(1)
	}
	if d.cfg.Refused != nil {
		d.cfg.Refused(from, err)
	}
}
