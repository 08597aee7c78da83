package udp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// dialing is what the side that began keeps until the association is
// established. It belongs to the association's mu.
type dialing struct {
	ips     []netip.Addr // tried in turn
	next    int
	tries   int
	echo    []byte // value of the COOKIE ECHO and chunks after it, once there is a cookie
	sent    time.Duration
	refused int
	unsent  int // sends in a row that the system refused
	due     time.Duration
}

// random returns a number that is not zero.
func random() uint32 {
	var b [4]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if v := be.Uint32(b[:]); v != 0 {
			return v
		}
	}
}

// initiation makes the own half of a new association.
func (d *Door) initiation() initiation {
	n := uint16(d.cfg.Streams)
	return initiation{tag: random(), window: uint32(d.cfg.ReceiveWindow), tsn: random(), out: n, in: n}
}

// retransmit sends the INIT or COOKIE ECHO, again if need be, at intervals that
// double. Each INIT goes to the next of the peer's addresses. Caller holds mu.
func (a *association) retransmit(now time.Duration) {
	g := a.dialed
	if now < g.due {
		a.rearm(g.due)
		return
	}
	var err error
	if a.state == cookieWait {
		if g.tries > 0 && len(g.ips) > 1 {
			g.next = (g.next + 1) % len(g.ips)
			a.move(netip.AddrPortFrom(g.ips[g.next], a.to.Load().Port()))
		}
		err = a.control(0, chunkInit, a.local.append(nil))
	} else {
		p := appendHeader(make([]byte, 0, headerLen+len(g.echo)), header{a.p.port, a.port, a.peer.tag})
		err = a.d.sendSealed(append(p, g.echo...), *a.to.Load())
	}
	if !hopeless(err) {
		g.unsent = 0
	} else if g.unsent++; g.unsent >= len(g.ips) {
		a.finish(transport.Lost, fmt.Errorf("dial %s: cannot send from %s: %w", a.Remote(), a.d.conn.LocalAddr(), errors.Unwrap(err)))
		return
	}
	g.sent = now
	g.due = now + min(a.d.cfg.RTOInitial<<min(g.tries/len(g.ips), 16), a.d.cfg.RTOMax)
	g.tries++
	if g.unsent > 0 {
		g.due = now // to the next address
	}
	a.rearm(g.due)
}

