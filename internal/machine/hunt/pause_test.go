package hunt

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// A process that was stopped hears of the end of an association after the time at
// which it would have ended it: there is nothing left to end.
func TestAssociationsThatAreGoneAreNotEnded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	at := func(host byte) transport.Address {
		return transport.Address{IPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, host})}, Port: 3863}
	}
	for _, tt := range []struct {
		name string
		gone machine.AssociationID
	}{
		{"of_a_former_home", 1},
		{"of_a_registrar_that_waits", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Config{Timeout: time.Second, MaxTimeout: time.Minute, AnnounceTimeout: time.Hour, Rand: rand.New(rand.NewPCG(1, 1))})
			var ticket machine.Ticket
			for _, e := range m.Step(now, &Servers{List: []transport.Address{at(1)}}) {
				if a, ok := e.(machine.Associate); ok {
					ticket = a.Ticket
				}
			}
			m.Step(now, &machine.AssociationUp{Association: 1, Ticket: ticket, Remote: at(1)})
			m.Step(now, &machine.AssociationUp{Association: 2, Remote: at(2)})
			m.Step(now, &machine.AssociationUp{Association: 3, Remote: at(3)})
			m.Step(now, &machine.Adopt{Association: 2, Registrar: rserpool.RegistrarID(2)})
			for _, e := range m.Step(now.Add(time.Hour), &machine.AssociationLost{Association: tt.gone}) {
				if s, ok := e.(machine.Shutdown); ok && s.Association == tt.gone {
					t.Errorf("association %d is shut down, which is gone", tt.gone)
				}
			}
		})
	}
}
