package registrar

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/internal/transport/udp"
)

// group is registrars of one scope on a network, that serve.
type group struct {
	t    *testing.T
	net  *memory.Network
	all  []*Registrar
	host []*memory.Host
	stop []context.CancelFunc
	done []chan error
}

// add starts a registrar that knows the first one's address.
func (g *group) add(cfg Config) *Registrar {
	g.t.Helper()
	n := len(g.all) + 1
	h := g.net.Host(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}))
	cfg.ID, cfg.Log, cfg.Door = rserpool.RegistrarID(0x0a+n-1), quiet, h
	cfg.Announce.Disabled = true
	if n > 1 {
		cfg.ENRP.Peers = []string{"192.0.2.1:9901"}
	}
	r, err := New(cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	g.all, g.host, g.stop, g.done = append(g.all, r), append(g.host, h), append(g.stop, cancel), append(g.done, done)
	return r
}

func (g *group) end() {
	for i, stop := range g.stop {
		stop()
		if err := <-g.done[i]; err != nil {
			g.t.Errorf("Serve: %v", err)
		}
	}
}

// join dials a registrar.
func (g *group) join(h *memory.Host, r *Registrar, p *peer) *peer {
	b := &bench{t: g.t, net: g.net, reg: r}
	return b.dial(h, p)
}

func elements(r *Registrar) (all, own int) {
	s := r.snapshot(status.Query{Limit: -1})
	return s.ElementCount, s.OwnedCount
}

func TestRegistrarsShareTheirElements(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := &group{t: t, net: memory.New(1)}
		g.net.Set(memory.Conditions{Delay: time.Millisecond})
		a, b := g.add(Config{}), g.add(Config{})
		time.Sleep(10 * time.Second)
		h := g.net.Host(netip.MustParseAddr("192.0.2.10"))
		p := g.join(h, a, &peer{})
		for id := range rserpool.ElementID(100) {
			p.send(registration("Pool", id+1, h.IP()))
		}
		time.Sleep(time.Second)
		if all, own := elements(b); all != 100 || own != 0 {
			t.Errorf("the other knows %d elements, %d its own", all, own)
		}
		c := g.add(Config{})
		if err := c.Ready(); err == nil {
			t.Error("a registrar is ready before it is in sync")
		}
		time.Sleep(10 * time.Second)
		if err := c.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		for _, r := range g.all {
			s := r.snapshot(status.Query{Limit: -1}).Scope
			if all, _ := elements(r); all != 100 || !s.InSync || len(s.Peers) != 2 {
				t.Errorf("%v knows %d elements and %d peers", r.ID(), all, len(s.Peers))
			}
			for _, p := range s.Peers {
				if p.State != "active" || p.Audit.State != "agrees" {
					t.Errorf("%v: peer %v is %s, audit %s", r.ID(), p.ID, p.State, p.Audit.State)
				}
			}
		}
		g.end()
	})
}

// The elements' ASAP transports lead to hosts that answer keep-alives.
func TestAnotherRegistrarTakesOver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := &group{t: t, net: memory.New(1)}
		g.net.Set(memory.Conditions{Delay: time.Millisecond, Detection: 200 * time.Millisecond})
		a, b, c := g.add(Config{}), g.add(Config{}), g.add(Config{})
		time.Sleep(10 * time.Second)
		const hosts, each = 20, 10
		for i := range hosts {
			h := g.net.Host(netip.AddrFrom4([4]byte{192, 0, 3, byte(i + 1)}))
			p := &peer{t: t}
			e, err := h.Open(transport.EndpointConfig{Handler: p, Listen: true})
			if err != nil {
				t.Fatal(err)
			}
			if p.a, err = e.Dial(a.Address()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			for j := range rserpool.ElementID(each) {
				p.send(registration(rserpool.Handle(fmt.Sprint("Pool-", i)), j+1, h.IP()))
			}
		}
		time.Sleep(time.Second)
		g.host[0].Kill()
		time.Sleep(20 * time.Second)
		allB, ownB := elements(b)
		allC, ownC := elements(c)
		if allB != hosts*each || allC != hosts*each || ownB+ownC != hosts*each {
			t.Errorf("%d and %d elements are known, %d and %d own; want %d", allB, allC, ownB, ownC, hosts*each)
		}
		for _, r := range []*Registrar{b, c} {
			n := r.snapshot(status.Query{Limit: -1}).Scope.Counters
			if n.Claims["accepted"] != n.TakenOver {
				t.Errorf("%v has taken over %d elements, %d have accepted", r.ID(), n.TakenOver, n.Claims["accepted"])
			}
		}
		g.stop[0]()
		g.end()
	})
}

