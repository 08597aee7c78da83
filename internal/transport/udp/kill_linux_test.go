package udp

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

const childVariable = "RSPOOL_TEST_UDP_CHILD"

// TestChild is not a test but the process that TestKilledProcess kills.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("it is run by TestKilledProcess")
	}
	d := open(t, quick(loopback))
	ep := listener(t, d, echo{})
	fmt.Println(ep.Local())
	select {}
}

// A process that is killed says no goodbye, but its kernel does: the peer hears
// Lost within the next heartbeat.
func TestKilledProcess(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy bool
	}{
		{"idle", false},
		{"with messages on their way", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestChild$")
			child.Env = append(os.Environ(), childVariable+"=1")
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer child.Wait()
			defer child.Process.Kill()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			to, err := transport.ParseAddress(line[:len(line)-1])
			if err != nil {
				t.Fatal(err)
			}
			cfg := quick(loopback)
			cfg.RTOMin = 10 * time.Second // heartbeats alone would take half a minute
			user := open(t, cfg)
			defer user.Close()
			heard := transporttest.NewRecorder()
			ep, err := user.Open(transport.EndpointConfig{Handler: heard})
			if err != nil {
				t.Fatal(err)
			}
			a, err := ep.Dial(to)
			if err != nil {
				t.Fatal(err)
			}
			heard.Want(t, transport.Up)
			m := transport.Message{PPID: 11, Payload: []byte("alive?")}
			if err := a.Send(m); err != nil {
				t.Fatal(err)
			}
			heard.WantMessage(t)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for range 10 {
				if tt.busy && a.Send(m) != nil {
					break
				}
			}
			for h := heard.Next(t); h.Kind != transport.Lost; h = heard.Next(t) {
				if h.Message == nil {
					t.Fatalf("heard %v", h)
				}
			}
			took := time.Since(start)
			t.Logf("lost after %v", took.Round(time.Millisecond))
			if took > 5*time.Second {
				t.Errorf("it took %v to notice", took)
			}
		})
	}
}
