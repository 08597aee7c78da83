package tcp

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/rspool/rspool/internal/transport"
)

func streams(t testing.TB) Config {
	t.Helper()
	cfg := quick(loopback)
	cfg.Stream = true
	return cfg
}

// take collects bytes until there are as many.
func (p *party) take(t testing.TB, n int) []byte {
	t.Helper()
	var got []byte
	for len(got) < n {
		got = append(got, p.WantMessage(t).Payload...)
	}
	return got
}

func TestStreamsCarryBytesBothWays(t *testing.T) {
	server, client := newParty(t, streams(t), true), newParty(t, streams(t), false)
	ab := client.dial(t, server.endpoint.Local())
	client.Want(t, transport.Up)
	ba := server.Want(t, transport.Up).Association
	want := bytes.Repeat([]byte("0123456789"), 5000)
	if err := ab.Send(transport.Message{Payload: want}); err != nil {
		t.Fatal(err)
	}
	if got := server.take(t, len(want)); !bytes.Equal(got, want) {
		t.Error("bytes were damaged")
	}
	if err := ba.Send(transport.Message{Payload: []byte("answer")}); err != nil {
		t.Fatal(err)
	}
	if got := client.take(t, 6); string(got) != "answer" {
		t.Errorf("heard %q", got)
	}
	ab.Shutdown()
	server.Want(t, transport.Closed)
	client.Want(t, transport.Closed)
}

func TestStreamThatIsHalfClosedIsStillAnswered(t *testing.T) {
	server := newParty(t, streams(t), true)
	s := connect(t, server.endpoint.Local())
	s.says([]byte("question"))
	if err := s.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	a := server.Want(t, transport.Up).Association
	server.take(t, 8)
	if err := a.Send(transport.Message{Payload: []byte("answer")}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s); err != nil || string(got) != "answer" {
		t.Errorf("read %q, %v", got, err)
	}
	server.Want(t, transport.Closed)
}

func TestStreamThatIsResetIsLost(t *testing.T) {
	server := newParty(t, streams(t), true)
	s := connect(t, server.endpoint.Local())
	server.Want(t, transport.Up)
	if err := s.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	server.Want(t, transport.Lost)
}
