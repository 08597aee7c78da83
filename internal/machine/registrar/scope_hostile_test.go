package registrar

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// bully is a registrar whose peers are played by a test.
type bully struct {
	t     testing.TB
	m     *Machine
	now   time.Time
	sent  map[enrp.Type]int // to anybody, since the last reset
	dials int
	warns int
	open  map[machine.AssociationID]bool
	last  map[machine.AssociationID]enrp.Message
	calls map[machine.Ticket]*machine.Associate
}

const self = rserpool.RegistrarID(0x0a)

func newBully(t testing.TB, cfg Config) *bully {
	b := &bully{t: t, now: time.Unix(1_700_000_000, 0), open: map[machine.AssociationID]bool{}, calls: map[machine.Ticket]*machine.Associate{}}
	cfg.ID, cfg.AnnounceInterval = self, -1
	cfg.Rand = rand.New(rand.NewPCG(1, 1))
	cfg.Policies = policies
	cfg.Scope.Address = registrarAt("A", enrp.Port)
	b.reset()
	b.m = New(cfg, b.now)
	b.step(&machine.Tick{})
	return b
}

func (b *bully) reset() {
	b.sent, b.last, b.dials, b.warns = map[enrp.Type]int{}, map[machine.AssociationID]enrp.Message{}, 0, 0
}

func (b *bully) step(in machine.Input) {
	b.t.Helper()
	for _, e := range b.m.Step(b.now, in) {
		switch e := e.(type) {
		case *machine.Send:
			if e.PPID != enrp.PPID {
				continue
			}
			msg, _, err := enrp.Parse(e.Payload)
			if err != nil {
				b.t.Fatalf("sent %x: %v", e.Payload, err)
			}
			b.sent[msg.Type()]++
			b.last[e.Association] = msg
		case *machine.Associate:
			b.dials++
			b.calls[e.Ticket] = e
		case *machine.Abort:
			delete(b.open, e.Association)
		case *machine.Shutdown:
			delete(b.open, e.Association)
		case *Observed:
			if e.Event == PeerMisbehaves {
				b.warns++
			}
		}
	}
	if err := b.m.check(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bully) advance(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	for range 100_000 {
		next := b.m.Deadline()
		if next.IsZero() || next.After(end) {
			b.now = end
			return
		}
		if next.After(b.now) {
			b.now = next
		}
		b.step(&machine.Tick{})
	}
	b.t.Fatal("the machine does not come to rest")
}

// up opens an association from 192.0.2.N.
func (b *bully) up(id machine.AssociationID) {
	b.open[id] = true
	ip := netip.AddrFrom4([4]byte{192, 0, byte(2 + id>>8), byte(id)})
	b.step(&machine.AssociationUp{Association: id, Endpoint: machine.ENRPEndpoint, Remote: transport.Address{IPs: []netip.Addr{ip}, Port: enrp.Port}})
}

func (b *bully) send(id machine.AssociationID, msg enrp.Message) {
	b.t.Helper()
	b.step(&machine.Received{Association: id, PPID: enrp.PPID, Payload: enrp.Append(nil, msg)})
}

func serverAt(id rserpool.RegistrarID, ip netip.Addr) *rserpool.Server {
	return &rserpool.Server{ID: id, Transport: rserpool.Transport{Protocol: rserpool.SCTP, Port: enrp.Port, Addresses: []netip.Addr{ip}}}
}

func presenceOf(id rserpool.RegistrarID, checksum uint16) *enrp.Presence {
	return &enrp.Presence{Route: enrp.Route{Sender: id}, Checksum: checksum}
}

// foreign is an element as a peer tells of it.
func foreign(id rserpool.ElementID, home rserpool.RegistrarID) rserpool.Element {
	ip := []netip.Addr{netip.AddrFrom4([4]byte{198, 51, byte(id >> 8), byte(id)})}
	return rserpool.Element{
		ID: id, Home: home, Life: 90_000,
		UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Port: 9000, Addresses: ip},
		ASAPTransport: &rserpool.Transport{Protocol: rserpool.SCTP, Port: 7000, Addresses: ip},
		Policy:        rserpool.Policy{Type: rserpool.RoundRobin},
	}
}

