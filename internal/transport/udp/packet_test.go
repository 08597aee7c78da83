package udp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPaddingOfLastParameterIsTheChunks(t *testing.T) {
	five, six := appendParameter(nil, 0x8001, []byte("a")), []byte("bc")
	tests := []struct {
		name  string
		chunk []byte
		want  []byte
	}{
		{"one parameter", chunk1(chunkHeartbeat, 0, five), []byte{4, 0, 0, 9, 0x80, 1, 0, 5, 'a', 0, 0, 0}},
		{"two parameters", chunk1(chunkInitAck, 0, appendParameter(five, 7, six)), []byte{2, 0, 0, 18, 0x80, 1, 0, 5, 'a', 0, 0, 0, 0, 7, 0, 6, 'b', 'c', 0, 0}},
		{"two values", chunk1(chunkInitAck, 0, five, appendParameter(nil, 7, six)), []byte{2, 0, 0, 18, 0x80, 1, 0, 5, 'a', 0, 0, 0, 0, 7, 0, 6, 'b', 'c', 0, 0}},
		{"none", chunk1(chunkCookieAck, 0), []byte{11, 0, 0, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.chunk); diff != "" {
				t.Errorf("chunk (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInitAckEndsWithItsCookie(t *testing.T) {
	d, _ := target(t, Config{})
	r := newRaw(t, d)
	r.send(0, chunk1(chunkInit, 0, r.local.append(nil)))
	if _, c := r.next(); c.kind != chunkInitAck || len(c.value) != initiationLen+4+cookieLen {
		t.Errorf("chunk of type %d, %d bytes: want an INIT ACK of %d", c.kind, len(c.value), initiationLen+4+cookieLen)
	}
}

// sent collects what a core sends.
type sent struct {
	coreHost
	packets [][]byte
}

func (s *sent) output(p []byte) { s.packets = append(s.packets, p) }

func TestHeartbeatsOfTheCoreStayHere(t *testing.T) {
	host := &sent{}
	cc := (*coreConn)(&core{host: host})
	for _, kind := range []byte{chunkHeartbeat, chunkSack} {
		if _, err := cc.Write(appendChunk(make([]byte, headerLen), kind, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if len(host.packets) != 1 || host.packets[0][headerLen] != chunkSack {
		t.Errorf("sent %x, want the SACK alone", host.packets)
	}
}
