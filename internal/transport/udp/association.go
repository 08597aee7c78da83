package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

type state uint8

const (
	cookieWait   state = iota // INIT sent
	cookieEchoed              // COOKIE ECHO sent
	established
	closing // Shutdown was called
	ended
)

// association is one end of an association.
//
// Its handler is called by the goroutine of its core, or at the very end by one
// of its own; hear keeps them apart. Locks are taken in the order hear, mu, the
// endpoint's, the door's, and no handler is called under any but hear.
type association struct {
	p  *endpoint
	d  *Door
	id uint64
	// to is the peer's UDP address.
	to     atomic.Pointer[netip.AddrPort]
	core   atomic.Pointer[core] // nil before it is established
	lastIn atomic.Int64         // when something valid came, since the door was opened
	waits  atomic.Int64         // when the first message since went out, zero if none did

	mu     sync.Mutex
	state  state
	port   uint16 // the peer's SCTP port
	local  initiation
	peer   initiation
	dialed *dialing // until established, where this side began
	probe  probe
	timer  *time.Timer
	limit  time.Duration // when a dial or shutdown gives up, since the door was opened
	kind   transport.EventKind
	err    error
	wake   []func()

	hear  sync.Mutex
	heard bool // Up was told

	ip atomic.Pointer[netip.Addr] // the local address, once looked up
}

// lastID numbers associations across all doors of this kind. Its upper half
// keeps them apart from those of others.
var lastID atomic.Uint64

func newAssociation(p *endpoint, to netip.AddrPort, port uint16, local initiation) *association {
	a := &association{p: p, d: p.d, id: 1<<32 | lastID.Add(1), port: port, local: local}
	a.to.Store(&to)
	return a
}

// establish starts the core. Caller holds mu. The handler hears Up, or Restarted
// if there was a core before.
func (a *association) establish(peer initiation) {
	c, err := newCore(a, &a.d.cfg, a.local, peer)
	if err != nil {
		a.finish(transport.Lost, err)
		return
	}
	a.peer, a.state, a.dialed, a.limit = peer, established, nil, 0
	a.lastIn.Store(int64(a.d.now()))
	a.waits.Store(0)
	a.probe.reset()
	if old := a.core.Swap(c); old != nil {
		old.close(true)
	}
	a.rearm(a.probe.due(a))
}

// rearm sets the one timer. Caller holds mu.
func (a *association) rearm(at time.Duration) {
	if a.limit != 0 {
		at = min(at, a.limit)
	}
	d := max(at-a.d.now(), 0)
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.tick)
		return
	}
	a.timer.Reset(d)
}

// tick is the timer's.
func (a *association) tick() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return
	}
	now := a.d.now()
	if a.limit != 0 && now >= a.limit {
		switch a.state {
		case closing:
			a.abort("shutdown timed out")
			a.finish(transport.Lost, fmt.Errorf("shut down: the peer did not answer within %v", a.d.cfg.ShutdownTimeout))
		default:
			a.finish(transport.Lost, fmt.Errorf("dial %s: no answer within %v", a.Remote(), a.d.cfg.DialTimeout))
		}
		return
	}
	if a.state < established {
		a.retransmit(now)
		return
	}
	a.supervise(now)
}

// finish ends the association. Caller holds mu. The handler hears it when it
// has heard all else.
func (a *association) finish(kind transport.EventKind, err error) {
	if !a.end(kind, err) {
		return
	}
	if c := a.core.Load(); c != nil {
		c.close(false)
		return
	}
	go a.tellEnd()
}