func added(sender rserpool.RegistrarID, el rserpool.Element) *enrp.HandleUpdate {
	return &enrp.HandleUpdate{Route: enrp.Route{Sender: sender}, Handle: "Pool", Element: el}
}

func TestForgedPresencesByMulticastAreBounded(t *testing.T) {
	b := newBully(t, Config{Scope: ScopeConfig{Multicast: true, MaxPeers: 8}})
	for i := range 10_000 {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		b.step(&machine.Heard{Group: machine.ENRPGroup, From: netip.AddrPortFrom(ip, enrp.Port), Payload: enrp.Append(nil, &enrp.Presence{
			Route: enrp.Route{Sender: rserpool.RegistrarID(i + 100)}, Server: serverAt(rserpool.RegistrarID(i+100), ip),
		})})
	}
	s := b.m.Scope()
	if len(s.Peers) != 0 || s.Contacts != 16 || b.dials != 16 {
		t.Errorf("%d peers, %d contacts and %d dials, want 0, 16 and 16", len(s.Peers), s.Contacts, b.dials)
	}
	c := b.m.Counters().Scope
	if c.Heard != 10_000 || c.Ignored[TooManyPeers] != 10_000-16 {
		t.Errorf("%d heard, %d too many", c.Heard, c.Ignored[TooManyPeers])
	}
	// Nobody answers: the contacts are forgotten, and others get a chance.
	for range 10 {
		for ticket := range b.m.scope.dials {
			b.step(&machine.AssociationFailed{Ticket: ticket, Reason: "refused"})
		}
		b.advance(time.Second)
	}
	if s := b.m.Scope(); s.Contacts != 0 {
		t.Errorf("%d contacts are left", s.Contacts)
	}
}

func TestPresencesThatAreNoneAreCounted(t *testing.T) {
	b := newBully(t, Config{Scope: ScopeConfig{Multicast: true}})
	for _, payload := range [][]byte{nil, {1}, enrp.Append(nil, &enrp.ListRequest{}), enrp.Append(nil, presenceOf(0, 1)), []byte("hello, world")} {
		b.step(&machine.Heard{Group: machine.ENRPGroup, Payload: payload})
	}
	if n := b.m.Counters().Scope.Ignored[BadPresence]; n != 5 {
		t.Errorf("%d were counted, want 5", n)
	}
}

func TestPeersAreBounded(t *testing.T) {
	b := newBully(t, Config{Scope: ScopeConfig{MaxPeers: 5}})
	for i := range 50 {
		id := machine.AssociationID(i + 1)
		b.up(id)
		b.send(id, presenceOf(rserpool.RegistrarID(i+100), 0xffff))
	}
	s := b.m.Scope()
	if len(s.Peers) != 5 || s.Contacts > 10 {
		t.Errorf("%d peers and %d contacts", len(s.Peers), s.Contacts)
	}
	if n := b.m.Counters().Scope.Ignored[TooManyPeers]; n == 0 {
		t.Error("nothing was counted")
	}
	// Those that are not peers are not kept for ever.
	for range 40 {
		b.advance(10 * time.Second)
		for id := range rserpool.RegistrarID(5) {
			if b.open[machine.AssociationID(id+1)] {
				b.send(machine.AssociationID(id+1), presenceOf(id+100, 0xffff))
			}
		}
	}
	if len(b.open) != 5 {
		t.Errorf("%d associations are left, want those of the 5 peers", len(b.open))
	}
}

func TestAnAssociationSpeaksForOneRegistrar(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.reset()
	for i := range 1000 {
		b.send(1, presenceOf(rserpool.RegistrarID(i+100), 0xffff))
	}
	b.send(1, presenceOf(0, 0xffff))
	b.send(1, presenceOf(self, 0xffff))
	c := b.m.Counters().Scope
	if s := b.m.Scope(); len(s.Peers) != 1 || c.Ignored[WrongSender] != 1001 || c.Ignored[OwnIdentity] != 1 {
		t.Errorf("%d peers, ignored %v", len(s.Peers), c.Ignored)
	}
	if b.warns != 2 || len(b.sent) != 0 {
		t.Errorf("%d warnings and %v sent, want one for each reason and nothing", b.warns, b.sent)
	}
}

