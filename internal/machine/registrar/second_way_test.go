package registrar

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// pair is two registrars with three addresses each. What one says over an association
// stays in order; of several associations, chance decides which is heard first.
type pair struct {
	t    *testing.T
	rand *rand.Rand
	now  time.Time
	ends [2]*Machine
	ways []*way
}

// way is an association between the two.
type way struct {
	id     machine.AssociationID
	inputs [2][]machine.Input // that are on their way to each
	gone   [2]bool            // for each
}

func pairAddress(end, n int) transport.Address {
	return transport.Address{IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(end), 0, byte(n)})}, Port: enrp.Port}
}

func newPair(t *testing.T, seed uint64, ids [2]rserpool.RegistrarID, peers [2][]transport.Address) *pair {
	p := &pair{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_700_000_000, 0)}
	for i := range p.ends {
		own := pairAddress(i, 1)
		own.IPs = append(own.IPs, pairAddress(i, 2).IPs[0], pairAddress(i, 3).IPs[0])
		p.ends[i] = New(Config{
			ID: ids[i], Policies: policies, AnnounceInterval: -1, Rand: rand.New(rand.NewPCG(seed, uint64(i))),
			Scope: ScopeConfig{Address: own, Peers: peers[i]},
		}, p.now)
	}
	return p
}

func (p *pair) step(end int, in machine.Input) {
	p.t.Helper()
	for _, e := range p.ends[end].Step(p.now, in) {
		switch e := e.(type) {
		case *machine.Associate:
			w := &way{id: machine.AssociationID(len(p.ways) + 1)}
			p.ways = append(p.ways, w)
			// Each sees the other at the address that was dialled, or dialled from.
			n := int(e.To.IPs[0].As4()[3])
			w.inputs[end] = append(w.inputs[end], &machine.AssociationUp{Association: w.id, Endpoint: e.Endpoint, Ticket: e.Ticket, Remote: e.To})
			w.inputs[1-end] = append(w.inputs[1-end], &machine.AssociationUp{Association: w.id, Endpoint: e.Endpoint, Remote: pairAddress(end, n)})
		case *machine.Send:
			w := p.ways[e.Association-1]
			w.inputs[1-end] = append(w.inputs[1-end], &machine.Received{Association: w.id, PPID: e.PPID, Payload: bytes.Clone(e.Payload)})
		case *machine.Shutdown:
			w := p.ways[e.Association-1]
			w.gone[end] = true
			w.inputs[1-end] = append(w.inputs[1-end], &machine.AssociationLost{Association: w.id, Orderly: true})
		case *machine.Abort:
			p.t.Errorf("an association is aborted: %s", e.Reason)
		}
	}
	if err := p.ends[end].check(); err != nil {
		p.t.Fatal(err)
	}
}

// run lets time pass. What is said takes no time.
func (p *pair) run(d time.Duration) {
	p.t.Helper()
	end := p.now.Add(d)
	for range 10_000 {
		type queue struct{ way, end int }
		var open []queue
		for i, w := range p.ways {
			for j := range w.inputs {
				if len(w.inputs[j]) > 0 {
					open = append(open, queue{i, j})
				}
			}
		}
		if len(open) > 0 {
			q := open[p.rand.IntN(len(open))]
			w := p.ways[q.way]
			in := w.inputs[q.end][0]
			w.inputs[q.end] = w.inputs[q.end][1:]
			if _, lost := in.(*machine.AssociationLost); lost {
				w.gone[q.end] = true
			} else if w.gone[q.end] {
				continue
			}
			p.step(q.end, in)
			continue
		}
		of, next := 0, end.Add(1)
		for i, m := range p.ends {
			if d := m.Deadline(); !d.IsZero() && d.Before(next) {
				of, next = i, d
			}
		}
		if next.After(end) {
			p.now = end
			return
		}
		if next.After(p.now) {
			p.now = next
		}
		p.step(of, &machine.Tick{})
	}
	p.t.Fatal("the registrars do not come to rest")
}

