package registrar

import (
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// floodOf returns a registrar with three peers, and an element that is registered
// there over association 9 and answers keep-alives.
func floodOf(t *testing.T) *bully {
	b := newBully(t, Config{})
	for id := range machine.AssociationID(3) {
		b.up(id + 1)
		b.send(id+1, presenceOf(rserpool.RegistrarID(0x0b+id), 0xffff))
	}
	el := foreign(1, 0)
	b.step(&machine.AssociationUp{Association: 9, Remote: transport.Address{IPs: el.UserTransport.Addresses, Port: 7000}})
	b.step(&machine.Received{Association: 9, PPID: asap.PPID, Payload: asap.Append(nil, &asap.Registration{Handle: "Pool", Element: el})})
	if b.m.space.Owned(self) != 1 {
		t.Fatal("the element is not registered")
	}
	b.reset()
	return b
}

func (b *bully) ack(element rserpool.ElementID) {
	b.step(&machine.Received{Association: 9, PPID: asap.PPID, Payload: asap.Append(nil, &asap.KeepAliveAck{Handle: "Pool", Element: element})})
}

// A thousand updates a second of one peer make no flood at the others.
func TestUpdatesThatFloodAreNotPassedOn(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(b *bully)
	}{
		{"the element is mine", func(b *bully) { b.send(1, added(0x0b, foreign(1, 0x0b))) }},
		{"the element is gone", func(b *bully) {
			b.send(1, &enrp.HandleUpdate{Route: enrp.Route{Sender: 0x0b}, Action: enrp.DeleteElement, Handle: "Pool", Element: foreign(1, 0x0b)})
		}},
		{"the element is mine, and then gone", func(b *bully) {
			b.send(1, added(0x0b, foreign(1, 0x0b)))
			b.send(1, &enrp.HandleUpdate{Route: enrp.Route{Sender: 0x0b}, Action: enrp.DeleteElement, Handle: "Pool", Element: foreign(1, 0x0b)})
		}},
		{"take the element over", func(b *bully) {
			u := added(0x0b, foreign(1, 0x0b))
			u.TakeoverSuggested = true
			b.send(1, u)
			b.ack(1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := floodOf(t)
			const seconds = 5
			for range seconds * 1000 {
				tt.say(b)
				b.advance(time.Millisecond)
			}
			if n := b.sent[enrp.TypeHandleUpdate]; n > 3*4*seconds {
				t.Errorf("%d updates to three peers within %d seconds, want four each a second at most", n, seconds)
			}
			if b.warns > 2 {
				t.Errorf("%d warnings", b.warns)
			}
		})
	}
}

// A list that nobody has asked for leads nowhere.
func TestListsThatNobodyHasAskedFor(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	list := func(i int) *enrp.ListResponse {
		return &enrp.ListResponse{Route: enrp.Route{Sender: 0x0b}, Servers: []rserpool.Server{
			*serverAt(rserpool.RegistrarID(0x100+i), netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})),
		}}
	}
	for i := range 1000 {
		b.send(1, list(i))
	}
	if c := b.m.Counters().Scope.Ignored[PeerUnexpected]; b.dials != 1 || c != 999 || b.warns != 1 {
		t.Errorf("%d dials, %d lists ignored, %d warnings; want one of the list that was asked for, 999 and 1", b.dials, c, b.warns)
	}
}

// What comes by multicast is warned of once, whoever sends it.
func TestDatagramsAreWarnedOfOnce(t *testing.T) {
	b := newBully(t, Config{Scope: ScopeConfig{Multicast: true, MaxPeers: 2}})
	for i := range 1000 {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		from := netip.AddrPortFrom(ip, enrp.Port)
		b.step(&machine.Heard{Group: machine.ENRPGroup, From: from, Payload: []byte("hello, world")})
		b.step(&machine.Heard{Group: machine.ENRPGroup, From: from, Payload: enrp.Append(nil, &enrp.Presence{
			Route: enrp.Route{Sender: rserpool.RegistrarID(i + 100)}, Server: serverAt(rserpool.RegistrarID(i+100), ip),
		})})
	}
	c := b.m.Counters().Scope.Ignored
	if b.warns != 2 || c[BadPresence] != 1000 || c[TooManyPeers] != 996 {
		t.Errorf("%d warnings, %d bad datagrams, %d too many; want one for each reason, 1000 and 996", b.warns, c[BadPresence], c[TooManyPeers])
	}
}

