package udp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// probe is the supervision of a peer: HEARTBEATs while it is silent (RFC 9260,
// Section 8.3), and its round-trip time. It belongs to the association's mu.
//
// One heartbeat at a time is out. When it is not answered in time, the next
// follows, at doubled intervals, until the peer is given up.
type probe struct {
	nonce   uint64
	sent    time.Duration // when the heartbeat went out, zero if none is
	misses  int
	suspect bool // the system said that nobody listens there
	jitter  time.Duration

	srtt, rttvar time.Duration
}

func (p *probe) reset() { *p = probe{srtt: p.srtt, rttvar: p.rttvar} }

// answered says that the peer lives.
func (p *probe) answered() { p.sent, p.misses, p.suspect = 0, 0, false }

// rto is the retransmission timeout, not backed off.
func (p *probe) rto(c *Config) time.Duration {
	if p.srtt == 0 {
		return c.RTOInitial
	}
	return min(max(p.srtt+4*p.rttvar, c.RTOMin), c.RTOMax)
}

// measured smooths a new round-trip time (RFC 9260, Section 6.3.1).
func (p *probe) measured(rtt time.Duration) {
	rtt = max(rtt, time.Microsecond)
	if p.srtt == 0 {
		p.srtt, p.rttvar = rtt, rtt/2
		return
	}
	p.rttvar += ((p.srtt - rtt).Abs() - p.rttvar) / 4
	p.srtt += (rtt - p.srtt) / 8
}

// delayedAck is how long a peer may wait before it acknowledges (RFC 9260,
// Section 6.2).
const delayedAck = 200 * time.Millisecond

// never is later than any deadline.
const never = 1 << 62

// due is when the next heartbeat is to be sent or was to be answered.
func (p *probe) due(a *association) time.Duration {
	cfg := &a.d.cfg
	if p.sent != 0 {
		return p.sent + min(p.rto(cfg)<<min(p.misses, 16), cfg.RTOMax)
	}
	last := time.Duration(a.lastIn.Load())
	due := time.Duration(never)
	if cfg.HeartbeatInterval > 0 {
		due = last + cfg.HeartbeatInterval + p.jitter
	}
	if since := time.Duration(a.waits.Load()); since != 0 {
		due = min(due, since+p.rto(cfg)+delayedAck)
	}
	return due
}

// expectAnswer notes that something was sent, so that the peer's silence is
// looked into earlier.
func (a *association) expectAnswer() {
	if a.waits.Load() != 0 || !a.waits.CompareAndSwap(0, int64(a.d.now())) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == established || a.state == closing {
		a.rearm(a.probe.due(a))
	}
}

// supervise sends a heartbeat if the peer has been silent for too long, and gives
// it up if it has not answered enough of them. Caller holds mu.
func (a *association) supervise(now time.Duration) {
	p := &a.probe
	if p.sent != 0 && time.Duration(a.lastIn.Load()) >= p.sent {
		p.answered()
	}
	if due := p.due(a); now < due {
		a.rearm(due)
		return
	}
	if p.sent != 0 {
		if p.misses++; p.misses > a.d.cfg.MaxRetrans {
			a.abort("no answer to heartbeats")
			a.finish(transport.Lost, fmt.Errorf("peer does not answer: %d heartbeats in a row missed", p.misses))
			return
		}
	}
	a.heartbeat(now)
	a.rearm(p.due(a))
}

// heartbeat sends one. Caller holds mu.
func (a *association) heartbeat(now time.Duration) {
	p := &a.probe
	p.nonce, p.sent = rand.Uint64(), now
	if i := a.d.cfg.HeartbeatInterval; i > 0 { // so that peers do not keep step
		p.jitter = rand.N(i/2+1) - i/4
	}
	info := be.AppendUint64(make([]byte, 0, 16), p.nonce)
	info = be.AppendUint64(info, uint64(now))
	_ = a.control(a.peer.tag, chunkHeartbeat, appendParameter(nil, 1, info))
}

// heartbeatAck is what comes back.
func (a *association) heartbeatAck(value []byte) {
	kind, info, _, ok := nextParameter(value)
	if !ok || kind != 1 || len(info) != 16 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := &a.probe; p.sent != 0 && be.Uint64(info) == p.nonce && a.state != ended {
		p.measured(a.d.now() - time.Duration(be.Uint64(info[8:])))
		p.answered()
		a.rearm(p.due(a))
	}
}

var errUnreachable = errors.New("peer is gone: nobody listens at its UDP port")

// unreachable is told that a packet of the association met a closed UDP port.
// The peer is asked at once; if that meets a closed port as well, it is given
// up. The packet was quoted with our peer's tag, which off-path attackers do
// not know.
func (a *association) unreachable(heartbeat bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, p := a.d.now(), &a.probe
	switch a.state {
	case cookieWait, cookieEchoed:
		a.dialRefused(now)
	case established, closing:
		if p.suspect && heartbeat && time.Duration(a.lastIn.Load()) < p.sent {
			a.finish(transport.Lost, errUnreachable)
			return
		}
		p.suspect = true
		a.heartbeat(now)
		a.rearm(p.due(a))
	}
}
