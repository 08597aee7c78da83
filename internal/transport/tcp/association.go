package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

type state uint8

const (
	opening state = iota // to be connected, and to hear the peer's INIT
	up
	closing // Shutdown was called, or the peer has begun to shut down
	ended
)

// association is one end of an association.
//
// One goroutine runs it from the first connection to its end, and reads. Others
// come and go: one that writes while there is something to be written, and one
// that calls the handler while there is something to be heard, so that a slow
// handler does not keep control chunks from being read. Locks are taken in the
// order mu, the endpoint's, the door's, and no handler is called under any.
type association struct {
	p       *endpoint
	d       *Door
	id      uint64
	dialled bool
	to      transport.Address // where it was dialled, or the peer's end
	stop    context.CancelFunc
	ctx     context.Context // ends with the association

	mu       sync.Mutex
	room     sync.Cond // something was delivered or written, or the end has come
	state    state
	conn     net.Conn // nil while it is dialled
	local    transport.Address
	remote   transport.Address
	identity *transport.Identity
	peer     byte // flags of the peer's INIT
	timer    *time.Timer
	limit    time.Duration // when a shutdown gives up, since the door was opened
	kind     transport.EventKind
	err      error

	out     output
	in      input
	probe   probe
	shut    bool // SHUTDOWN was sent
	leaving bool // the peer has sent SHUTDOWN
}

// lastID numbers associations across all doors of this kind. Its upper half
// keeps them apart from those of others.
var lastID atomic.Uint64

func newAssociation(p *endpoint, to transport.Address) *association {
	a := &association{p: p, d: p.d, id: 4<<32 | lastID.Add(1), to: to, remote: to}
	a.room.L = &a.mu
	a.out.ssn = map[uint16]uint16{}
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// key is where it was dialled.
func (a *association) key() netip.AddrPort { return netip.AddrPortFrom(a.to.IPs[0], a.to.Port) }

// run is the association's goroutine.
func (a *association) run() {
	defer a.p.tasks.Done()
	r, err := a.open()
	if err != nil {
		a.fail(err)
	} else {
		a.lost(a.read(r))
	}
	a.mu.Lock()
	for a.state != ended || a.in.delivering || a.out.writing {
		a.room.Wait()
	}
	conn := a.conn
	a.mu.Unlock()
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // farewells were said already, or nobody reads them
	}
	if conn != nil {
		_ = conn.Close() // it may be closed already
	}
}

// fail ends an association that is not up. A peer that has begun it is not told:
// what is no INIT deserves no answer. The handler never hears of that one.
func (a *association) fail(err error) {
	a.mu.Lock()
	failed := a.state == opening
	if failed {
		a.end(transport.Lost, err)
	}
	a.mu.Unlock()
	if failed && !a.dialled {
		a.d.refused(a.key(), err)
	}
}

// lost follows the end of what can be read.
func (a *association) lost(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.state == ended:
	case a.over(err):
		a.end(transport.Closed, nil)
	case a.halfClosed(err):
	case errors.Is(err, errMalformed):
		a.d.stats.malformed.Add(1)
		a.abort("malformed chunk")
		a.end(transport.Lost, fmt.Errorf("peer violates the protocol: %w", err))
	default:
		a.end(transport.Lost, reason(err))
	}
}

// end ends the association. Caller holds mu. The handler hears it when it has
// heard all else.
func (a *association) end(kind transport.EventKind, err error) {
	if a.state == opening && !a.dialled {
		a.in.told = true
	} else if kind == transport.Lost {
		a.d.stats.lost.Add(1)
	}
	a.state, a.kind, a.err = ended, kind, err
	a.p.remove(a)
	a.stop()
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.conn != nil {
		// What is left to be written is not waited for long; reading has ended.
		_ = a.conn.SetReadDeadline(time.Unix(1, 0))
		_ = a.conn.SetWriteDeadline(time.Now().Add(parting))
	}
	a.room.Broadcast()
	a.deliver()
}

// parting is how long the last words to a peer may take.
const parting = 500 * time.Millisecond

// abort tells the peer that this is the end, instead of what was still to be
// written. Caller holds mu.
func (a *association) abort(reason string) {
	a.out.drop()
	if a.peer&knowsEnd != 0 {
		a.control(chunkAbort, []byte(reason[:min(len(reason), maxReason)])...)
	} else if t, ok := a.conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // a reset is all that such a peer can be told
	}
}

// ID implements transport.Association.
func (a *association) ID() uint64 { return a.id }

// Shutdown implements transport.Association.
func (a *association) Shutdown() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case opening:
		a.end(transport.Lost, errors.New("shut down before it was established"))
	case up:
		a.beginClosing()
	}
}

// Abort implements transport.Association.
func (a *association) Abort(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return
	}
	if a.state != opening {
		a.abort(reason)
	}
	a.in.drop()
	a.end(transport.Lost, fmt.Errorf("aborted by this side: %s", reason))
}

// Local implements transport.Association.
func (a *association) Local() transport.Address {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.local
}

// Remote implements transport.Association.
func (a *association) Remote() transport.Address {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remote
}

// Peer implements transport.Identified.
func (a *association) Peer() *transport.Identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.identity
}

// RTT implements transport.Association.
func (a *association) RTT() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.probe.srtt
}
