package udp

import (
	"bytes"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  func(r, other *raw, cookie []byte) // sends a COOKIE ECHO
	}{
		{"tampered", func(r, _ *raw, c []byte) {
			c[20] ^= 1
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
		}},
		{"tampered signature", func(r, _ *raw, c []byte) {
			c[len(c)-1] ^= 1
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
		}},
		{"truncated", func(r, _ *raw, c []byte) { r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c[:len(c)-4])) }},
		{"empty", func(r, _ *raw, _ []byte) { r.send(r.peer.tag, chunk1(chunkCookieEcho, 0)) }},
		{"with another tag", func(r, _ *raw, c []byte) { r.send(r.peer.tag^1, chunk1(chunkCookieEcho, 0, c)) }},
		{"from another UDP port", func(r, other *raw, c []byte) { other.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c)) }},
		{"from another SCTP port", func(r, _ *raw, c []byte) {
			r.h.source++
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, c))
			r.h.source--
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, heard := target(t, Config{})
			r := newRaw(t, d)
			cookie := r.init()
			tt.bad(r, newRaw(t, d), bytes.Clone(cookie))
			r.quiet()
			heard.Silent(t)
			if s := d.Stats(); s.BadCookies != 1 || s.Associations != 0 {
				t.Errorf("%+v", s)
			}
			r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie)) // it is still good
			r.want(chunkCookieAck)
			heard.Want(t, transport.Up)
		})
	}
}

func TestCookieReplay(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	cookie := r.establish()
	heard.Want(t, transport.Up)
	// While the association lives, a duplicate is acknowledged and nothing else.
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	r.want(chunkCookieAck)
	r.send(r.peer.tag, chunk1(chunkAbort, 0))
	heard.Want(t, transport.Lost)
	// Afterwards, it makes no second one.
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	r.quiet()
	heard.Silent(t)
	if s := d.Stats(); s.BadCookies != 1 || s.Associations != 0 {
		t.Errorf("%+v", s)
	}
}

func TestStaleCookieIsReported(t *testing.T) {
	d, heard := target(t, Config{CookieLife: time.Nanosecond})
	r := newRaw(t, d)
	cookie := r.init()
	r.send(r.peer.tag, chunk1(chunkCookieEcho, 0, cookie))
	if kind, staleness, _, ok := nextParameter(r.want(chunkError).value); !ok || kind != causeStaleCookie || len(staleness) != 4 {
		t.Errorf("cause %d %x", kind, staleness)
	}
	heard.Silent(t)
	if n := d.Stats().BadCookies; n != 1 {
		t.Errorf("%d bad cookies counted", n)
	}
}

func TestDiallerBeginsAnewWhenItsCookieIsStale(t *testing.T) {
	d, heard := target(t, Config{CookieLife: 50 * time.Millisecond})
	held := false
	to := newLossy(t, d, func(_ int, p []byte, pass func([]byte)) {
		if !held && p[headerLen] == chunkCookieEcho {
			held = true
			time.Sleep(100 * time.Millisecond) // the network takes its time
		}
		pass(p)
	})
	user := open(t, quick(loopback))
	defer user.Close()
	mine := transporttest.NewRecorder()
	ep, err := user.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ep.Dial(to); err != nil {
		t.Fatal(err)
	}
	mine.Want(t, transport.Up)
	heard.Want(t, transport.Up)
	if n := d.Stats().Inits; n < 2 {
		t.Errorf("%d INITs; want a second one", n)
	}
}

func TestRestartNeedsTheRightTieTags(t *testing.T) {
	d, heard := target(t, Config{HeartbeatInterval: -1})
	r := newRaw(t, d)
	r.establish()
	first := heard.Want(t, transport.Up).Association
	// Two INITs of a restarted peer; the second association makes the cookie of
	// the first useless.
	r.local.tag++
	early := r.init()
	earlyTag := r.peer.tag
	r.local.tag++
	r.establish()
	if h := heard.Want(t, transport.Restarted); h.Association != first {
		t.Error("another association was restarted")
	}
	r.send(earlyTag, chunk1(chunkCookieEcho, 0, early))
	r.quiet()
	r.send(r.peer.tag, data(100, 0, "lives"))
	heard.WantMessage(t)
	heard.Silent(t)
}
