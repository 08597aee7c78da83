package udp

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// 50,000 INITs leave nothing behind, and service goes on meanwhile.
func TestInitFlood(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := open(t, quick(loopback))
	defer d.Close()
	heard := transporttest.NewRecorder()
	ep := listener(t, d, heard)
	conn, err := net.Dial("udp", d.conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	goroutines := runtime.NumGoroutine()
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		defer conn.Close()
		for i := range 50000 {
			p := appendHeader(nil, header{uint16(1024 + i%60000), 3863, 0})
			p = appendChunk(p, chunkInit, 0, initiation{tag: uint32(i + 1), window: 1 << 16, tsn: 1, out: 9, in: 9}.append(nil))
			seal(p)
			_, _ = conn.Write(p)
		}
	}()
	user := open(t, quick(loopback))
	defer user.Close()
	served := 0
	for done := false; !done; served++ {
		select {
		case <-flooded:
			done = true
		default:
		}
		mine := transporttest.NewRecorder()
		uep, err := user.Open(transport.EndpointConfig{Handler: mine})
		if err != nil {
			t.Fatal(err)
		}
		a, err := uep.Dial(ep.Local())
		if err != nil {
			t.Fatal(err)
		}
		mine.Want(t, transport.Up)
		heard.Want(t, transport.Up)
		if err := a.Send(transport.Message{PPID: 11, Payload: []byte("served")}); err != nil {
			t.Fatal(err)
		}
		heard.WantMessage(t)
		a.Abort("done")
		heard.Want(t, transport.Lost)
		if err := uep.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Stats()
	t.Logf("%d INITs answered, %d associations served meanwhile", s.Inits, served)
	if s.Associations != 0 || s.Inits < 1000 {
		t.Errorf("%+v", s)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 20 {
		t.Errorf("%d goroutines more", n)
	}
}

func TestLimitOfAssociations(t *testing.T) {
	d, heard := target(t, Config{MaxAssociations: 1})
	r := newRaw(t, d)
	r.establish()
	heard.Want(t, transport.Up)
	other := newRaw(t, d)
	other.send(0, chunk1(chunkInit, 0, other.local.append(nil)))
	if kind, _, _, _ := nextParameter(other.want(chunkAbort).value); kind != causeOutOfResource {
		t.Errorf("cause %d", kind)
	}
	mine := transporttest.NewRecorder()
	ep, err := d.Open(transport.EndpointConfig{Handler: mine})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ep.Dial(transport.Address{IPs: ep.Local().IPs, Port: 3863, UDPPort: d.port}); err == nil || !strings.Contains(err.Error(), "1 associations") {
		t.Errorf("dial: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"port", Config{UDPPort: 70000}},
		{"MTU", Config{MTU: 100}},
		{"streams", Config{Streams: 1 << 16}},
		{"window", Config{ReceiveWindow: 1000}},
		{"RTO", Config{RTOMin: time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d, err := Open(tt.cfg); err == nil {
				t.Error(errors.Join(errors.New("opened"), d.Close()))
			}
		})
	}
}

func TestListenSaysThatAPortIsTaken(t *testing.T) {
	first, err := listen(loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	port := first.LocalAddr().(*net.UDPAddr).Port
	second, err := listen(loopback, port)
	if err == nil {
		second.Close()
	}
	if want := fmt.Sprintf("another process has UDP port %d; choose another", port); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %q in it", err, want)
	}
}
