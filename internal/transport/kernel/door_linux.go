//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/multicast"
)

// Door opens endpoints at the kernel's SCTP; see transport.Door. It counts
// messages where the interface speaks of packets, which only the kernel sees.
type Door struct {
	cfg    Config
	buffer int
	stats  counters

	mu        sync.Mutex
	endpoints map[*endpoint]struct{}
	closed    bool
}

type counters struct {
	associations                                        atomic.Int64
	in, out, malformed, inits, lost, backpressure, path atomic.Uint64
}

// Open makes a door. It fails where the kernel has no SCTP.
func Open(cfg Config) (*Door, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open kernel SCTP: %w", err)
	}
	if err := Available(); err != nil {
		return nil, err
	}
	d := &Door{cfg: cfg, endpoints: map[*endpoint]struct{}{}}
	s, _, err := d.open(0, true)
	if err != nil {
		return nil, fmt.Errorf("open kernel SCTP: %w", err)
	}
	err = s.raw.Control(func(fd uintptr) {
		d.buffer, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return d, errors.Join(err, s.file.Close())
}

// Open implements transport.Door.
func (d *Door) Open(cfg transport.EndpointConfig) (transport.Endpoint, error) {
	if cfg.Handler == nil {
		return nil, errors.New("open endpoint: it has no handler")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, transport.ErrClosed
	}
	e, err := d.newEndpoint(cfg)
	if err != nil {
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	d.endpoints[e] = struct{}{}
	return e, nil
}

// Stats implements transport.Door.
func (d *Door) Stats() transport.Stats {
	s := &d.stats
	return transport.Stats{
		Associations: int(s.associations.Load()), PacketsIn: s.in.Load(), PacketsOut: s.out.Load(), Malformed: s.malformed.Load(),
		Inits: s.inits.Load(), Lost: s.lost.Load(), Backpressure: s.backpressure.Load(), ReceiveBuffer: d.buffer,
	}
}

// Close implements transport.Door.
func (d *Door) Close() error {
	d.mu.Lock()
	d.closed = true
	es := make([]*endpoint, 0, len(d.endpoints))
	for e := range d.endpoints {
		es = append(es, e)
	}
	d.mu.Unlock()
	var err error
	for _, e := range es {
		err = errors.Join(err, e.Close())
	}
	return err
}

// Join implements transport.Multicast, by UDP sockets of its own. They send from
// the door's address where it has one only: that is where receivers will look
// for it.
func (d *Door) Join(cfg transport.GroupConfig) (transport.Group, error) {
	if !cfg.Source.IsValid() {
		for _, ip := range d.cfg.Listen {
			if ip.Is4() == cfg.Group.Addr().Is4() {
				cfg.Source = ip
				break
			}
		}
	}
	return multicast.Sockets{}.Join(cfg)
}

// carries reports whether the door's sockets can send to an address.
func (d *Door) carries(ip netip.Addr, six bool) bool {
	if len(d.cfg.Listen) == 0 {
		return ip.Is4() || six
	}
	for _, l := range d.cfg.Listen {
		if l.Unmap().Is4() == ip.Is4() {
			return true
		}
	}
	return false
}
