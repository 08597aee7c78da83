package registrar

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// TestCrossingUpdatesLeaveOneHome lets an element register here while a peer says
// that it is the element's home. Both registrars must come to the same.
func TestCrossingUpdatesLeaveOneHome(t *testing.T) {
	const peerID = 5
	for _, tt := range []struct {
		name    string
		id      rserpool.RegistrarID
		dialect rserpool.Dialect
		after   time.Duration
		keeps   bool
	}{
		{"the_smaller_prevails", 1, rserpool.Deployed, 100 * time.Millisecond, true},
		{"the_larger_gives_way", 9, rserpool.Deployed, 100 * time.Millisecond, false},
		{"the_larger_prevails_by_the_rfc", 9, rserpool.RFC, 100 * time.Millisecond, true},
		{"the_smaller_gives_way_by_the_rfc", 1, rserpool.RFC, 100 * time.Millisecond, false},
		{"later_there_is_no_crossing", 1, rserpool.Deployed, 2 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			at := func(host byte, port uint16) transport.Address {
				return transport.Address{IPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, host})}, Port: port}
			}
			m := New(Config{
				ID: tt.id, Dialect: tt.dialect, Policies: policies, Rand: rand.New(rand.NewPCG(1, 1)), AnnounceInterval: -1,
				KeepAliveInterval: time.Minute, Scope: ScopeConfig{Address: at(1, 9901)},
			}, now)
			m.Step(now, &machine.Tick{})
			if !m.InSync() {
				t.Fatal("the registrar waits for somebody")
			}
			m.Step(now, &machine.AssociationUp{Association: 1, Endpoint: machine.ENRPEndpoint, Local: at(1, 9901), Remote: at(2, 9901)})
			fromPeer := func(msg enrp.Message) []machine.Effect {
				return m.Step(now, &machine.Received{Association: 1, PPID: enrp.PPID, Payload: enrp.Append(nil, msg)})
			}
			fromPeer(&enrp.Presence{Route: enrp.Route{Sender: peerID}, Checksum: 0xffff})
			m.Step(now, &machine.AssociationUp{Association: 2, Local: at(1, 3863), Remote: at(3, 4000)})
			el := rserpool.Element{
				ID: 7, Life: tt.dialect.Life(time.Minute), Policy: rserpool.Policy{Type: rserpool.RoundRobin},
				UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Port: 5000, Addresses: at(3, 0).IPs},
			}
			m.Step(now, &machine.Received{Association: 2, PPID: asap.PPID, Payload: asap.Append(nil, &asap.Registration{Handle: "Pool", Element: el})})

			now = now.Add(tt.after)
			el.Home = peerID
			el.ASAPTransport = &rserpool.Transport{Protocol: rserpool.SCTP, Port: 4000, Addresses: at(3, 0).IPs}
			repeated := false
			for _, e := range fromPeer(&enrp.HandleUpdate{Route: enrp.Route{Sender: peerID}, Handle: "Pool", Element: el}) {
				if s, ok := e.(*machine.Send); ok && s.Association == 1 && enrp.Type(s.Payload[0]) == enrp.TypeHandleUpdate {
					repeated = true
				}
			}
			if home := m.space.Find("Pool", 7).Home(); (home == tt.id) != tt.keeps {
				t.Errorf("the home is %v", home)
			}
			if repeated != tt.keeps {
				t.Errorf("said again where the home is: %v, want %v", repeated, tt.keeps)
			}
		})
	}
}
