package sctp

import (
	"errors"
	"sync"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/udp"
)

// door is two doors that look like one.
type door struct{ kernel, udp transport.Door }

// Open implements transport.Door. Both endpoints have the same SCTP port.
func (d *door) Open(cfg transport.EndpointConfig) (transport.Endpoint, error) {
	if cfg.Handler == nil {
		return nil, errors.New("open endpoint: it has no handler")
	}
	e := &endpoint{handler: cfg.Handler, dialled: map[uint64]*association{}}
	cfg.Handler = (*dispatcher)(e)
	e.opening.Lock() // a peer that is quick waits until both are there
	defer e.opening.Unlock()
	var err error
	if e.kernel, err = d.kernel.Open(cfg); err != nil {
		return nil, err
	}
	cfg.Port = e.kernel.Local().Port
	if e.udp, err = d.udp.Open(cfg); err != nil {
		k := e.kernel
		go func() { _ = k.Close() }() // its handlers may wait for opening
		return nil, err
	}
	return e, nil
}

// Stats implements transport.Door: the sums.
func (d *door) Stats() transport.Stats {
	k, u := d.kernel.Stats(), d.udp.Stats()
	return transport.Stats{
		Associations: k.Associations + u.Associations, PacketsIn: k.PacketsIn + u.PacketsIn, PacketsOut: k.PacketsOut + u.PacketsOut,
		Malformed: k.Malformed + u.Malformed, OutOfTheBlue: k.OutOfTheBlue + u.OutOfTheBlue, BadCookies: k.BadCookies + u.BadCookies,
		Inits: k.Inits + u.Inits, Lost: k.Lost + u.Lost, Backpressure: k.Backpressure + u.Backpressure,
		ReceiveDropped: k.ReceiveDropped + u.ReceiveDropped, ReceiveBuffer: min(k.ReceiveBuffer, u.ReceiveBuffer),
	}
}

// Close implements transport.Door.
func (d *door) Close() error { return errors.Join(d.kernel.Close(), d.udp.Close()) }

// Join implements transport.Multicast.
func (d *door) Join(cfg transport.GroupConfig) (transport.Group, error) {
	m, ok := d.udp.(transport.Multicast)
	if !ok {
		return nil, errors.New("join group: the door has no multicast")
	}
	return m.Join(cfg)
}

// endpoint is the same SCTP port at both doors.
type endpoint struct {
	handler     transport.Handler
	opening     sync.RWMutex
	kernel, udp transport.Endpoint

	mu      sync.Mutex
	dialled map[uint64]*association // by the ID of what is behind it now
}

// Local implements transport.Endpoint: the kernel's addresses, and the UDP port
// behind which the embedded stack is.
func (e *endpoint) Local() transport.Address {
	a := e.kernel.Local()
	a.UDPPort = e.udp.Local().UDPPort
	return a
}

// Close implements transport.Endpoint.
func (e *endpoint) Close() error { return errors.Join(e.kernel.Close(), e.udp.Close()) }

// Dial implements transport.Endpoint.
func (e *endpoint) Dial(to transport.Address) (transport.Association, error) {
	if to.UDPPort != 0 {
		return e.udp.Dial(to)
	}
	a := &association{e: e, to: to}
	// The handler waits until the association is known.
	e.mu.Lock()
	defer e.mu.Unlock()
	inner, err := e.kernel.Dial(to)
	if err != nil {
		return nil, err
	}
	a.id, a.inner = inner.ID(), inner
	e.dialled[a.id] = a
	return a, nil
}

// again dials over UDP what the kernel did not reach, and reports whether there
// is hope.
func (e *endpoint) again(a *association, failed transport.Association) bool {
	to := a.to
	to.UDPPort = udp.Port
	e.mu.Lock()
	defer e.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(e.dialled, failed.ID())
	if a.over {
		return false
	}
	inner, err := e.udp.Dial(to)
	if err != nil {
		return false
	}
	a.inner = inner
	e.dialled[inner.ID()] = a
	return true
}

// of returns what the handler knows an association as.
func (e *endpoint) of(inner transport.Association) (transport.Association, *association) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a := e.dialled[inner.ID()]; a != nil {
		return a, a
	}
	return inner, nil
}

// dispatcher is an endpoint as its doors see it.
type dispatcher endpoint

// Event implements transport.Handler.
func (h *dispatcher) Event(inner transport.Association, kind transport.EventKind, err error) {
	e := (*endpoint)(h)
	e.opening.RLock()
	e.opening.RUnlock() //nolint:staticcheck // waits for Open alone
	a, dialled := e.of(inner)
	if dialled != nil {
		switch {
		case kind == transport.Up:
			dialled.established()
		case kind == transport.Lost && dialled.hopeful(inner) && e.again(dialled, inner):
			return
		case kind >= transport.Lost:
			e.mu.Lock()
			delete(e.dialled, inner.ID())
			e.mu.Unlock()
		}
	}
	e.handler.Event(a, kind, err)
	if dialled != nil && kind >= transport.Lost {
		dialled.finish()
	}
}

// Message implements transport.Handler.
func (h *dispatcher) Message(inner transport.Association, m transport.Message) {
	e := (*endpoint)(h)
	a, _ := e.of(inner)
	e.handler.Message(a, m)
}
