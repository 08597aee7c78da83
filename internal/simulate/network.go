package simulate

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// conditions say how the network treats what passes through it.
type conditions struct {
	delay, jitter time.Duration // one way; jitter is added, evenly drawn
	loss          float64       // share of messages that arrive later by retransmit
	retransmit    time.Duration
	drop          float64       // share of datagrams that never arrive
	detection     time.Duration // mean time in which a peer that is cut off is given up
	heartbeat     time.Duration // time in which a peer without memory of the association is noticed
	dialTimeout   time.Duration
	buffer        int // bytes that an association holds for a peer that does not take them
}

// network is hosts and what is between them.
type network struct {
	*agenda
	conditions
	hosts  []*host
	cuts   [][]int // by sender and receiver: how many partitions part them
	lastID machine.AssociationID
	fail   func(i Invariant, format string, args ...any)
}

// host is a computer with an address. The process on it has endpoints; it may
// die, which closes them, and be stopped for a while.
type host struct {
	net   *network
	name  string
	index int
	ip    netip.Addr
	rand  *rand.Rand // decides about what the host sends

	on        bool // off, it answers nothing, not even that nobody listens
	stopped   int  // how many pauses hold up the process
	frozen    int  // how many of them hold up its transport too
	endpoints []*endpoint
	lastPort  uint16
	resumed   time.Duration // when it last went on
	dialled   []int         // in the present second, by remote host
	second    time.Duration
	waiting   []func() // what the process does first when it goes on

	hear func(g machine.Group, from netip.AddrPort, payload []byte) // nil while nobody listens
}

// handler is a process as its endpoint sees it.
type handler interface {
	// happened tells of a change; after transport.Lost and transport.Closed
	// nothing more is heard of the association.
	happened(e *end, c change)
	message(e *end, ppid uint32, payload []byte)
	// writable follows a refused send.
	writable(e *end)
}

// change is what happened to an association.
type change struct {
	kind    transport.EventKind
	aborted bool // by the peer
	reason  string
}

// endpoint is an SCTP port of a host.
type endpoint struct {
	host    *host
	port    uint16
	listen  bool
	handler handler
	ends    []*end // not those that are done
	closed  bool   // the handler hears nothing more
}

func (n *network) addHost(name string, r *rand.Rand) *host {
	h := &host{net: n, name: name, index: len(n.hosts), rand: r, lastPort: 32767}
	h.ip = netip.AddrFrom4([4]byte{10, 0, 0, byte(h.index + 1)})
	n.hosts = append(n.hosts, h)
	for i := range n.cuts {
		n.cuts[i] = append(n.cuts[i], 0)
	}
	n.cuts = append(n.cuts, make([]int, len(n.hosts)))
	return h
}

// open makes an endpoint; a port of zero stands for any.
func (h *host) open(port uint16, listen bool, hd handler) *endpoint {
	if port == 0 {
		h.lastPort = max(h.lastPort+1, 32768)
		port = h.lastPort
	}
	p := &endpoint{host: h, port: port, listen: listen, handler: hd}
	h.endpoints = append(h.endpoints, p)
	return p
}

func (p *endpoint) address() transport.Address { return addressOf(p.host, p.port) }

func addressOf(h *host, port uint16) transport.Address {
	return transport.Address{IPs: []netip.Addr{h.ip}, Port: port}
}

func (p *endpoint) find(h *host, port uint16) *end {
	for _, e := range p.ends {
		if e.remote == h && e.port == port {
			return e
		}
	}
	return nil
}

// close aborts what there is and frees the port; the handler hears nothing more.
func (p *endpoint) close() {
	for _, e := range slices.Clone(p.ends) {
		e.abort("endpoint closed")
	}
	p.closed = true
	p.host.endpoints = slices.DeleteFunc(p.host.endpoints, func(o *endpoint) bool { return o == p })
}

// maxDials bounds the associations that one host begins with another in a second.
const maxDials = 20