// Two registrars that find several ways to each other come to keep one of them,
// the same at both ends, whatever is heard first.
func TestSecondWaysAreGivenUp(t *testing.T) {
	a1, a2, a3, b1, b2 := pairAddress(0, 1), pairAddress(0, 2), pairAddress(0, 3), pairAddress(1, 1), pairAddress(1, 2)
	for _, tt := range []struct {
		name  string
		peers [2][]transport.Address
	}{
		{"one dials both ways", [2][]transport.Address{nil, {a1, a2}}},
		{"each dials one", [2][]transport.Address{{b1}, {a2}}},
		{"each dials, one of them two", [2][]transport.Address{{b1, b2}, {a3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(60) {
				ids := [2]rserpool.RegistrarID{0x0a, 0x0b}
				if seed%2 == 1 {
					slices.Reverse(ids[:])
				}
				p := newPair(t, seed, ids, tt.peers)
				const starting = 3 * time.Second
				p.run(starting)
				var kept [2]machine.AssociationID
				for i, m := range p.ends {
					q := m.peer(ids[1-i])
					if q == nil || q.link() == nil || !m.InSync() {
						t.Fatalf("seed %d: after %v, %v has peer %+v, in sync: %v", seed, starting, ids[i], q, m.InSync())
					}
					kept[i] = q.link().id
				}
				if kept[0] != kept[1] {
					t.Fatalf("seed %d: one keeps association %d, the other %d", seed, kept[0], kept[1])
				}
				dialled := len(p.ways)
				p.run(20 * time.Second)
				up := 0
				for _, w := range p.ways {
					if !w.gone[0] && !w.gone[1] {
						up++
					}
				}
				if up != 1 || len(p.ways) != dialled {
					t.Fatalf("seed %d: %d associations are up, and %d were dialled later", seed, up, len(p.ways)-dialled)
				}
				for i, m := range p.ends {
					if c := m.Counters().Scope; c.Ignored[Impostor] != 0 || c.PeersLost != 0 {
						t.Fatalf("seed %d: %v: %d impostors, %d peers lost", seed, ids[i], c.Ignored[Impostor], c.PeersLost)
					}
				}
			}
		})
	}
}

// Who speaks in the name of a connected peer is hung up on.
func TestImpostorsAreHungUpOn(t *testing.T) {
	b := newBully(t, Config{})
	b.up(1)
	b.send(1, presenceOf(0x0b, 0xffff))
	b.reset()
	for id := machine.AssociationID(2); id < 102; id++ {
		b.up(id)
		b.send(id, presenceOf(0x0b, 0xffff))
		b.up(id + 100)
		b.send(id+100, added(0x0b, foreign(1, 0x0b)))
	}
	c := b.m.Counters().Scope.Ignored
	if len(b.open) != 1 || len(b.sent) != 0 || c[SecondWay] != 100 || c[Impostor] != 100 || b.m.space.Elements() != 0 {
		t.Errorf("%d associations, %v sent, %d second ways, %d impostors, %d elements", len(b.open), b.sent, c[SecondWay], c[Impostor], b.m.space.Elements())
	}
	if l := b.m.peer(0x0b).link(); l == nil || l.id != 1 {
		t.Error("the peer has another association")
	}
}

// A way that was given up is dialled again when the other one is gone.
func TestSecondWayServesWhenTheFirstIsGone(t *testing.T) {
	first, second := pairAddress(1, 1), pairAddress(1, 2)
	p := newPair(t, 1, [2]rserpool.RegistrarID{0x0a, 0x0b}, [2][]transport.Address{{first, second}, nil})
	p.run(3 * time.Second)
	l := p.ends[0].peer(0x0b).link()
	gone := l.remote
	for i := range p.ends {
		p.step(i, &machine.AssociationLost{Association: l.id})
		p.ways[l.id-1].gone[i] = true
	}
	p.run(maxRedial + 5*time.Second)
	for i, m := range p.ends {
		if q := m.peer(rserpool.RegistrarID(0x0b - i)); q == nil || q.link() == nil {
			t.Errorf("registrar %d has lost its peer", i)
		}
	}
	dialled := ""
	for _, w := range p.ways {
		dialled += fmt.Sprint(w.id, " ")
	}
	if len(p.ways) < 3 {
		t.Errorf("after the way to %v is gone, nobody dials: %s", gone, dialled)
	}
}
