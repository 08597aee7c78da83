package registrar

import (
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// A peer with two addresses, one from the configuration and one from its presence,
// is dialled at both. Who has dialled the second hangs up.
func TestSecondWayToAPeerIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name       string
		configured bool
		contacts   int // that are left
	}{
		{"heard of", false, 1},
		{"configured", true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			second := transport.Address{IPs: []netip.Addr{netip.MustParseAddr("203.0.113.1")}, Port: enrp.Port}
			cfg := Config{Scope: ScopeConfig{Multicast: true}}
			if tt.configured {
				cfg.Scope.Peers = []transport.Address{second}
			}
			b := newBully(t, cfg)
			b.step(&machine.Heard{Group: machine.ENRPGroup, From: netip.AddrPortFrom(second.IPs[0], enrp.Port),
				Payload: enrp.Append(nil, &enrp.Presence{Route: enrp.Route{Sender: 0x0b}, Server: serverAt(0x0b, second.IPs[0])})})
			var ticket machine.Ticket
			for ticket = range b.calls {
			}
			b.up(1)
			b.send(1, presenceOf(0x0b, 0xffff))
			b.open[2] = true
			b.step(&machine.AssociationUp{Association: 2, Endpoint: machine.ENRPEndpoint, Ticket: ticket, Remote: second})
			if p, ok := b.last[2].(*enrp.Presence); !ok || !p.ReplyRequired {
				t.Fatalf("%v is sent, want a presence that requires a reply", b.last[2])
			}
			b.reset()
			b.send(2, presenceOf(0x0b, 0xffff))
			s := b.m.Scope()
			if b.open[2] || !b.open[1] || len(s.Peers) != 1 || s.Contacts != tt.contacts || b.warns != 0 {
				t.Errorf("associations %v, %d peers, %d contacts, %d warnings", b.open, len(s.Peers), s.Contacts, b.warns)
			}
			for range 10 { // it stays so
				b.advance(2 * time.Second)
				b.send(1, presenceOf(0x0b, 0xffff))
			}
			if b.dials != 0 {
				t.Errorf("%d dials", b.dials)
			}
			// When the first way is gone, a second that is configured is tried.
			clear(b.calls)
			b.step(&machine.AssociationLost{Association: 1})
			b.advance(maxRedial)
			tried := false
			for _, dial := range b.calls {
				tried = tried || samePlace(dial.To, second)
			}
			if tried != tt.configured {
				t.Errorf("the second way is tried: %v", tried)
			}
		})
	}
}

// Who is dialled over a second way says who it is, once, and without a warning.
func TestSecondWayIsAnsweredOnce(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.up(2)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.reset()
	ask := &enrp.Presence{Route: enrp.Route{Sender: 0x0b}, ReplyRequired: true, Checksum: 0xffff}
	b.send(2, ask)
	if p, ok := b.last[2].(*enrp.Presence); !ok || p.Sender != self || b.warns != 0 {
		t.Errorf("%v is sent, %d warnings", b.last[2], b.warns)
	}
	b.reset()
	for range 1000 {
		b.send(2, ask)
	}
	c := b.m.Counters().Scope.Ignored
	if len(b.last) != 0 || b.warns != 1 || c[SecondWay] != 1 || c[Impostor] != 1000 {
		t.Errorf("%v is sent, %d warnings, %d second ways, %d impostors", b.last, b.warns, c[SecondWay], c[Impostor])
	}
	if home := b.m.peer(rserpool.RegistrarID(0x0b)).link().id; home != 1 {
		t.Errorf("the peer's association is %d", home)
	}
}