// countDial counts an attempt at an association, and fails the world if there are
// too many: somebody does not wait after being refused.
func (h *host) countDial(to *host) {
	if s := h.net.now.Truncate(time.Second); s != h.second || h.dialled == nil {
		h.second, h.dialled = s, make([]int, len(h.net.hosts))
	}
	if h.dialled[to.index]++; h.dialled[to.index] > maxDials {
		h.net.fail(Livelock, "%s dials %s %d times within a second", h.name, to.name, h.dialled[to.index])
	}
}

func (h *host) endpoint(port uint16) *endpoint {
	for _, p := range h.endpoints {
		if p.port == port {
			return p
		}
	}
	return nil
}

// die takes the process off the host without a word. Where the system closes its
// associations, as a kernel does, the peers hear of it at once.
func (h *host) die(told bool) {
	for _, p := range h.endpoints {
		for _, e := range slices.Clone(p.ends) {
			if told {
				e.abort("process died")
			}
			e.vanish()
		}
		p.closed = true
	}
	h.endpoints, h.waiting, h.hear = nil, nil, nil
	h.net.review()
}

// cut parts the hosts of one side from those of the other, or with by -1 undoes
// that. One way, only what goes from side to other is held up.
func (n *network) cut(side, other []*host, oneWay bool, by int) {
	for _, a := range side {
		for _, b := range other {
			if a == b {
				continue
			}
			n.cuts[a.index][b.index] += by
			if !oneWay {
				n.cuts[b.index][a.index] += by
			}
		}
	}
	n.review()
	n.serveAll()
}

// pause stops the process of a host, and its transport too if frozen, or with by
// -1 undoes that.
func (n *network) pause(h *host, frozen bool, by int) {
	h.stopped += by
	if frozen {
		h.frozen += by
	}
	n.review()
	if h.stopped > 0 {
		return
	}
	h.resumed = n.now
	waiting := h.waiting
	h.waiting = nil
	h.rand.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	for _, do := range waiting {
		n.after(0, do)
	}
}

// passes reports whether packets get from one host to the other.
func (n *network) passes(from, to *host) bool {
	return from == to || n.cuts[from.index][to.index] == 0 && to.on
}

// converse reports whether the transports of both hosts hear each other.
func (n *network) converse(a, b *host) bool {
	return n.passes(a, b) && n.passes(b, a) && a.frozen == 0 && b.frozen == 0
}

// review lets every association see whether its peer is still there.
func (n *network) review() {
	for _, h := range n.hosts {
		for _, p := range h.endpoints {
			for _, e := range p.ends {
				e.review()
			}
		}
	}
}

// serveAll delivers what was held up.
func (n *network) serveAll() {
	for _, h := range n.hosts {
		for _, p := range h.endpoints {
			for _, e := range slices.Clone(p.ends) {
				n.after(0, e.serve)
			}
		}
	}
}

// delayOf draws how long a packet of a host is on its way.
func (n *network) delayOf(h *host) time.Duration {
	d := n.delay
	if n.jitter > 0 {
		d += time.Duration(h.rand.Int64N(int64(n.jitter)))
	}
	return d
}

// multicast sends a datagram to every host that listens.
func (n *network) multicast(from *host, port uint16, g machine.Group, payload []byte) {
	payload = slices.Clone(payload)
	for _, to := range n.hosts {
		d := n.delayOf(from)
		if from.rand.Float64() < n.drop {
			continue
		}
		n.after(d, func() {
			if to.hear != nil && to.stopped == 0 && n.passes(from, to) {
				to.hear(g, netip.AddrPortFrom(from.ip, port), payload)
			}
		})
	}
}

// at returns the host with an address, or nil.
func (n *network) hostAt(a transport.Address) *host {
	for _, ip := range a.IPs {
		if i := slices.IndexFunc(n.hosts, func(h *host) bool { return h.ip == ip }); i >= 0 {
			return n.hosts[i]
		}
	}
	return nil
}
