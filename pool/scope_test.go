package pool

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
	"github.com/rspool/rspool/registrar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scope is a simulated network with registrars. It is made inside of a synctest
// bubble, and is gone at the bubble's end.
type scope struct {
	t   *testing.T
	net *memory.Network
}

func newScope(t *testing.T) *scope { return &scope{t: t, net: memory.New(1)} }

// registrar runs a registrar at an address until stop, or the end of the test.
func (s *scope) registrar(ip string, id rserpool.RegistrarID) (at *memory.Host, stop func()) {
	s.t.Helper()
	return s.registrarWith(ip, registrar.Config{ID: id, Announce: registrar.AnnounceConfig{Disabled: true}})
}

func (s *scope) registrarWith(ip string, cfg registrar.Config) (at *memory.Host, stop func()) {
	s.t.Helper()
	at = s.net.Host(netip.MustParseAddr(ip))
	cfg.Door, cfg.Log = at, quiet
	r, err := registrar.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Serve(ctx); err != nil {
			s.t.Errorf("registrar: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return at, stop
}

// host opens a host at a new address, until the end of the test.
func (s *scope) host(registrars ...string) (*Host, *memory.Host) {
	s.t.Helper()
	at := s.net.Host()
	h, err := NewHost(&HostConfig{Door: at, Registrars: registrars, Log: quiet})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { h.Close() })
	return h, at
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// peer is somebody at the other end of associations who says what a test wants
// said: a registrar, or a user.
type peer struct {
	t      *testing.T
	ep     transport.Endpoint
	answer func(asap.Message) asap.Message // to a message; may be nil

	mu    sync.Mutex
	up    []transport.Association
	heard []string // messages, and how associations ended
	// hold keeps the handler from taking messages until it is closed.
	hold chan struct{}
}

// peer opens an endpoint at an address and port, with an answer to what it hears.
func (s *scope) peer(at *memory.Host, port uint16, answer func(asap.Message) asap.Message) *peer {
	s.t.Helper()
	p := &peer{t: s.t, answer: answer}
	ep, err := at.Open(transport.EndpointConfig{Port: port, Listen: true, Handler: p})
	if err != nil {
		s.t.Fatal(err)
	}
	p.ep = ep
	s.t.Cleanup(func() { ep.Close() })
	return p
}

func (p *peer) Event(a transport.Association, kind transport.EventKind, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == transport.Up {
		p.up = append(p.up, a)
		return
	}
	p.heard = append(p.heard, kind.String())
}

func (p *peer) Message(a transport.Association, m transport.Message) {
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.PPID != asap.PPID {
		p.heard = append(p.heard, string(m.Payload))
		return
	}
	msg, _, err := asap.Parse(m.Payload)
	if err != nil {
		p.t.Errorf("heard %x: %v", m.Payload, err)
		return
	}
	p.heard = append(p.heard, msg.String())
	if p.answer != nil {
		if r := p.answer(msg); r != nil {
			p.say(a, r)
		}
	}
}

func (p *peer) say(a transport.Association, m asap.Message) {
	p.t.Helper()
	if err := a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, m)}); err != nil {
		p.t.Error(err)
	}
}

// dial associates and returns the association.
func (p *peer) dial(to transport.Address) transport.Association {
	p.t.Helper()
	a, err := p.ep.Dial(to)
	if err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
	return a
}

// take returns what was heard since the last call.
func (p *peer) take() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.heard
	p.heard = nil
	return h
}

// accepts is an answer: every registration and deregistration is accepted.
func accepts(m asap.Message) asap.Message {
	switch m := m.(type) {
	case *asap.Registration:
		return &asap.RegistrationResponse{Handle: m.Handle, Element: m.Element.ID}
	case *asap.Deregistration:
		return &asap.DeregistrationResponse{Handle: m.Handle, Element: m.Element}
	}
	return nil
}
