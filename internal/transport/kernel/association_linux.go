//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ishidawataru/sctp"

	"github.com/rspool/rspool/internal/transport"
)

type state uint8

const (
	dialing state = iota
	established
	closing // Shutdown was called
	ended
)

// association is one end of an association.
//
// Its handler is called by whichever goroutine has set busy. What comes
// meanwhile waits in inbox for that goroutine.
type association struct {
	e      *endpoint
	id     uint64
	remote transport.Address      // as it was dialled; nothing where the peer began
	known  atomic.Pointer[places] // once it is established

	mu      sync.Mutex
	number  int32 // the kernel's
	state   state
	booked  bool    // among the endpoint's associations
	socket  *socket // the endpoint's, or its own
	streams uint16
	timer   *time.Timer // of the dial or the shutdown
	wake    []func()    // see Writable

	// outbound
	queue   []transport.Message // what the kernel had no room for
	queued  int                 // bytes
	refused bool                // Send has failed with ErrBackpressure and nobody was told yet
	finish  bool                // SHUTDOWN follows the queue
	used    int                 // bytes that it may take of the endpoint's socket buffer
	asked   bool                // the kernel tells when that is none
	leaving bool                // is about to get a socket of its own

	// inbound
	partial []byte // of a message whose end has not come yet
	busy    bool
	inbox   []item
	held    int // bytes in inbox
	over    bool
	free    sync.Cond // not busy
}

// places are the two ends of an established association.
type places struct{ local, remote transport.Address }

// item is one call of the handler.
type item struct {
	message bool
	m       transport.Message
	kind    transport.EventKind
	err     error
}

// lastID numbers associations across all doors of this kind. Its upper half
// keeps them apart from those of others.
var lastID atomic.Uint64

func newAssociation(e *endpoint, remote transport.Address) *association {
	a := &association{e: e, id: 2<<32 | lastID.Add(1), socket: e.socket, remote: remote}
	a.free.L = &a.mu
	return a
}

// hand has the handler called, by the caller if it says so: that one must then
// call run when it has given mu back. It copies the message if that must wait.
// Caller holds mu.
func (a *association) hand(it item) (mine bool) {
	if a.over {
		return false
	}
	a.over = !it.message && it.kind >= transport.Lost
	if !a.busy {
		a.busy = true
		return true
	}
	if it.message {
		it.m.Payload = append([]byte(nil), it.m.Payload...)
		a.held += len(it.m.Payload) + 64
	}
	a.inbox = append(a.inbox, it)
	return false
}

// run calls the handler, and again for what has come meanwhile.
func (a *association) run(it item) {
	for {
		if it.message {
			a.e.cfg.Handler.Message(a, it.m)
		} else {
			a.e.cfg.Handler.Event(a, it.kind, it.err)
			if it.kind >= transport.Lost {
				a.tell()
				a.mu.Lock()
				a.busy = false
				a.free.Broadcast()
				a.e.done(a)
				a.mu.Unlock()
				return
			}
			a.tell()
		}
		a.mu.Lock()
		if len(a.inbox) == 0 {
			a.inbox, a.busy = nil, false
			a.free.Broadcast()
			a.mu.Unlock()
			return
		}
		it = a.inbox[0]
		a.inbox[0] = item{}
		a.inbox = a.inbox[1:]
		if it.message {
			a.held -= len(it.m.Payload) + 64
		}
		a.mu.Unlock()
	}
}

// up is told that the association is established. Caller holds mu.
func (a *association) up(streams uint16) (item, bool) {
	if a.state != dialing {
		return item{}, false
	}
	a.state, a.streams = established, streams
	if a.timer != nil {
		a.timer.Stop()
	}
	a.locate()
	it := item{kind: transport.Up}
	return it, a.hand(it)
}

// restart is told that the peer came back without a memory: what was to be sent
// to it is void. Caller holds mu.
func (a *association) restart(streams uint16) (item, bool) {
	if a.state != established && a.state != closing {
		return item{}, false
	}
	a.streams, a.partial = streams, nil
	a.queue, a.queued, a.used = nil, 0, 0
	it := item{kind: transport.Restarted}
	return it, a.hand(it)
}

