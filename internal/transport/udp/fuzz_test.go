package udp

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/rspool/rspool/internal/transport"
)

// FuzzPacket parses a packet and writes what it understood: the same bytes.
func FuzzPacket(f *testing.F) {
	for _, chunks := range [][]byte{
		data(1, 2, "hello"),
		append(data(1, 2, "a"), data(2, 2, "bcd")...),
		chunk1(chunkInit, 0, initiation{1, 2, 3, 4, 5}.append(nil)),
		chunk1(chunkAbort, 0, appendParameter(nil, causeUserAbort, []byte("why"))),
		chunk1(chunkCookieEcho, 0, make([]byte, cookieLen)),
	} {
		p := append(appendHeader(nil, header{1, 2, 3}), chunks...)
		seal(p)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) >= minPacket {
			seal(p) // or nothing would ever be parsed
		}
		p = bytes.Clone(p)
		h, ok := parsePacket(p)
		if !ok {
			return
		}
		q := appendHeader(nil, h)
		for b := p[headerLen:]; len(b) > 0; {
			var c chunk
			if c, b, ok = nextChunk(b); !ok {
				t.Fatal("a chunk was good before and is not now")
			}
			again := appendChunk(nil, c.kind, c.flags, c.value)
			copy(again[4+len(c.value):], c.raw[4+len(c.value):]) // the padding may be anything
			q = append(q, again...)
			if len(describe(c.value)) > 4*(4*maxReason+50) {
				t.Error("a description without end")
			}
			if i, _, ok := parseInitiation(c.value); ok && !bytes.Equal(i.append(nil), c.value[:initiationLen]) {
				t.Errorf("%+v is not %x", i, c.value)
			}
		}
		if !bytes.Equal(p, q) {
			t.Errorf("%x became %x", p, q)
		}
	})
}

// FuzzCookie offers anything for a cookie.
func FuzzCookie(f *testing.F) {
	k, err := newBaker()
	if err != nil {
		f.Fatal(err)
	}
	from := netip.MustParseAddrPort("[2001:db8::1]:9899")
	good := cookie{
		at: 5, local: initiation{1, 2000, 3, 4, 5}, peer: initiation{6, 7000, 8, 9, 10}, tieLocal: 11, tieTo: 12,
		from: from, source: 13, destination: 14,
	}
	baked := k.append(nil, good)
	f.Add(baked)
	f.Add(baked[:cookieLen-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := k.parse(b)
		if ok != bytes.Equal(b, baked) {
			t.Fatalf("accepted: %v", ok)
		}
		if ok && c != good {
			t.Errorf("%+v became %+v", good, c)
		}
	})
}

// FuzzAssociation sends any chunks with the right tag to an association that is
// up. TSNs count from those of the association, so that they mean something.
func FuzzAssociation(f *testing.F) {
	sack := func(cumulative uint32, rest ...byte) []byte {
		v := be.AppendUint32(nil, cumulative)
		v = be.AppendUint32(v, 1<<17)
		return chunk1(chunkSack, 0, v, rest)
	}
	fragment := func(tsn uint32, flags byte, text string) []byte {
		c := data(tsn, 1, text)
		c[1] = flags
		return c
	}
	join := func(cs ...[]byte) []byte { return bytes.Join(cs, nil) }
	f.Add(join(data(0, 0, "one"), data(1, 15, "two"), data(1, 15, "two"), sack(1, 0, 0, 0, 0)))
	f.Add(join(fragment(0, 2, "first"), fragment(2, 1, "last"), fragment(1, 0, "middle"), fragment(4, 7, "unordered")))
	f.Add(join(sack(0, 0, 1, 0, 1, 0, 2, 0, 3, 0, 0, 0, 9), sack(2, 0, 0, 0, 0)))
	f.Add(join(data(0, 3, "x"), chunk1(chunkShutdown, 0, []byte{0, 0, 0, 2}), chunk1(chunkShutdownAck, 0), chunk1(chunkShutdownComplete, 0)))
	f.Add(join(chunk1(chunkHeartbeat, 0, []byte{0, 1, 0, 5, 9}), chunk1(chunkHeartbeatAck, 0, []byte{0, 1}), chunk1(chunkError, 0, []byte{0, 3, 0, 4})))
	f.Add(join(chunk1(chunkAbort, 0, appendParameter(nil, causeUserAbort, []byte("why")))))
	f.Add(join(chunk1(chunkInitAck, 0, make([]byte, 40)), chunk1(chunkCookieEcho, 0, make([]byte, cookieLen)), chunk1(chunkCookieAck, 0)))
	f.Add(join(chunk1(0xc0, 0, make([]byte, 8)), chunk1(0x82, 0, make([]byte, 12)), chunk1(0x40, 3, make([]byte, 20)), data(0, 0, "z")))

	d := open(f, Config{Listen: loopback})
	f.Cleanup(func() { _ = d.Close() })
	ep := listener(f, d, echo{}).(*endpoint)
	sink, err := listen(loopback, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = sink.Close() })
	from := netip.MustParseAddrPort(sink.LocalAddr().String())
	port := uint16(0)
	f.Fuzz(func(t *testing.T, chunks []byte) {
		port = max(port+1, 1)
		a := newAssociation(ep, from, port, d.initiation())
		a.mu.Lock()
		if err := d.add(a); err != nil {
			t.Fatal(err)
		}
		a.establish(initiation{tag: 1, window: 1 << 17, tsn: 0, out: 16, in: 16})
		a.mu.Unlock()
		defer func() { // when everything that arrived was handled
			a.mu.Lock()
			a.finish(transport.Lost, errRefused)
			a.mu.Unlock()
			ep.mu.Lock()
			defer ep.mu.Unlock()
			for ep.count > 0 {
				ep.idle.Wait()
			}
		}()
		for range 4 {
			_ = a.Send(transport.Message{PPID: 11, Payload: []byte("in flight")})
		}
		for b := chunks; len(b) > 0; {
			c, rest, ok := nextChunk(b)
			if !ok {
				return
			}
			b = rest
			if c.kind == chunkSack && len(c.value) >= 4 || c.kind == chunkShutdown && len(c.value) >= 4 {
				be.PutUint32(c.value, be.Uint32(c.value)+a.local.tsn-1)
			}
			p := append(appendHeader(nil, header{port, 3863, a.local.tag}), c.raw...)
			seal(p)
			d.input(p, from)
		}
	})
}
