package tcp

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// probe is the supervision of a peer: HEARTBEATs while it is silent, and its
// round-trip time. It belongs to the association's mu. Times count since the door
// was opened.
type probe struct {
	heard  time.Duration // the last chunk
	sent   time.Duration // the heartbeat that is not answered, zero if none is
	nonce  uint64
	misses int
	srtt   time.Duration
}

// answered says that the peer lives.
func (p *probe) answered(now time.Duration) { p.heard, p.sent, p.misses = now, 0, 0 }

// supervises reports whether heartbeats are sent at all.
func (d *Door) supervises() bool { return d.cfg.HeartbeatInterval > 0 && d.via != transport.Stream }

// due is when the next heartbeat is to be sent, or was to be answered.
func (a *association) due() time.Duration {
	p, interval := &a.probe, a.d.cfg.HeartbeatInterval
	if p.sent != 0 {
		return p.sent + min(interval, time.Second<<min(p.misses, 16))
	}
	return p.heard + interval
}

// rearm sets the one timer. Caller holds mu.
func (a *association) rearm() {
	const never = 1 << 62
	at := time.Duration(never)
	if a.d.supervises() {
		at = a.due()
	}
	if a.limit != 0 {
		at = min(at, a.limit)
	}
	if at == never {
		return
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
	now := a.d.now()
	switch {
	case a.state == ended:
		return
	case a.limit != 0 && now >= a.limit:
		a.timedOut()
		return
	case a.in.stalled: // its answers wait behind what the handler does not take
		a.probe.answered(now)
	case a.d.supervises() && now >= a.due():
		if p := &a.probe; p.sent != 0 {
			if p.misses++; p.misses > a.d.cfg.MaxRetrans {
				a.abort("no answer to heartbeats")
				a.end(transport.Lost, fmt.Errorf("peer does not answer: %d heartbeats in a row missed", p.misses))
				return
			}
		}
		a.heartbeat()
	}
	a.rearm()
}

// heartbeat sends one. Caller holds mu.
func (a *association) heartbeat() {
	p := &a.probe
	p.nonce, p.sent = rand.Uint64(), max(a.d.now(), 1)
	if len(a.out.buffer) > a.d.cfg.SendBuffer+maxAnswers {
		return // it would not be read any more than what is before it
	}
	info := be.AppendUint64([]byte{0, 1, 0, 20}, p.nonce)
	a.control(chunkHeartbeat, be.AppendUint64(info, uint64(p.sent))...)
}

// heartbeatAck is what comes back. Caller holds mu.
func (a *association) heartbeatAck(value []byte) {
	if len(value) != 20 || be.Uint64(value[4:]) != a.probe.nonce {
		return
	}
	a.probe.nonce = rand.Uint64() // one answer counts
	rtt := max(a.d.now()-time.Duration(be.Uint64(value[12:])), time.Microsecond)
	if p := &a.probe; p.srtt == 0 {
		p.srtt = rtt
	} else {
		p.srtt += (rtt - p.srtt) / 8
	}
}
