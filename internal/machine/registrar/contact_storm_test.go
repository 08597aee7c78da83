package registrar

import (
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// A peer that hangs up again and again is dialled at a bounded rate, whatever it
// says before.
func TestPeersThatHangUpAreDialledSparsely(t *testing.T) {
	for _, tt := range []struct {
		name string
		says func(b *bully, id machine.AssociationID)
		most int // dials within ten seconds
	}{
		{"without a word", func(*bully, machine.AssociationID) {}, 10},
		{"after a presence", func(b *bully, id machine.AssociationID) { b.send(id, presenceOf(0x0b, 0xffff)) }, 60},
		{"after a presence of somebody else each time", func(b *bully, id machine.AssociationID) {
			b.send(id, presenceOf(0x1000+rserpool.RegistrarID(id), 0xffff))
		}, 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBully(t, Config{Scope: ScopeConfig{Peers: []transport.Address{registrarAt("B", 9901)}, MaxPeers: 8}})
			next := machine.AssociationID(1)
			for end := b.now.Add(10 * time.Second); b.now.Before(end); b.advance(time.Millisecond) {
				for ticket := range b.m.scope.dials {
					dial := b.calls[ticket]
					next++
					b.open[next] = true
					b.step(&machine.AssociationUp{Association: next, Endpoint: dial.Endpoint, Ticket: ticket, Remote: dial.To})
					tt.says(b, next)
					b.step(&machine.AssociationLost{Association: next})
				}
			}
			if b.dials < 3 || b.dials > tt.most {
				t.Errorf("dialled %d times within ten seconds, want 3 to %d", b.dials, tt.most)
			}
			if n := len(b.m.Scope().Peers); n > 8 {
				t.Errorf("%d peers", n)
			}
		})
	}
}

// Two registrars that have hung up on each other do not dial together.
func TestOneOfTwoDialsFirst(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer rserpool.RegistrarID
		want time.Duration
	}{
		{"the smaller", self + 1, 200 * time.Millisecond},
		{"the larger", self - 1, 600 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBully(t, Config{Scope: ScopeConfig{Peers: []transport.Address{registrarAt("B", 9901)}}})
			for ticket, dial := range b.calls {
				b.step(&machine.AssociationUp{Association: 2, Endpoint: dial.Endpoint, Ticket: ticket, Remote: dial.To})
			}
			b.send(2, presenceOf(tt.peer, 0xffff))
			b.reset()
			ended := b.now
			b.step(&machine.AssociationLost{Association: 2, Orderly: true})
			for b.dials == 0 && b.now.Sub(ended) < 10*time.Second {
				b.advance(time.Millisecond)
			}
			if after := b.now.Sub(ended); after < tt.want*7/8-time.Millisecond || after > tt.want*9/8+time.Millisecond {
				t.Errorf("it dials after %v, want about %v", after, tt.want)
			}
		})
	}
}