// hopeless reports whether the system has no way to an address from here, so that
// sending again is of no use.
func hopeless(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// dialRefused is told that nobody listens at the peer's UDP port. After a second
// time at each of the addresses the dial fails. Caller holds mu.
func (a *association) dialRefused(now time.Duration) {
	g := a.dialed
	if g == nil {
		return
	}
	if g.refused++; g.refused >= 2*len(g.ips) {
		a.finish(transport.Lost, fmt.Errorf("dial %s: refused, nobody listens at the UDP port", a.Remote()))
		return
	}
	g.due = min(g.due, now+refusedAgain)
	a.rearm(g.due)
}

// refusedAgain is the wait after a refusal: the peer may just be starting.
const refusedAgain = 20 * time.Millisecond

// onInit answers an INIT without keeping anything (RFC 9260, Section 5.1.3).
func (d *Door) onInit(c chunk, h header, from netip.AddrPort) {
	d.stats.inits.Add(1)
	peer, parameters, ok := parseInitiation(c.value)
	if !ok {
		if peer.tag != 0 {
			_ = d.control(header{h.destination, h.source, peer.tag}, from, chunkAbort, 0, appendParameter(nil, causeInvalidParameter, nil))
		}
		return
	}
	reply := header{h.destination, h.source, peer.tag}
	d.mu.RLock()
	p := d.ports[h.destination]
	old := d.byPeer[peerKey{from, h.source, h.destination}]
	full := len(d.byTag) >= d.cfg.MaxAssociations
	d.mu.RUnlock()
	switch {
	case p == nil || !p.cfg.Listen && old == nil:
		_ = d.control(reply, from, chunkAbort, 0)
		return
	case full && old == nil:
		_ = d.control(reply, from, chunkAbort, 0, appendParameter(nil, causeOutOfResource, nil))
		return
	}
	k := cookie{at: d.now(), local: d.initiation(), peer: peer, from: from, source: h.source, destination: h.destination}
	if old != nil {
		old.mu.Lock()
		k.tieLocal, k.tieTo = old.local.tag, old.peer.tag
		if old.state < established { // both sides began: one association comes of it
			k.local = old.local
		}
		shuttingDown := old.state == closing
		old.mu.Unlock()
		if shuttingDown {
			return // the peer tries again
		}
	}
	v := make([]byte, 0, 256)
	v = k.local.append(v)
	v = be.AppendUint16(v, parameterCookie)
	v = be.AppendUint16(v, 4+cookieLen)
	v = d.baker.append(v, k)
	unknownParameters(parameters, func(raw []byte) { v = appendParameter(v, parameterUnrecognized, raw) })
	_ = d.control(reply, from, chunkInitAck, 0, v)
}

// The parameters of RFC 9260, Section 3.3.2 and 3.3.3, that matter here.
const (
	parameterCookie       = 7
	parameterUnrecognized = 8
)

// unknownParameters follows the two upper bits of the parameters that are not
// known (RFC 9260, Section 3.2.1): it stops where they say so, and reports those
// that are to be reported.
func unknownParameters(b []byte, report func(raw []byte)) {
	for {
		kind, value, rest, ok := nextParameter(b)
		if !ok {
			return
		}
		switch kind {
		case 5, 6, parameterCookie, parameterUnrecognized, 9, 11, 12: // of RFC 9260; addresses do not matter here
		case 0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8008, 0xc000, 0xc006: // of extensions that are not used
		default:
			if kind&0x4000 != 0 {
				report(b[:4+len(value)])
			}
			if kind&0x8000 == 0 {
				return
			}
		}
		b = rest
	}
}

// onInitAck continues with the cookie.
func (a *association) onInitAck(c chunk, from netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != cookieWait {
		return
	}
	peer, parameters, ok := parseInitiation(c.value)
	if !ok {
		if peer.tag != 0 {
			_ = a.control(peer.tag, chunkAbort, appendParameter(nil, causeInvalidParameter, nil))
		}
		a.finish(transport.Lost, fmt.Errorf("dial %s: the peer's INIT ACK is invalid", a.Remote()))
		return
	}
	var echo []byte
	for b := parameters; ; {
		kind, value, rest, ok := nextParameter(b)
		if !ok {
			break
		}
		if kind == parameterCookie {
			echo = appendChunk(nil, chunkCookieEcho, 0, value)
			break
		}
		b = rest
	}
	if echo == nil {
		_ = a.control(peer.tag, chunkAbort, appendParameter(nil, 2, []byte{0, 0, 0, 1, 0, parameterCookie}))
		a.finish(transport.Lost, fmt.Errorf("dial %s: the peer's INIT ACK has no cookie", a.Remote()))
		return
	}
	unknownParameters(parameters, func(raw []byte) {
		if len(echo)+len(raw) < 512 {
			echo = appendChunk(echo, chunkError, 0, appendParameter(nil, causeUnknownParameters, raw))
		}
	})
	now, g := a.d.now(), a.dialed
	if g.tries == 1 {
		a.probe.measured(now - g.sent)
	}
	a.move(from)
	a.peer, a.state = peer, cookieEchoed
	g.echo, g.tries, g.due, g.refused = echo, 0, 0, 0
	g.ips = []netip.Addr{from.Addr()}
	a.retransmit(now)
}

// onCookieAck ends the handshake.
func (a *association) onCookieAck() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == cookieEchoed {
		a.establish(a.peer)
	}
}

// onStaleCookie begins anew: the cookie took too long. The dial timeout bounds
// how often.
func (a *association) onStaleCookie() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != cookieEchoed {
		return
	}
	a.state, a.peer = cookieWait, initiation{}
	a.dialed.echo, a.dialed.due = nil, a.d.now()+a.d.cfg.RTOMin
	a.rearm(a.dialed.due)
}