func TestNobodyTakesTheNameOfAConnectedPeer(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.send(1, added(0x0b, foreign(1, 0x0b)))
	b.up(2)
	b.send(2, &enrp.HandleUpdate{Route: enrp.Route{Sender: 0x0b}, Action: enrp.DeleteElement, Handle: "Pool", Element: foreign(1, 0x0b)})
	if b.m.space.Elements() != 1 || b.m.Counters().Scope.Ignored[Impostor] != 1 {
		t.Errorf("%d elements, %d impostors", b.m.space.Elements(), b.m.Counters().Scope.Ignored[Impostor])
	}
}

func TestMessagesForOthersHaveNoEffect(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	for _, msg := range []enrp.Message{
		&enrp.Presence{Route: enrp.Route{Sender: 0x0b, Receiver: 0x77}},
		&enrp.HandleUpdate{Route: enrp.Route{Sender: 0x0b, Receiver: 0x77}, Handle: "Pool", Element: foreign(1, 0x0b)},
	} {
		b.send(1, msg)
	}
	if s := b.m.Scope(); len(s.Peers) != 0 || b.m.space.Elements() != 0 || b.m.Counters().Scope.Ignored[WrongReceiver] != 2 {
		t.Errorf("%d peers, %d elements", len(s.Peers), b.m.space.Elements())
	}
}

func TestElementsThatCannotBeAreRefused(t *testing.T) {
	b := newBully(t, Config{MaxElements: 3})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	tests := []struct {
		name string
		msg  *enrp.HandleUpdate
		why  PeerIgnored
	}{
		{"no identifier", added(0x0b, foreign(0, 0x0b)), Unacceptable},
		{"no ASAP transport", added(0x0b, func() rserpool.Element { e := foreign(1, 0x0b); e.ASAPTransport = nil; return e }()), Unacceptable},
		{"port zero", added(0x0b, func() rserpool.Element { e := foreign(1, 0x0b); e.ASAPTransport.Port = 0; return e }()), Unacceptable},
		{"long handle", func() *enrp.HandleUpdate {
			m := added(0x0b, foreign(1, 0x0b))
			m.Handle = rserpool.Handle(make([]byte, 100))
			return m
		}(), Unacceptable},
		{"another home", added(0x0b, foreign(1, 0x0c)), WrongHome},
		{"this home", added(0x0b, foreign(1, self)), WrongHome},
		{"no home", added(0x0b, foreign(1, 0)), WrongHome},
		{"no such action", func() *enrp.HandleUpdate { m := added(0x0b, foreign(1, 0x0b)); m.Action = 7; return m }(), PeerUnexpected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := b.m.Counters().Scope.Ignored[tt.why]
			b.send(1, tt.msg)
			if got := b.m.Counters().Scope.Ignored[tt.why] - before; got != 1 || b.m.space.Elements() != 0 {
				t.Errorf("%d were counted as %v, %d elements", got, tt.why, b.m.space.Elements())
			}
		})
	}
	// A flood fills the handlespace up to its limit.
	for i := range 1000 {
		b.send(1, added(0x0b, foreign(rserpool.ElementID(i+1), 0x0b)))
	}
	other := added(0x0b, foreign(1, 0x0b))
	other.Element.Policy.Type = rserpool.LeastUsed
	b.send(1, other)
	if n := b.m.space.Elements(); n != 3 {
		t.Errorf("%d elements, want 3", n)
	}
	if b.warns > 4 {
		t.Errorf("%d warnings", b.warns)
	}
}

