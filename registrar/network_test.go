package registrar

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// peer is an element or user reduced to what goes over its association.
type peer struct {
	t  *testing.T
	a  transport.Association
	mu sync.Mutex
	// heard is what was received and not yet taken.
	heard  []asap.Message
	events []transport.EventKind
	// mute does not answer keep-alives.
	mute bool
	// block is waited for by every message's handler.
	block chan struct{}
}

func (p *peer) Event(_ transport.Association, kind transport.EventKind, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, kind)
}

func (p *peer) Message(a transport.Association, m transport.Message) {
	if p.block != nil {
		<-p.block
	}
	msg, _, err := asap.Parse(m.Payload)
	if err != nil {
		p.t.Errorf("received %x: %v", m.Payload, err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := msg.(*asap.KeepAlive); ok && !p.mute {
		_ = a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, &asap.KeepAliveAck{Handle: k.Handle, Element: k.Element})})
		return
	}
	p.heard = append(p.heard, msg)
}

func (p *peer) send(msg asap.Message) {
	p.t.Helper()
	if err := p.a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, msg)}); err != nil {
		p.t.Fatal(err)
	}
}

// take returns what was heard since the last call.
func (p *peer) take() []asap.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.heard
	p.heard = nil
	return h
}

func (p *peer) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.events)
	return n > 0 && p.events[n-1] != transport.Up
}

func registration(h rserpool.Handle, id rserpool.ElementID, ip netip.Addr) *asap.Registration {
	return &asap.Registration{Handle: h, Element: rserpool.Element{
		ID:   id,
		Life: 3_600_000,
		UserTransport: rserpool.Transport{
			Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001, Addresses: []netip.Addr{ip},
		},
		Policy: rserpool.Policy{Type: rserpool.RoundRobin},
	}}
}

// bench is a network with a registrar that serves.
type bench struct {
	t    *testing.T
	net  *memory.Network
	reg  *Registrar
	stop context.CancelFunc
	done chan error
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{t: t, net: memory.New(1), done: make(chan error, 1)}
	cfg.ID, cfg.Log = 0x0a, quiet
	cfg.Door = b.host("192.0.2.1")
	var err error
	if b.reg, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() { b.done <- b.reg.Serve(ctx) }()
	return b
}

func (b *bench) host(ip string) *memory.Host {
	return b.net.Host(netip.MustParseAddr(ip))
}

// dial returns a peer whose association is up.
func (b *bench) dial(h *memory.Host, p *peer) *peer {
	b.t.Helper()
	p.t = b.t
	e, err := h.Open(transport.EndpointConfig{Handler: p})
	if err != nil {
		b.t.Fatal(err)
	}
	if p.a, err = e.Dial(b.reg.Address()); err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	return p
}

// end stops the registrar and waits for it.
func (b *bench) end() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Errorf("Serve: %v", err)
	}
}
