package registrar

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

var sizes = []int{1000, 10_000}

// populated returns a machine with n elements in a pool, a hundred for each
// association, and a registration of each element.
func populated(b *testing.B, n int, policy rserpool.PolicyType) (m *Machine, now time.Time, registrations [][]byte) {
	b.Helper()
	now = time.Unix(1_700_000_000, 0)
	m = New(Config{ID: 0x0a, Rand: rand.New(rand.NewPCG(1, 1)), Policies: policies, AnnounceInterval: -1, IdleTimeout: -1}, now)
	ip := netip.MustParseAddr("192.0.2.1")
	for id := range machine.AssociationID(n/100 + 1) {
		m.Step(now, &machine.AssociationUp{Association: id, Remote: transport.Address{IPs: []netip.Addr{ip}, Port: 7000}})
	}
	for i := range n {
		registrations = append(registrations, asap.Append(nil, &asap.Registration{Handle: "BenchmarkPool", Element: rserpool.Element{
			ID:            rserpool.ElementID(i + 1),
			Life:          3_600_000,
			UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 9000, Addresses: []netip.Addr{ip}},
			Policy:        rserpool.Policy{Type: policy, Load: rserpool.Load(rand.Uint32())},
		}}))
	}
	for i, r := range registrations {
		m.Step(now, &machine.Received{Association: machine.AssociationID(i / 100), PPID: asap.PPID, Payload: r})
	}
	if m.space.Elements() != n {
		b.Fatalf("%d elements, want %d", m.space.Elements(), n)
	}
	return m, now, registrations
}

// mustSend fails where a step asks for anything but one message.
func mustSend(b *testing.B, effects []machine.Effect) {
	if len(effects) == 1 {
		if _, ok := effects[0].(*machine.Send); ok {
			return
		}
	}
	b.Fatalf("effects %v, want one message", effects)
}

func BenchmarkResolution(b *testing.B) {
	for _, policy := range []rserpool.PolicyType{rserpool.RoundRobin, rserpool.LeastUsed, rserpool.Random} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("policy=%v/elements=%d", policy, n), func(b *testing.B) {
				m, now, _ := populated(b, n, policy)
				in := &machine.Received{PPID: asap.PPID, Payload: asap.Append(nil, &asap.HandleResolution{Handle: "BenchmarkPool"})}
				b.ReportAllocs()
				for b.Loop() {
					mustSend(b, m.Step(now, in))
				}
			})
		}
	}
}

func BenchmarkReregistration(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			m, now, registrations := populated(b, n, rserpool.LeastUsed)
			in := &machine.Received{PPID: asap.PPID}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				// The load's lowest byte is the message's last.
				in.Association, in.Payload = machine.AssociationID(i/100), registrations[i]
				in.Payload[len(in.Payload)-4]++
				mustSend(b, m.Step(now, in))
			}
		})
	}
}

// BenchmarkRegistration lets elements come and go.
func BenchmarkRegistration(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			m, now, registrations := populated(b, n, rserpool.LeastUsed)
			in := &machine.Received{PPID: asap.PPID}
			var leave []byte
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				in.Association = machine.AssociationID(i / 100)
				leave = asap.Append(leave[:0], &asap.Deregistration{Handle: "BenchmarkPool", Element: rserpool.ElementID(i + 1)})
				in.Payload = leave
				m.Step(now, in)
				in.Payload = registrations[i]
				m.Step(now, in)
			}
			if m.space.Elements() != n {
				b.Fatal("elements are missing")
			}
		})
	}
}

func BenchmarkKeepAliveAck(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			m, now, _ := populated(b, n, rserpool.RoundRobin)
			acks := make([][]byte, n)
			for i := range acks {
				acks[i] = asap.Append(nil, &asap.KeepAliveAck{Handle: "BenchmarkPool", Element: rserpool.ElementID(i + 1)})
			}
			in := &machine.Received{PPID: asap.PPID}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				in.Association, in.Payload = machine.AssociationID(i/100), acks[i]
				m.Step(now, in)
			}
			if m.counters.Ignored[StrayAnswer] != 0 {
				b.Fatal("answers were ignored")
			}
		})
	}
}

// BenchmarkKeepAliveRound is a second of a busy registrar: keep-alives and the
// answers to them, as they fall due.
func BenchmarkKeepAliveRound(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			m, now, _ := populated(b, n, rserpool.RoundRobin)
			acks := make([][]byte, n+1)
			for i := range acks {
				acks[i] = asap.Append(nil, &asap.KeepAliveAck{Handle: "BenchmarkPool", Element: rserpool.ElementID(i)})
			}
			in := &machine.Received{PPID: asap.PPID}
			tick := &machine.Tick{}
			var asked []rserpool.ElementID
			note := func(effects []machine.Effect) {
				for _, e := range effects {
					payload := e.(*machine.Send).Payload
					asked = append(asked, rserpool.ElementID(binary.BigEndian.Uint32(payload[len(payload)-4:])))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				for !m.Deadline().After(now) {
					asked = asked[:0]
					note(m.Step(now, tick))
					for i := 0; i < len(asked); i++ {
						in.Association, in.Payload = machine.AssociationID((asked[i]-1)/100), acks[asked[i]]
						note(m.Step(now, in))
					}
				}
			}
			b.ReportMetric(float64(m.counters.KeepAlivesAnswered)/float64(b.N), "answers/op")
		})
	}
}
