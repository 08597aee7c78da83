package udp

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// server is a peer by hand that is dialled. It returns the dialling door's
// recorder and the raw peer, which has read the INIT.
func server(t *testing.T) (*transporttest.Recorder, *raw) {
	t.Helper()
	d, heard := open(t, quick(loopback)), transporttest.NewRecorder()
	t.Cleanup(func() { _ = d.Close() })
	ep, err := d.Open(transport.EndpointConfig{Handler: heard})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, d.port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if _, err := ep.Dial(transport.Address{IPs: []netip.Addr{loopback}, Port: 3863, UDPPort: at.Port()}); err != nil {
		t.Fatal(err)
	}
	r := &raw{
		t: t, conn: conn, h: header{source: 3863, destination: ep.Local().Port},
		local: initiation{tag: 0xcafe, window: 1 << 17, tsn: 100, out: 16, in: 16},
	}
	_, c := r.next()
	var ok bool
	if r.peer, _, ok = parseInitiation(c.value); c.kind != chunkInit || !ok {
		t.Fatalf("the door sent chunk %d", c.kind)
	}
	return heard, r
}

func TestDialMeetsABadAnswer(t *testing.T) {
	cookie := appendParameter(nil, parameterCookie, []byte("cookie"))
	for _, tt := range []struct {
		name   string
		answer func(r *raw) []byte
		want   string // in the reason, and the peer gets an ABORT
	}{
		{"INIT ACK without streams", func(r *raw) []byte {
			r.local.in = 0
			return chunk1(chunkInitAck, 0, r.local.append(nil), cookie)
		}, "invalid"},
		{"INIT ACK without cookie", func(r *raw) []byte {
			return chunk1(chunkInitAck, 0, r.local.append(nil), appendParameter(nil, 0x8000, nil))
		}, "no cookie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heard, r := server(t)
			r.send(r.peer.tag, tt.answer(r))
			r.want(chunkAbort)
			if h := heard.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), tt.want) {
				t.Error(h.Err)
			}
		})
	}
	t.Run("ABORT", func(t *testing.T) {
		heard, r := server(t)
		r.send(r.peer.tag^1, chunk1(chunkAbort, 0))
		r.send(r.peer.tag, chunk1(chunkAbort, 0, appendParameter(nil, causeOutOfResource, nil)))
		if h := heard.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), "out of resource") {
			t.Error(h.Err)
		}
	})
}

func TestDialReportsUnknownParametersAndRepeatsTheCookie(t *testing.T) {
	heard, r := server(t)
	ack := chunk1(chunkInitAck, 0, r.local.append(nil), appendParameter(nil, 0xfe01, []byte{1}), appendParameter(nil, parameterCookie, []byte("cookie")))
	r.send(r.peer.tag, ack)
	for range 2 { // the second time because nobody answered the first
		if c := r.want(chunkCookieEcho); !bytes.Equal(c.value, []byte("cookie")) {
			t.Errorf("the cookie came back as %q", c.value)
		}
	}
	r.send(r.peer.tag, chunk1(chunkCookieAck, 0), data(100, 0, "bundled"))
	a := heard.Want(t, transport.Up).Association
	if m := heard.WantMessage(t); string(m.Payload) != "bundled" {
		t.Errorf("heard %q", m.Payload)
	}
	if rtt := a.RTT(); rtt <= 0 || rtt > time.Minute {
		t.Errorf("RTT %v; the handshake has measured it", rtt)
	}
	// Another INIT ACK means nothing now.
	r.send(r.peer.tag, ack)
	r.send(r.peer.tag, chunk1(chunkShutdown, 0, be.AppendUint32(nil, r.peer.tsn-1)))
	r.want(chunkShutdownAck)
	r.send(r.peer.tag, chunk1(chunkShutdownComplete, 0))
	heard.Want(t, transport.Closed)
}
