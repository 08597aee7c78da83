package memory_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

func TestSuite(t *testing.T) {
	for _, tt := range []struct {
		name string
		memory.Conditions
	}{
		{"without delay", memory.Conditions{}},
		{"with delay and loss", memory.Conditions{Delay: 100 * time.Microsecond, Jitter: time.Millisecond, Loss: 0.1, Retransmit: time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := memory.New(1)
			tt.DialTimeout, tt.Detection = time.Second, 200*time.Millisecond
			n.Set(tt.Conditions)
			transporttest.Run(t, transporttest.Doors{
				Open:   func(testing.TB) transport.Door { return n.Host() },
				Kill:   func(_ testing.TB, d transport.Door) { d.(*memory.Host).Kill() },
				Reopen: func(_ testing.TB, d transport.Door) transport.Door { d.(*memory.Host).Restart(); return d },
				Nowhere: transport.Address{
					IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 1,
				},
			})
		})
	}
}