// onCookieEcho makes an association of a cookie, or tells what it means for the
// one that is there (RFC 9260, Section 5.2.4). It returns the association that
// the rest of the packet is for.
func (d *Door) onCookieEcho(c chunk, h header, from netip.AddrPort) *association {
	k, ok := d.baker.parse(c.value)
	if !ok || k.from != bare(from) || k.source != h.source || k.destination != h.destination || k.local.tag != h.tag {
		d.stats.badCookies.Add(1)
		return nil
	}
	reply := header{h.destination, h.source, k.peer.tag}
	d.mu.RLock()
	old := d.byPeer[peerKey{from, h.source, h.destination}]
	d.mu.RUnlock()
	now := d.now()
	if age := now - k.at; age > d.cfg.CookieLife {
		if old == nil || old.tags() != [2]uint32{k.local.tag, k.peer.tag} {
			d.stats.badCookies.Add(1)
			over := be.AppendUint32(nil, uint32(min((age-d.cfg.CookieLife).Microseconds(), 1<<32-1)))
			_ = d.control(reply, from, chunkError, 0, appendParameter(nil, causeStaleCookie, over))
			return nil
		}
	}
	if old == nil {
		return d.accept(k, h, from, now)
	}
	return old.onCookieEcho(k, reply, from, now)
}

// accept makes the association of a cookie.
func (d *Door) accept(k cookie, h header, from netip.AddrPort, now time.Duration) *association {
	reply := header{h.destination, h.source, k.peer.tag}
	if !d.baker.spend(k.local.tag, now, d.cfg.CookieLife) {
		d.stats.badCookies.Add(1)
		return nil
	}
	d.mu.RLock()
	p := d.ports[h.destination]
	d.mu.RUnlock()
	if p == nil || !p.cfg.Listen {
		_ = d.control(reply, from, chunkAbort, 0)
		return nil
	}
	a := newAssociation(p, from, h.source, k.local)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch err := d.add(a); {
	case errors.Is(err, transport.ErrInUse):
		return nil // a dial of this side was faster, and both lead to one association
	case err != nil:
		_ = d.control(reply, from, chunkAbort, 0, appendParameter(nil, causeOutOfResource, nil))
		return nil
	}
	_ = d.control(reply, from, chunkCookieAck, 0)
	a.establish(k.peer)
	return a
}

// onCookieEcho is the table of RFC 9260, Section 5.2.4.
func (a *association) onCookieEcho(k cookie, reply header, from netip.AddrPort, now time.Duration) *association {
	a.mu.Lock()
	defer a.mu.Unlock()
	sameLocal, samePeer := k.local.tag == a.local.tag, k.peer.tag == a.peer.tag
	switch {
	case a.state == ended:
		return nil
	case sameLocal && a.state < established: // B, or D while COOKIE ACK is on its way
		a.establish(k.peer)
	case sameLocal && samePeer: // D: a duplicate
	case a.state >= established && !sameLocal && !samePeer && k.tieLocal == a.local.tag && k.tieTo == a.peer.tag: // A: a restart
		if !a.d.baker.spend(k.local.tag, now, a.d.cfg.CookieLife) {
			a.d.stats.badCookies.Add(1)
			return nil
		}
		a.d.retag(a, k.local)
		a.probe.srtt, a.probe.rttvar = 0, 0
		a.establish(k.peer)
	default: // C and the rest: the cookie belongs to nothing that still is
		a.d.stats.badCookies.Add(1)
		return nil
	}
	_ = a.d.control(reply, from, chunkCookieAck, 0)
	return a
}

// tags returns both verification tags, the own one first.
func (a *association) tags() [2]uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return [2]uint32{a.local.tag, a.peer.tag}
}

// bare is an address without its zone, as a cookie holds it.
func bare(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

var errRefused = errors.New("refused, nobody listens there")
