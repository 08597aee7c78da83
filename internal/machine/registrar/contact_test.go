package registrar

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// TestNewAssociationTakesThePlaceOfTheOld hears of a peer's new association
// before it hears of the end of the former one, as it happens after a pause.
func TestNewAssociationTakesThePlaceOfTheOld(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	at := func(host byte) transport.Address {
		return transport.Address{IPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, host})}, Port: 9901}
	}
	m := New(Config{
		ID: 1, Policies: policies, Rand: rand.New(rand.NewPCG(1, 1)), AnnounceInterval: -1,
		Scope: ScopeConfig{Address: at(1), Peers: []transport.Address{at(2)}},
	}, now)
	presence := func(over machine.AssociationID, from rserpool.RegistrarID) []machine.Effect {
		to := at(2)
		payload := enrp.Append(nil, &enrp.Presence{
			Route: enrp.Route{Sender: from}, ReplyRequired: true, Checksum: 0xffff,
			Server: &rserpool.Server{ID: from, Transport: rserpool.Transport{Protocol: rserpool.SCTP, Port: to.Port, Addresses: to.IPs}},
		})
		return m.Step(now, &machine.Received{Association: over, PPID: enrp.PPID, Payload: payload})
	}
	up := func(id machine.AssociationID) {
		m.Step(now, &machine.AssociationUp{Association: id, Endpoint: machine.ENRPEndpoint, Local: at(1), Remote: at(2)})
	}
	sends := func(effects []machine.Effect, over machine.AssociationID) (n int) {
		for _, e := range effects {
			if s, ok := e.(*machine.Send); ok && s.Association == over {
				n++
			}
		}
		return n
	}
	up(10)
	presence(10, 2)
	up(11)
	for _, e := range presence(10, 2) {
		if s, ok := e.(*machine.Send); ok {
			t.Errorf("a message of the former association is answered over association %d", s.Association)
		}
	}
	if effects := presence(11, 3); sends(effects, 11) == 0 {
		t.Error("the peer is not answered over the new association")
	}
	m.Step(now, &machine.AssociationLost{Association: 10})
	if p := m.peer(3); p == nil || p.link() == nil || p.link().id != 11 {
		t.Error("the end of the former association ends the new one")
	}
	if err := m.check(); err != nil {
		t.Error(err)
	}
}

// TestSilentAssociationIsAskedAgain lets nobody speak on an association.
func TestSilentAssociationIsAskedAgain(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	local := transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 9901}
	remote := transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}, Port: 9901}
	m := New(Config{
		ID: 1, Policies: policies, Rand: rand.New(rand.NewPCG(1, 1)), AnnounceInterval: -1,
		Scope: ScopeConfig{Address: local, Peers: []transport.Address{remote}},
	}, now)
	m.Step(now, &machine.AssociationUp{Association: 10, Endpoint: machine.ENRPEndpoint, Local: local, Remote: remote})
	asked := 0
	for end := now.Add(10 * time.Second); now.Before(end); now = m.Deadline() {
		for _, e := range m.Step(now, &machine.Tick{}) {
			if s, ok := e.(*machine.Send); ok && s.Association == 10 && enrp.Type(s.Payload[0]) == enrp.TypePresence {
				asked++
			}
		}
	}
	if asked < 3 {
		t.Errorf("asked %d times within 10 s, want one in each heartbeat", asked)
	}
}
