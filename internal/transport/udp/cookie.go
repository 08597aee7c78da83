package udp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"net/netip"
	"time"
)

// cookie is the state of an association before it exists. It travels to the
// peer and back, signed, so that an INIT costs no memory (RFC 9260, Section
// 5.1.3).
type cookie struct {
	at                  time.Duration // since the door was opened
	local, peer         initiation
	tieLocal, tieTo     uint32 // tags of an association that exists already
	from                netip.AddrPort
	source, destination uint16 // the SCTP ports: the peer's and ours
}

const (
	macLen    = sha256.Size
	cookieLen = 8 + 2*initiationLen + 8 + 18 + 4 + macLen
)

// baker signs and checks cookies. It is the receiving goroutine's alone.
type baker struct {
	mac hash.Hash
	// spent holds the tags of accepted cookies whose associations may be over,
	// for as long as the cookies are good: the present and the last period.
	spent, before map[uint32]struct{}
	period        time.Duration
}

func newBaker() (*baker, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	return &baker{mac: hmac.New(sha256.New, key[:]), spent: map[uint32]struct{}{}}, nil
}

func (k *baker) append(b []byte, c cookie) []byte {
	start := len(b)
	b = be.AppendUint64(b, uint64(c.at))
	b = c.local.append(b)
	b = c.peer.append(b)
	b = be.AppendUint32(b, c.tieLocal)
	b = be.AppendUint32(b, c.tieTo)
	ip := c.from.Addr().As16()
	b = append(b, ip[:]...)
	b = be.AppendUint16(b, c.from.Port())
	b = be.AppendUint16(b, c.source)
	b = be.AppendUint16(b, c.destination)
	k.mac.Reset()
	k.mac.Write(b[start:])
	return k.mac.Sum(b)
}

// parse returns the content of a cookie that this door has signed.
func (k *baker) parse(b []byte) (c cookie, ok bool) {
	if len(b) != cookieLen {
		return c, false
	}
	var sum [macLen]byte
	signed := b[:cookieLen-macLen]
	k.mac.Reset()
	k.mac.Write(signed)
	if !hmac.Equal(k.mac.Sum(sum[:0]), b[len(signed):]) {
		return c, false
	}
	c.at = time.Duration(be.Uint64(b))
	c.local, _, _ = parseInitiation(b[8:24])
	c.peer, _, _ = parseInitiation(b[24:40])
	c.tieLocal, c.tieTo = be.Uint32(b[40:]), be.Uint32(b[44:])
	c.from = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[48:64])).Unmap(), be.Uint16(b[64:]))
	c.source, c.destination = be.Uint16(b[66:]), be.Uint16(b[68:])
	return c, true
}

// maxSpent bounds the memory of spent cookies.
const maxSpent = 1 << 16

// spend notes that a cookie was used, and reports whether it was the first time.
func (k *baker) spend(tag uint32, now, life time.Duration) bool {
	if now-k.period > life || len(k.spent) >= maxSpent {
		k.before, k.spent, k.period = k.spent, map[uint32]struct{}{}, now
	}
	if _, used := k.before[tag]; used {
		return false
	}
	if _, used := k.spent[tag]; used {
		return false
	}
	k.spent[tag] = struct{}{}
	return true
}
