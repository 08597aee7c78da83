package user

import (
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// BenchmarkResolve measures a request and its answer of one element.
func BenchmarkResolve(b *testing.B) {
	r := testResolver(100, 100)
	now := time.Now()
	r.Step(now, &machine.HomeUp{Association: 1})
	in := &Resolve{Handle: "EchoPool", Items: 1}
	answer := &machine.Received{Association: 1, PPID: asap.PPID, Payload: asap.Append(nil, &asap.HandleResolutionResponse{
		Handle: "EchoPool", Policy: rserpool.Policy{Type: rserpool.RoundRobin}, Elements: testElements([]string{"1"}),
	})}
	b.ReportAllocs()
	for b.Loop() {
		in.Ticket++
		r.Step(now, in)
		if effects := r.Step(now, answer); len(effects) != 1 {
			b.Fatal(effects)
		}
	}
}

// BenchmarkResolveCached measures a selection from the cache.
func BenchmarkResolveCached(b *testing.B) {
	r := testResolver(100, 100)
	now := time.Now()
	r.Step(now, &machine.HomeUp{Association: 1})
	in := &Resolve{Ticket: 1, Handle: "EchoPool", CacheTime: time.Hour}
	r.Step(now, in)
	r.Step(now, &machine.Received{Association: 1, PPID: asap.PPID, Payload: asap.Append(nil, &asap.HandleResolutionResponse{
		Handle: "EchoPool", Policy: rserpool.Policy{Type: rserpool.RoundRobin}, Elements: testElements([]string{"1", "2", "3"}),
	})})
	b.ReportAllocs()
	for b.Loop() {
		in.Ticket++
		if effects := r.Step(now, in); len(effects) != 1 {
			b.Fatal(effects)
		}
	}
}

// BenchmarkOutbox measures what the machine costs a message of a session.
func BenchmarkOutbox(b *testing.B) {
	s := NewSession(SessionConfig{Handle: "EchoPool", MaxQueue: 64, MaxQueueBytes: 1 << 18, ConnectTimeout: time.Second})
	now := time.Now()
	s.Step(now, &Start{})
	s.Step(now, &Resolved{Ticket: s.ticket, Elements: testElements([]string{"1"})})
	s.Step(now, &machine.AssociationUp{Association: 1, Ticket: s.ticket})
	m := transport.Message{Payload: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if !s.Offer(m) || s.Outgoing() == nil {
			b.Fatal("not connected")
		}
		s.Sent()
	}
}