// A scope at rest has nothing to repair.
func TestSteadyScopeIsNeverResynchronised(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 500
	}
	bubble.Test(t, func(t *testing.T) {
		g := &group{t: t, net: memory.New(1)}
		g.net.Set(memory.Conditions{Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.001})
		cfg := Config{KeepAliveInterval: 2 * time.Minute, KeepAliveTimeout: 30 * time.Second}
		for range 3 {
			g.add(cfg)
		}
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		for i, r := range g.all {
			h := g.net.Host(netip.AddrFrom4([4]byte{192, 0, 3, byte(i + 1)}))
			p := g.join(h, r, &peer{})
			go func() {
				var payloads [][]byte
				for id := i; id < n; id += 3 {
					reg := registration(rserpool.Handle(fmt.Sprint("Pool-", id%100)), rserpool.ElementID(id+1), h.IP())
					reg.Element.Life = 180_000
					payloads = append(payloads, asap.Append(nil, reg))
				}
				for k := 0; ctx.Err() == nil; k++ {
					_ = p.a.Send(transport.Message{PPID: asap.PPID, Payload: payloads[k%len(payloads)]})
					if k >= len(payloads) {
						time.Sleep(time.Minute / time.Duration(len(payloads)))
					} else if k%20 == 0 {
						time.Sleep(10 * time.Millisecond)
					}
					p.take()
				}
			}()
		}
		time.Sleep(30 * time.Second)
		for _, r := range g.all {
			if all, _ := elements(r); all != n {
				t.Errorf("%v knows %d elements, want %d", r.ID(), all, n)
			}
		}
		before := make([]uint64, 3)
		for i, r := range g.all {
			before[i] = r.snapshot(status.Query{Limit: -1}).Scope.Counters.Audits["resyncs"]
		}
		time.Sleep(10 * time.Minute)
		for i, r := range g.all {
			s := r.snapshot(status.Query{Limit: -1})
			if got := s.Scope.Counters.Audits["resyncs"] - before[i]; got != 0 || s.ElementCount != n {
				t.Errorf("%v: %d resynchronisations, %d elements", r.ID(), got, s.ElementCount)
			}
			t.Logf("%v: updates %v, audits %v", r.ID(), s.Counters.Messages, s.Scope.Counters.Audits)
		}
		cancel()
		time.Sleep(time.Minute)
		g.end()
	})
}

// Join over the embedded SCTP, on real time.
func TestJoinOfTenThousandElements(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	const n = 10_000
	serve := func(cfg Config) *Registrar {
		cfg.Listen, cfg.UDPPort, cfg.ASAPPort, cfg.Log = "127.0.0.1", -1, -1, quiet
		cfg.Announce.Disabled = true
		cfg.KeepAliveInterval = time.Minute
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Serve(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		return r
	}
	noHandover := ENRPConfig{HandoverTimeout: -1}
	a := serve(Config{ENRP: noHandover})
	door, err := udp.Open(udp.Config{Listen: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = door.Close() })
	w := &waiting{events: make(chan transport.EventKind, 10), messages: make(chan asap.Message, n)}
	endpoint, err := door.Open(transport.EndpointConfig{Handler: w})
	if err != nil {
		t.Fatal(err)
	}
	association, err := endpoint.Dial(a.Address())
	if err != nil {
		t.Fatal(err)
	}
	receive(t, w.events)
	for i := range n {
		reg := registration(rserpool.Handle(fmt.Sprint("Pool-", i%100)), rserpool.ElementID(i+1), netip.MustParseAddr("127.0.0.1"))
		if err := association.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, reg)}); err != nil {
			t.Fatal(err)
		}
		receive(t, w.messages)
	}
	began := time.Now()
	b := serve(Config{ENRP: ENRPConfig{Peers: []string{a.PeerAddress().String()}, HandoverTimeout: -1}})
	for b.Ready() != nil {
		if time.Since(began) > 20*time.Second {
			t.Fatal("it is not in sync")
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	s := b.snapshot(status.Query{Limit: -1})
	var parts uint64
	for _, m := range s.Counters.Messages {
		if m.Type == "handle-table-response" {
			parts = m.Count
		}
	}
	t.Logf("in sync with %d elements after %v, %d parts", s.ElementCount, took.Round(time.Millisecond), parts)
	if s.ElementCount != n || took > 5*time.Second {
		t.Errorf("%d elements after %v, want %d within 5s", s.ElementCount, took, n)
	}
	if s.Scope.Peers[0].Checksum != a.snapshot(status.Query{Limit: -1}).Checksum {
		t.Error("the checksums differ")
	}
}
