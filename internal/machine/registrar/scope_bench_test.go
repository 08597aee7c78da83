package registrar

import (
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
)

// BenchmarkUpdateReceived is an element's re-registration as its home tells of it.
func BenchmarkUpdateReceived(b *testing.B) {
	p := newBully(b, Config{})
	p.up(1)
	p.send(1, presenceOf(0x0b, 0xffff))
	const n = 10_000
	in := make([]*machine.Received, n)
	for i := range in {
		in[i] = &machine.Received{Association: 1, PPID: enrp.PPID, Payload: enrp.Append(nil, added(0x0b, foreign(rserpool.ElementID(i+1), 0x0b)))}
		p.m.Step(p.now, in[i])
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.m.Step(p.now, in[i%n])
		i++
	}
}

// BenchmarkTakeover is the takeover of a peer's 10,000 elements, each on a host of
// its own.
func BenchmarkTakeover(b *testing.B) {
	const n = 10_000
	payloads := make([][]byte, n)
	for i := range payloads {
		payloads[i] = enrp.Append(nil, added(0x0b, foreign(rserpool.ElementID(i+1), 0x0b)))
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p := newBully(b, Config{})
		p.up(1)
		p.m.Step(p.now, &machine.Received{Association: 1, PPID: enrp.PPID, Payload: enrp.Append(nil, presenceOf(0x0b, 0xffff))})
		for _, payload := range payloads {
			p.m.Step(p.now, &machine.Received{Association: 1, PPID: enrp.PPID, Payload: payload})
		}
		peer := p.m.peer(0x0b)
		b.StartTimer()
		p.m.dead(peer, "benchmark")
		if p.m.space.Owned(self) != n {
			b.Fatal("they were not taken over")
		}
	}
}

// BenchmarkTable is a peer that takes over a table of 10,000 elements.
func BenchmarkTable(b *testing.B) {
	p := newBully(b, Config{})
	p.up(1)
	p.send(1, presenceOf(0x0b, 0xffff))
	for i := range 10_000 {
		p.m.Step(p.now, &machine.Received{Association: 1, PPID: enrp.PPID, Payload: enrp.Append(nil, added(0x0b, foreign(rserpool.ElementID(i+1), 0x0b)))})
	}
	request := &machine.Received{Association: 1, PPID: enrp.PPID, Payload: enrp.Append(nil, &enrp.HandleTableRequest{Route: enrp.Route{Sender: 0x0b}})}
	b.ReportAllocs()
	for b.Loop() {
		for more := true; more; {
			p.now = p.now.Add(time.Microsecond)
			for _, e := range p.m.Step(p.now, request) {
				if s, ok := e.(*machine.Send); ok {
					more = s.Payload[1]&0x02 != 0
				}
			}
		}
	}
}
