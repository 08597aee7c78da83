// Package memory is a simulated network: hosts that reach each other by
// associations and multicast, with delay, loss, restarts, crashes and
// partitions on demand. It reads the clock by package time alone, so that under
// testing/synctest hours pass in no time.
//
// It is not a simulation of SCTP: associations are reliable, and what is lost
// on the way arrives later.
package memory

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// Conditions say how the network treats what passes through it.
type Conditions struct {
	// Delay is the time from one host to another, one way.
	Delay time.Duration
	// Jitter is added to Delay, evenly drawn from zero to its value.
	Jitter time.Duration
	// Loss is the share of packets lost, from 0 to 1. A lost message arrives
	// later by Retransmit for each loss; a lost datagram of a group never.
	Loss float64
	// Retransmit is what one loss costs. If zero, one second.
	Retransmit time.Duration
	// Detection is the time in which associations find out that the peer is
	// dead or cut off. If zero, five seconds.
	Detection time.Duration
	// DialTimeout is the time in which Dial gives up. If zero, 7.5 s.
	DialTimeout time.Duration
	// SendBuffer is the number of bytes that an association holds for a peer
	// that does not take them. If zero, 256 KiB.
	SendBuffer int
}

func (c *Conditions) setDefaults() {
	if c.Retransmit == 0 {
		c.Retransmit = time.Second
	}
	if c.Detection == 0 {
		c.Detection = 5 * time.Second
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 7500 * time.Millisecond
	}
	if c.SendBuffer == 0 {
		c.SendBuffer = 256 << 10
	}
}

// Network is a set of hosts. Its methods may be called at once.
type Network struct {
	mu    sync.Mutex
	cond  Conditions
	rng   *rand.Rand
	hosts map[netip.AddrPort]*Host // by IP address and UDP port
	next  int                      // number of the last host
	cuts  map[pair]bool
	tails map[pair]time.Time // when the last datagram of a pair arrives
	group map[netip.AddrPort]map[*group]bool
}

// lastID numbers associations across all networks of the process.
var lastID atomic.Uint64

// New makes a network without delay or loss. The seed decides what is drawn.
func New(seed uint64) *Network {
	n := &Network{
		rng:   rand.New(rand.NewPCG(seed, 0)),
		hosts: map[netip.AddrPort]*Host{},
		cuts:  map[pair]bool{},
		tails: map[pair]time.Time{},
		group: map[netip.AddrPort]map[*group]bool{},
	}
	n.cond.setDefaults()
	return n
}

// Set changes the conditions for what is sent from now on.
func (n *Network) Set(c Conditions) {
	c.setDefaults()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cond = c
}

// Host adds a host at the addresses, or at the next free one of 10.0.0.0/8 if
// there are none. It panics if an address is taken.
func (n *Network) Host(ips ...netip.Addr) *Host { return n.HostAt(0, ips...) }

// HostAt adds a host behind a UDP port, so that several can share an address.
// Zero stands for 9899, as it does in addresses.
func (n *Network) HostAt(udpPort uint16, ips ...netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(ips) == 0 {
		n.next++
		ips = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n.next >> 16), byte(n.next >> 8), byte(n.next)})}
	}
	h := &Host{n: n, ips: ips, udpPort: udpPort, ports: map[uint16]*endpoint{}}
	for _, ip := range ips {
		k := hostKey(ip, udpPort)
		if n.hosts[k] != nil {
			panic(fmt.Sprintf("memory: address %s is taken", k))
		}
		n.hosts[k] = h
	}
	return h
}

func hostKey(ip netip.Addr, udpPort uint16) netip.AddrPort {
	if udpPort == 0 {
		udpPort = 9899
	}
	return netip.AddrPortFrom(ip.Unmap(), udpPort)
}

// find returns the host that an address leads to, or nil.
func (n *Network) find(a transport.Address) *Host {
	for _, ip := range a.IPs {
		if h := n.hosts[hostKey(ip, a.UDPPort)]; h != nil {
			return h
		}
	}
	return nil
}

// pair is two hosts, in either order; see pairOf.
type pair struct{ a, b *Host }

func pairOf(a, b *Host) pair {
	if hostKey(b.ips[0], b.udpPort).Compare(hostKey(a.ips[0], a.udpPort)) < 0 {
		return pair{b, a}
	}
	return pair{a, b}
}

// Partition cuts the hosts of one side off from those of the other. Messages
// wait; associations that are still cut after the time of detection are lost.
func (n *Network) Partition(side, other []*Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range side {
		for _, b := range other {
			if a == b || n.cuts[pairOf(a, b)] {
				continue
			}
			n.cuts[pairOf(a, b)] = true
			for _, e := range a.ends() {
				if e.peer != nil && e.peer.host() == b {
					e.watch()
					e.peer.watch()
				}
			}
		}
	}
}

// Heal joins the two sides again.
func (n *Network) Heal(side, other []*Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range side {
		for _, b := range other {
			delete(n.cuts, pairOf(a, b))
			for _, h := range []*Host{a, b} {
				for _, e := range h.ends() {
					e.schedule()
				}
			}
		}
	}
}

// reaches reports whether packets pass between two hosts.
func (n *Network) reaches(a, b *Host) bool { return a == b || !n.cuts[pairOf(a, b)] }

// delay draws how long a reliable packet is on its way.
func (n *Network) delay() time.Duration {
	d := n.cond.Delay
	if n.cond.Jitter > 0 {
		d += time.Duration(n.rng.Int64N(int64(n.cond.Jitter)))
	}
	for n.cond.Loss > 0 && n.rng.Float64() < min(n.cond.Loss, 0.99) {
		d += n.cond.Retransmit
	}
	return d
}