// end takes the association off the books. Caller holds mu.
func (a *association) end(kind transport.EventKind, err error) bool {
	if a.state == ended {
		return false
	}
	a.state, a.kind, a.err = ended, kind, err
	if c := a.core.Load(); c != nil {
		c.stop()
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	if kind == transport.Lost {
		a.d.stats.lost.Add(1)
	}
	a.d.remove(a)
	return true
}

func (a *association) tellEnd() {
	a.hear.Lock()
	a.p.cfg.Handler.Event(a, a.kind, a.err)
	a.hear.Unlock()
	a.writable()
	a.p.done()
}

// begin implements coreHost.
func (a *association) begin(c *core) {
	defer a.writable() // after hear is free
	a.hear.Lock()
	defer a.hear.Unlock()
	a.mu.Lock() // until establish is done
	current := a.core.Load() == c
	a.mu.Unlock()
	if !current {
		return
	}
	kind := transport.Up
	if a.heard {
		kind = transport.Restarted
	}
	a.heard = true
	a.p.cfg.Handler.Event(a, kind, nil)
}

// deliver implements coreHost.
func (a *association) deliver(c *core, m transport.Message) {
	a.hear.Lock()
	defer a.hear.Unlock()
	if a.core.Load() == c {
		a.p.cfg.Handler.Message(a, m)
	}
}

// writable implements coreHost.
func (a *association) writable() {
	a.mu.Lock()
	fs := a.wake
	a.wake = nil
	a.mu.Unlock()
	for _, f := range fs {
		f()
	}
}

// over implements coreHost.
func (a *association) over(c *core) {
	a.mu.Lock()
	if a.core.Load() != c {
		a.mu.Unlock()
		return // restarted
	}
	if c.orderly.Load() {
		a.end(transport.Closed, nil)
	} else {
		a.end(transport.Lost, errors.New("aborted by this side: the peer violated the protocol"))
	}
	a.mu.Unlock()
	a.tellEnd()
}

// output implements coreHost.
func (a *association) output(p []byte) {
	be.PutUint16(p, a.p.port)
	be.PutUint16(p[2:], a.port)
	seal(p)
	_ = a.d.send(p, *a.to.Load()) // what the system refuses is lost like any packet
}

// control sends a packet of one chunk. Caller holds mu.
func (a *association) control(tag uint32, kind byte, value ...[]byte) error {
	return a.d.control(header{a.p.port, a.port, tag}, *a.to.Load(), kind, 0, value...)
}

// abort tells the peer, if it knows of the association. Caller holds mu.
func (a *association) abort(reason string) {
	if a.peer.tag != 0 && a.state != ended {
		_ = a.control(a.peer.tag, chunkAbort, appendParameter(nil, causeUserAbort, []byte(reason[:min(len(reason), maxReason)])))
	}
}

// ID implements transport.Association.
func (a *association) ID() uint64 { return a.id }

// Send implements transport.Association.
func (a *association) Send(m transport.Message) error {
	if len(m.Payload) > transport.MaxMessage {
		return transport.ErrTooLarge
	}
	if len(m.Payload) == 0 {
		return transport.ErrEmpty
	}
	c := a.core.Load()
	if c == nil {
		a.mu.Lock()
		over := a.state == ended
		a.mu.Unlock()
		if over {
			return transport.ErrClosed
		}
		a.d.stats.backpressure.Add(1)
		return transport.ErrBackpressure
	}
	err := c.send(m)
	switch {
	case err == nil:
		a.expectAnswer()
	case errors.Is(err, transport.ErrBackpressure):
		a.d.stats.backpressure.Add(1)
	}
	return err
}

// Shutdown implements transport.Association.
func (a *association) Shutdown() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case cookieWait, cookieEchoed:
		a.abort("shut down before it was established")
		a.finish(transport.Lost, errors.New("shut down before it was established"))
	case established:
		a.state = closing
		a.limit = a.d.now() + a.d.cfg.ShutdownTimeout
		a.rearm(a.probe.due(a))
		c := a.core.Load()
		c.stop()
		go c.shutdown()
	}
}

// Abort implements transport.Association.
func (a *association) Abort(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.abortAs(reason, fmt.Errorf("aborted by this side: %s", reason))
}

// abortAs tells both sides. What has arrived and was not heard is dropped.
// Caller holds mu.
func (a *association) abortAs(reason string, err error) {
	a.abort(reason)
	if !a.end(transport.Lost, err) {
		return
	}
	if c := a.core.Load(); c != nil {
		c.close(true)
		return
	}
	go a.tellEnd()
}

// Local implements transport.Association.
func (a *association) Local() transport.Address {
	ip := a.ip.Load()
	if ip == nil {
		found := a.d.towards(a.to.Load().Addr())
		ip = &found
		a.ip.Store(ip)
	}
	return transport.Address{IPs: []netip.Addr{*ip}, Port: a.p.port, UDPPort: a.d.port}
}

// Remote implements transport.Association.
func (a *association) Remote() transport.Address {
	to := *a.to.Load()
	return transport.Address{IPs: []netip.Addr{to.Addr()}, Port: a.port, UDPPort: to.Port()}
}

// RTT implements transport.Association.
func (a *association) RTT() time.Duration {
	a.mu.Lock()
	rtt := a.probe.srtt
	a.mu.Unlock()
	if c := a.core.Load(); rtt == 0 && c != nil {
		rtt = time.Duration(c.pion.SRTT() * float64(time.Millisecond))
	}
	return rtt
}

// Writable implements transport.Association.
func (a *association) Writable(f func()) {
	a.mu.Lock()
	c := a.core.Load()
	if a.state == ended || c != nil && !c.refused() {
		a.mu.Unlock()
		f()
		return
	}
	a.wake = append(a.wake, f)
	a.mu.Unlock()
	if c != nil && !c.refused() { // it was unblocked meanwhile
		a.writable()
	}
}