// locate asks the kernel for the addresses of both ends. Caller holds mu.
func (a *association) locate() {
	p := &places{local: transport.Address{IPs: a.e.d.cfg.Listen, Port: a.e.port}, remote: a.remote}
	_ = a.socket.raw.Control(func(fd uintptr) {
		if ips, port, first, err := getAddresses(int(fd), sctp.SCTP_GET_PEER_ADDRS, a.number); err == nil && len(ips) > 0 {
			p.remote = transport.Address{IPs: ips, Port: port, UDPPort: encapsulation(int(fd), a.number, first[:min(len(first), 28)])}
		}
		if n := len(p.remote.IPs); n > 1 {
			// The last path may fail when all others have.
			_ = setRetrans(int(fd), a.number, n*a.e.d.cfg.MaxRetrans)
		}
		if ips, _, _, err := getAddresses(int(fd), sctp.SCTP_GET_LOCAL_ADDRS, a.number); err == nil && len(ips) > 0 {
			p.local.IPs = ips
		}
	})
	a.known.Store(p)
}

// end takes the association off the books and lets the handler hear why, after
// all that it has not heard yet. Caller holds mu.
func (a *association) end(kind transport.EventKind, err error) {
	if it, mine := a.ending(kind, err); mine {
		go a.run(it)
	}
}

// ending is end for a caller that calls the handler itself. Caller holds mu.
func (a *association) ending(kind transport.EventKind, err error) (item, bool) {
	if a.state == ended {
		return item{}, false
	}
	a.state = ended
	a.queue, a.queued, a.partial = nil, 0, nil
	if a.timer != nil {
		a.timer.Stop()
	}
	if kind == transport.Lost {
		a.e.d.stats.lost.Add(1)
	}
	a.e.leave(a)
	if a.socket != a.e.socket {
		a.e.readers.Add(1)
		go func(s *socket) {
			defer a.e.readers.Done()
			_ = s.file.Close()
			s.writers.Wait()
		}(a.socket)
	}
	it := item{kind: kind, err: err}
	return it, a.hand(it)
}

// expired is the timer's.
func (a *association) expired() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case dialing:
		a.abort("dial timed out")
		hint := ""
		if a.remote.UDPPort != 0 && Encapsulation() == 0 {
			hint = "; it was dialled without encapsulation, since the kernel has none: sysctl net.sctp.udp_port=9899, or use mode udp"
		}
		a.end(transport.Lost, fmt.Errorf("dial %s: no answer within %v%s", a.remote, a.e.d.cfg.DialTimeout, hint))
	case closing:
		a.abort("shutdown timed out")
		a.end(transport.Lost, fmt.Errorf("shut down: the peer did not answer within %v", a.e.d.cfg.ShutdownTimeout))
	}
}

// ID implements transport.Association.
func (a *association) ID() uint64 { return a.id }

// Shutdown implements transport.Association.
func (a *association) Shutdown() {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case dialing:
		a.abort("shut down before it was established")
		a.end(transport.Lost, errors.New("shut down before it was established"))
	case established:
		a.state = closing
		a.timer = time.AfterFunc(a.e.d.cfg.ShutdownTimeout, a.expired)
		a.finish = true
		if len(a.queue) == 0 {
			a.sendEnd()
		}
	}
}

// Abort implements transport.Association.
func (a *association) Abort(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == ended {
		return
	}
	a.abort(reason)
	a.inbox, a.held = nil, 0
	a.end(transport.Lost, fmt.Errorf("aborted by this side: %s", reason))
}

// Local implements transport.Association.
func (a *association) Local() transport.Address {
	if p := a.known.Load(); p != nil {
		return p.local
	}
	return a.e.Local()
}

// Remote implements transport.Association.
func (a *association) Remote() transport.Address {
	if p := a.known.Load(); p != nil {
		return p.remote
	}
	return a.remote
}

// RTT implements transport.Association: that of the primary path, in whole
// milliseconds.
func (a *association) RTT() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != established {
		return 0
	}
	var rtt time.Duration
	_ = a.socket.raw.Control(func(fd uintptr) {
		if s, err := status(int(fd), a.number); err == nil {
			rtt = time.Duration(s.PrimaryPeerAddr.SRTT) * time.Millisecond
		}
	})
	return rtt
}

// Writable implements transport.Association.
func (a *association) Writable(f func()) {
	a.mu.Lock()
	if a.state == ended || a.state != dialing && !a.refused {
		a.mu.Unlock()
		f()
		return
	}
	a.wake = append(a.wake, f)
	a.mu.Unlock()
}

// tell calls those that wait until Send accepts messages again. Caller holds no
// lock.
func (a *association) tell() {
	a.mu.Lock()
	if a.state != ended && a.refused {
		a.mu.Unlock()
		return
	}
	fs := a.wake
	a.wake = nil
	a.mu.Unlock()
	for _, f := range fs {
		f()
	}
}