func TestTakeoversThatMakeNoSense(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.up(2)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.send(2, presenceOf(0x0c, 0xffff))
	b.reset()
	to := enrp.Route{Sender: 0x0b}
	for _, target := range []rserpool.RegistrarID{0, 0x0b} {
		b.send(1, &enrp.InitTakeover{Route: to, Target: target})
		b.send(1, &enrp.TakeoverServer{Route: to, Target: target})
	}
	if n := b.m.Counters().Scope.Ignored[WrongTarget]; n != 4 || len(b.sent) != 0 {
		t.Errorf("%d were counted, %v sent", n, b.sent)
	}
	// Nobody knows the target: there is nothing against it.
	b.send(1, &enrp.InitTakeover{Route: to, Target: 0x99})
	if b.sent[enrp.TypeInitTakeoverAck] != 1 || len(b.m.Scope().Peers) != 2 {
		t.Errorf("%v sent, %d peers", b.sent, len(b.m.Scope().Peers))
	}
	// A thousand say that this registrar is dead: it shows that it lives, and
	// does not let itself be driven.
	b.advance(time.Second)
	b.reset()
	for range 1000 {
		b.send(1, &enrp.InitTakeover{Route: to, Target: self})
	}
	b.advance(time.Second)
	if n := b.sent[enrp.TypePresence]; n < 2 || n > 30 {
		t.Errorf("%d presences to two peers within a second", n)
	}
}

func TestDeletionsOfOwnElementsAreAnsweredSparsely(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.advance(time.Second)
	reg := &rserpool.Element{}
	*reg = foreign(1, self)
	if _, _, refusal := b.m.space.Register(b.now, "Pool", reg, b.now.Add(time.Hour)); refusal != nil {
		t.Fatal(refusal)
	}
	e := b.m.settle(b.m.space.Find("Pool", 1))
	b.m.ask(e)
	b.reset()
	for range 1000 {
		b.send(1, &enrp.HandleUpdate{Route: enrp.Route{Sender: 0x0b}, Action: enrp.DeleteElement, Handle: "Pool", Element: foreign(1, 0x0b)})
	}
	if b.sent[enrp.TypeHandleUpdate] != 1 || b.m.space.Elements() != 1 {
		t.Errorf("%v sent, %d elements", b.sent, b.m.space.Elements())
	}
}

func TestTablesThatNeverEnd(t *testing.T) {
	tests := []struct {
		name string
		part func(i int) []enrp.Pool
	}{
		{"without elements", func(int) []enrp.Pool { return nil }},
		{"with the same elements", func(int) []enrp.Pool {
			return []enrp.Pool{{Handle: "Pool", Elements: []rserpool.Element{foreign(1, 0x0b)}}}
		}},
		{"with ever new elements", func(i int) []enrp.Pool {
			return []enrp.Pool{{Handle: "Pool", Elements: []rserpool.Element{foreign(rserpool.ElementID(i+1), 0x0b)}}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBully(t, Config{MaxElements: 100})
			b.up(1)
			b.send(1, presenceOf(0x0b, 0x1234))
			b.send(1, presenceOf(0x0b, 0x1234))
			if b.sent[enrp.TypeHandleTableRequest] != 1 {
				t.Fatalf("%v sent", b.sent)
			}
			parts := 0
			for b.m.peer(0x0b).transfer != nil && parts < 10_000 {
				b.send(1, &enrp.HandleTableResponse{Route: enrp.Route{Sender: 0x0b}, More: true, Pools: tt.part(parts)})
				parts++
			}
			if parts > 300 || b.m.space.Elements() > 100 {
				t.Errorf("%d parts were taken, %d elements", parts, b.m.space.Elements())
			}
			c := b.m.Counters().Scope
			if c.Ignored[EndlessTable] != 1 || c.ResyncsFailed != 1 {
				t.Errorf("endless tables %d, failed %d", c.Ignored[EndlessTable], c.ResyncsFailed)
			}
			// What comes afterwards was not asked for.
			b.send(1, &enrp.HandleTableResponse{Route: enrp.Route{Sender: 0x0b}, More: true, Pools: tt.part(1)})
			if n := b.m.Counters().Scope.Ignored[PeerUnexpected]; n != 1 {
				t.Errorf("%d unexpected", n)
			}
		})
	}
}

// A peer whose checksum never matches costs less and less.
func TestChecksumsThatNeverMatch(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0x1234))
	for range 240 { // ten minutes
		b.advance(2500 * time.Millisecond)
		b.send(1, presenceOf(0x0b, 0x1234))
		for range 3 {
			switch b.last[1].(type) {
			case *enrp.HandleTableRequest:
				delete(b.last, 1)
				b.send(1, &enrp.HandleTableResponse{Route: enrp.Route{Sender: 0x0b}})
			case *enrp.Presence:
				if p := b.last[1].(*enrp.Presence); p.ReplyRequired {
					delete(b.last, 1)
					b.send(1, presenceOf(0x0b, 0x1234))
				}
			}
		}
	}
	c := b.m.Counters().Scope
	if c.Resyncs < 4 || c.Resyncs > 12 {
		t.Errorf("%d resynchronisations within ten minutes, want 4 to 12", c.Resyncs)
	}
	if s := b.m.Scope().Peers[0]; s.Audit.Failed < 3 {
		t.Errorf("audit %+v", s.Audit)
	}
}