// A peer that presents itself by multicast in a connected peer's name has that
// one asked, ten times a second at most.
func TestPresencesInTheNameOfAConnectedPeer(t *testing.T) {
	b := newBully(t, Config{Scope: ScopeConfig{Multicast: true}})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.reset()
	forged := enrp.Append(nil, &enrp.Presence{Route: enrp.Route{Sender: 0x0b}, Server: serverAt(0x0b, netip.MustParseAddr("203.0.113.1"))})
	for range 1000 {
		b.step(&machine.Heard{Group: machine.ENRPGroup, From: netip.MustParseAddrPort("203.0.113.1:9901"), Payload: forged})
		b.advance(time.Millisecond)
	}
	if n := b.sent[enrp.TypePresence]; n > 12 || b.dials != 0 {
		t.Errorf("%d presences and %d dials within a second, want 12 and none at most", n, b.dials)
	}
}

// Whatever nonsense a peer repeats, it is counted each time, warned of once, and
// nothing of it is kept or sent on.
func TestNonsenseIsCountedAndWarnedOfOnce(t *testing.T) {
	to := enrp.Route{Sender: 0x0b}
	for _, tt := range []struct {
		name string
		msg  enrp.Message
		why  PeerIgnored
	}{
		{"a takeover of nobody", &enrp.InitTakeover{Route: to}, WrongTarget},
		{"a takeover of oneself", &enrp.InitTakeover{Route: to, Target: 0x0b}, WrongTarget},
		{"a takeover of nobody that is done", &enrp.TakeoverServer{Route: to}, WrongTarget},
		{"a takeover of oneself that is done", &enrp.TakeoverServer{Route: to, Target: 0x0b}, WrongTarget},
		{"a sender of zero", &enrp.Presence{}, WrongSender},
		{"another sender", &enrp.Presence{Route: enrp.Route{Sender: 0x77}}, WrongSender},
		{"this registrar's identifier", &enrp.Presence{Route: enrp.Route{Sender: self}}, OwnIdentity},
		{"another receiver", &enrp.ListRequest{Route: enrp.Route{Sender: 0x0b, Receiver: 0x77}}, WrongReceiver},
		{"an element of zero", added(0x0b, foreign(0, 0x0b)), Unacceptable},
		{"a home of zero", added(0x0b, foreign(1, 0)), WrongHome},
		{"somebody else's home", added(0x0b, foreign(1, 0x0c)), WrongHome},
		{"a table that nobody has asked for", &enrp.HandleTableResponse{Route: to, More: true}, PeerUnexpected},
		{"a list that nobody has asked for", &enrp.ListResponse{Route: to}, PeerUnexpected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := floodOf(t)
			b.send(1, &enrp.ListResponse{Route: to}) // which was asked for
			b.reset()
			before := b.m.Scope()
			for range 1000 {
				b.send(1, tt.msg)
			}
			s, n := b.m.Scope(), b.m.Counters().Scope.Ignored[tt.why]
			if n != 1000 || b.warns != 1 || len(b.sent) != 0 || b.dials != 0 {
				t.Errorf("%d were counted, %d warnings, %v sent, %d dials; want 1000, 1, nothing and none", n, b.warns, b.sent, b.dials)
			}
			if len(s.Peers) != len(before.Peers) || s.Contacts != before.Contacts || b.m.space.Elements() != 1 {
				t.Errorf("%d peers, %d contacts, %d elements", len(s.Peers), s.Contacts, b.m.space.Elements())
			}
		})
	}
}

// A list may name nobody, the reader, or a place where nobody can be.
func TestListsOfThoseWhoCannotBe(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	nowhere := serverAt(0x99, netip.MustParseAddr("203.0.113.9"))
	nowhere.Transport.Addresses = nil
	unspecified := serverAt(0x9a, netip.IPv4Unspecified())
	closed := serverAt(0x9b, netip.MustParseAddr("203.0.113.9"))
	closed.Transport.Port = 0
	b.reset()
	b.send(1, &enrp.ListResponse{Route: enrp.Route{Sender: 0x0b}, Servers: []rserpool.Server{
		*serverAt(0, netip.MustParseAddr("203.0.113.1")), *serverAt(self, netip.MustParseAddr("203.0.113.2")),
		*nowhere, *unspecified, *closed,
	}})
	b.advance(time.Second)
	if s := b.m.Scope(); b.dials != 0 || len(s.Peers) != 1 || s.Contacts != 1 {
		t.Errorf("%d dials, %d peers, %d contacts", b.dials, len(s.Peers), s.Contacts)
	}
}