// An impatient peer gets no more than it asks for, and cannot keep walks open.
func TestTableRequestsAreAnsweredOneByOne(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	for i := range 100 {
		b.send(1, added(0x0b, foreign(rserpool.ElementID(i+1), 0x0b)))
	}
	b.reset()
	seen := 0
	for range 3 { // from the beginning to the end, three times
		for more := true; more; {
			b.send(1, &enrp.HandleTableRequest{Route: enrp.Route{Sender: 0x0b}})
			answer := b.last[1].(*enrp.HandleTableResponse)
			if n := len(enrp.Append(nil, answer)); n > b.m.cfg.Scope.TablePart {
				t.Fatalf("a part has %d bytes", n)
			}
			for _, p := range answer.Pools {
				seen += len(p.Elements)
			}
			more = answer.More
		}
	}
	if seen != 300 {
		t.Errorf("%d elements were handed out, want 3 times 100", seen)
	}
	// A walk that is not gone on with begins anew.
	b.send(1, &enrp.HandleTableRequest{Route: enrp.Route{Sender: 0x0b}})
	b.advance(4 * time.Second)
	b.send(1, &enrp.HandleTableRequest{Route: enrp.Route{Sender: 0x0b}})
	if first := b.last[1].(*enrp.HandleTableResponse).Pools[0].Elements[0].ID; first != 1 {
		t.Errorf("the walk goes on with %d", first)
	}
}

func TestErrorsAreNotAnswered(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.step(&machine.Received{Association: 1, PPID: enrp.PPID, Payload: []byte{10, 0, 0, 4}})
	b.send(1, &enrp.Error{Route: enrp.Route{Sender: self}, Causes: []rserpool.Cause{{Code: rserpool.InvalidValues}}})
	if len(b.sent) != 0 {
		t.Errorf("%v sent", b.sent)
	}
	b.step(&machine.Received{Association: 1, PPID: enrp.PPID, Payload: []byte{0x40, 0, 0, 4}})
	if b.sent[enrp.TypeError] != 1 {
		t.Errorf("%v sent, want an error for an unknown message that is to be reported", b.sent)
	}
}

// FuzzScope lets peers say anything in any order. What they say may be foolish, but
// the registrar's state stays sound and bounded.
func FuzzScope(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x0b\x00\x02\x01\x0c\x06\x01\x07\x0b\x08\x22\x05\x40"))
	f.Add([]byte("\x00\x01\x01\x0b\x02\x01\x02\x02\x0a\xff\x0a\xff\x03\x0b\x0b\x01"))
	f.Add([]byte("\x00\x01\x01\x0b\x02\x11\x00\x02\x01\x0c\x0c\x01\x0a\x80\x0d\x00\x0e\x01\x0a\xf0"))
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBully(t, Config{MaxElements: 20, MaxAssociations: 12, Scope: ScopeConfig{
			MaxPeers: 4, Multicast: true, Peers: []transport.Address{registrarAt("B", enrp.Port)},
		}})
		for steps := 0; len(script) >= 2 && steps < 300; steps++ {
			b.fuzzStep(script[0], script[1])
			script = script[2:]
			b.reset()
		}
		for id := range b.open {
			b.step(&machine.AssociationLost{Association: id})
		}
		for range 20 {
			for ticket := range b.m.scope.dials {
				b.step(&machine.AssociationFailed{Ticket: ticket, Reason: "refused"})
			}
			b.advance(10 * time.Second)
		}
		if s := b.m.Scope(); len(s.Peers) != 0 || s.Contacts > 1 || b.m.space.Elements() != 0 || len(b.m.associations) != 0 {
			t.Fatalf("%d peers, %d contacts, %d elements and %d associations are left of nobody", len(s.Peers), s.Contacts, b.m.space.Elements(), len(b.m.associations))
		}
	})
}

func (b *bully) fuzzStep(verb, who byte) {
	id := machine.AssociationID(who%6 + 1)
	sender := rserpool.RegistrarID(0x0a + uint32(who>>4&7))
	route := enrp.Route{Sender: sender}
	target := rserpool.RegistrarID(0x0a + uint32(verb>>5))
	el := foreign(rserpool.ElementID(who>>3&7), sender)
	switch verb % 17 {
	case 0:
		if !b.open[id] {
			b.up(id)
		}
	case 1:
		b.send(id, &enrp.Presence{Route: route, ReplyRequired: who&8 != 0, Checksum: uint16(verb), Server: serverAt(sender, netip.AddrFrom4([4]byte{192, 0, 2, who % 5}))})
	case 2:
		b.send(id, added(sender, el))
	case 3:
		b.send(id, &enrp.HandleUpdate{Route: route, Action: enrp.DeleteElement, Handle: "Pool", Element: el})
	case 4:
		b.send(id, &enrp.HandleUpdate{Route: route, TakeoverSuggested: true, Handle: "Pool", Element: el})
	case 5:
		b.send(id, &enrp.HandleTableRequest{Route: route, OwnChildren: who&8 != 0})
	case 6:
		el.Home = target
		b.send(id, &enrp.HandleTableResponse{Route: route, Reject: who&1 != 0, More: who&2 != 0, Pools: []enrp.Pool{{Handle: "Pool", Elements: []rserpool.Element{el}}}})
	case 7:
		b.send(id, &enrp.InitTakeover{Route: route, Target: target})
	case 8:
		b.send(id, &enrp.InitTakeoverAck{Route: route, Target: target})
	case 9:
		b.send(id, &enrp.TakeoverServer{Route: route, Target: target})
	case 10:
		b.advance(time.Duration(who) * 50 * time.Millisecond)
	case 11:
		if b.open[id] {
			delete(b.open, id)
			b.step(&machine.AssociationLost{Association: id, Orderly: who&8 != 0})
		}
	case 12:
		b.send(id, &enrp.ListRequest{Route: route})
	case 13:
		b.send(id, &enrp.ListResponse{Route: route, Reject: who&8 != 0, Servers: []rserpool.Server{*serverAt(target, netip.AddrFrom4([4]byte{192, 0, 2, verb % 9}))}})
	case 14:
		for _, ticket := range slices.Sorted(maps.Keys(b.m.scope.dials)) {
			dial := b.calls[ticket]
			next := machine.AssociationID(1000 + ticket)
			switch {
			case uint64(ticket)%2 != uint64(who&1):
				continue
			case who&2 != 0:
				b.step(&machine.AssociationFailed{Ticket: ticket, Reason: fmt.Sprint(who)})
			case !b.open[next]:
				b.open[next] = true
				b.step(&machine.AssociationUp{Association: next, Endpoint: dial.Endpoint, Ticket: ticket, Remote: dial.To})
				switch {
				case dial.Endpoint == machine.ENRPEndpoint && who&4 != 0:
					b.send(next, &enrp.Presence{Route: route, Checksum: uint16(verb)})
				case dial.Endpoint == machine.ASAPEndpoint && who&4 != 0:
					b.step(&machine.Received{Association: next, PPID: asap.PPID, Payload: asap.Append(nil, &asap.KeepAliveAck{Handle: "Pool", Element: el.ID})})
				}
			}
			return
		}
	case 15:
		if b.open[id] {
			b.step(&machine.AssociationLost{Association: id, Restarted: true})
		}
	case 16:
		b.step(&machine.Heard{Group: machine.ENRPGroup, From: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, who}), 9901),
			Payload: enrp.Append(nil, &enrp.Presence{Route: route, Server: serverAt(sender, netip.AddrFrom4([4]byte{192, 0, 2, who}))})})
	}
}
