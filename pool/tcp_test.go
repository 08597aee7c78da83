package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
	"github.com/rspool/rspool/registrar"
)

// doors is a registrar with all doors, until the end of the test.
type doors struct {
	at map[transport.Via]string
	ca *transporttest.Authority
}

func openDoors(t *testing.T, pools ...registrar.PoolConfig) doors {
	t.Helper()
	d := doors{at: map[transport.Via]string{}, ca: transporttest.NewAuthority(t)}
	cert, key := d.ca.Issue(t, "registrar", time.Hour, "127.0.0.1")
	r, err := registrar.New(registrar.Config{
		Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, ENRPPort: -1, Log: quiet, Pools: pools,
		Announce: registrar.AnnounceConfig{Disabled: true},
		TCP:      registrar.TCPConfig{Enabled: true, Port: -1},
		TLS:      registrar.TLSConfig{Enabled: true, Port: -1, CertFile: cert, KeyFile: key, CAFile: d.ca.File},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Addresses() {
		d.at[a.Via] = a.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("registrar: %v", err)
		}
	})
	return d
}

// host opens a host that knows the registrar by one of its doors, with a
// certificate of its own.
func (d doors) host(t *testing.T, via transport.Via, name string) *Host {
	t.Helper()
	c := HostConfig{Listen: "127.0.0.1", Registrars: []string{d.at[via]}, Log: quiet}
	if via == transport.TLS {
		c.TLS.CertFile, c.TLS.KeyFile = d.ca.Issue(t, name, time.Hour, name+".example.org")
		c.TLS.CAFile = d.ca.File
	}
	h, err := NewHost(&c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// serveEcho lets an element answer all of its sessions.
func serveEcho(ctx context.Context, l *Listener) {
	for {
		s, err := l.Accept(ctx)
		if err != nil {
			return
		}
		go echoAll(ctx, s)
	}
}

func TestUsersAndElementsComeByAnyDoor(t *testing.T) {
	d := openDoors(t)
	for _, tt := range []struct {
		name          string
		element, user transport.Via // how they reach the registrar
		service       ElementConfig // how the service is reached
	}{
		{"a user over TCP", transport.SCTP, transport.TCP, ElementConfig{}},
		{"a user over TLS", transport.SCTP, transport.TLS, ElementConfig{}},
		{"an element over TCP", transport.TCP, transport.SCTP, ElementConfig{}},
		{"an element over TLS", transport.TLS, transport.SCTP, ElementConfig{}},
		{"a service over TCP", transport.SCTP, transport.TCP, ElementConfig{Protocol: rserpool.TCP}},
		{"a byte stream", transport.SCTP, transport.SCTP, ElementConfig{Protocol: rserpool.TCP, DataOnly: true}},
		{"nothing but TCP", transport.TLS, transport.TLS, ElementConfig{Protocol: rserpool.TCP}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := within(t, time.Minute)
			handle := rserpool.Handle(strings.ReplaceAll(tt.name, " ", "-"))
			c := tt.service
			c.Host = d.host(t, tt.element, "element")
			l, err := Listen(ctx, handle, &c)
			if err != nil {
				t.Fatal(err)
			}
			go serveEcho(ctx, l)
			s, err := Dial(ctx, handle, &UserConfig{Host: d.host(t, tt.user, "user")})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i := range 3 {
				want := fmt.Sprintf("message %d", i)
				if err := s.Send(ctx, Message{Data: []byte(want)}); err != nil {
					t.Fatal(err)
				}
				if m, err := s.Recv(ctx); err != nil || string(m.Data) != want {
					t.Fatalf("answer %q, %v; want %q", m.Data, err, want)
				}
			}
		})
	}
}

func TestSessionOverTCPFailsOverWithItsCookie(t *testing.T) {
	d := openDoors(t)
	ctx := within(t, time.Minute)
	listen := func(id rserpool.ElementID) *Listener {
		l, err := Listen(ctx, "StatePool", &ElementConfig{Host: d.host(t, transport.SCTP, ""), ID: id, Protocol: rserpool.TCP})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := listen(1)
	s, err := Dial(ctx, "StatePool", &UserConfig{Host: d.host(t, transport.TLS, "user"), FailoverDelay: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	served, err := first.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := served.SaveCookie(ctx, []byte("so far")); err != nil {
		t.Fatal(err)
	}
	if err := served.Send(ctx, Message{Data: []byte("one")}); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Recv(ctx); err != nil || string(m.Data) != "one" {
		t.Fatalf("%q, %v", m.Data, err)
	}
	second := listen(2)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	var moved *Failover
	if _, err := s.Recv(ctx); !errors.As(err, &moved) {
		t.Fatalf("received %v; want a failover", err)
	}
	resumed, err := second.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := resumed.Recv(ctx); err != nil || string(m.Cookie) != "so far" {
		t.Errorf("the second element is told %q, %v", m.Cookie, err)
	}
}

func TestByteStreamsAreForAnyProgram(t *testing.T) {
	d := openDoors(t)
	ctx := within(t, time.Minute)
	l, err := Listen(ctx, "PlainPool", &ElementConfig{Host: d.host(t, transport.SCTP, ""), Protocol: rserpool.TCP, DataOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	go serveEcho(ctx, l)
	answer, err := Resolve(ctx, d.host(t, transport.TCP, ""), "PlainPool", 1)
	if err != nil || len(answer.Elements) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	tr := answer.Elements[0].UserTransport
	if tr.Protocol != rserpool.TCP || tr.Use != rserpool.DataOnly {
		t.Errorf("resolved to %v", tr)
	}
	conn, err := net.Dial("tcp", netip.AddrPortFrom(tr.Addresses[0], tr.Port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestPoolsAllowWhoMayServeThem(t *testing.T) {
	d := openDoors(t,
		registrar.PoolConfig{Pattern: "Secure*", Allow: []string{"echo*.example.org"}},
		registrar.PoolConfig{Pattern: "SecureAny", Allow: []string{"*"}})
	for _, tt := range []struct {
		name   string
		via    transport.Via
		who    string
		handle rserpool.Handle
		want   error
	}{
		{"an allowed name", transport.TLS, "echo1", "SecurePool", nil},
		{"another name", transport.TLS, "chargen1", "SecurePool", rserpool.Fail(rserpool.SecurityRejection)},
		{"any name where any is good", transport.TLS, "chargen1", "SecureAny", nil},
		{"no name over TCP", transport.TCP, "", "SecureAny", rserpool.Fail(rserpool.SecurityRejection)},
		{"no name over SCTP", transport.SCTP, "", "SecurePool", rserpool.Fail(rserpool.SecurityRejection)},
		{"no name where none is asked for", transport.SCTP, "", "OpenPool", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Listen(within(t, time.Minute), tt.handle, &ElementConfig{Host: d.host(t, tt.via, tt.who)})
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v; want %v", err, tt.want)
			}
			if err == nil {
				_ = l.Close()
			}
		})
	}
}

func TestElementOverTCPFindsAnotherRegistrarByItself(t *testing.T) {
	ctx := within(t, time.Minute)
	run := func(peers ...string) (r *registrar.Registrar, stop func()) {
		c := registrar.Config{
			Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, ENRPPort: -1, Log: quiet,
			Announce: registrar.AnnounceConfig{Disabled: true}, TCP: registrar.TCPConfig{Enabled: true, Port: -1},
		}
		c.ENRP.Peers = peers
		r, err := registrar.New(c)
		if err != nil {
			t.Fatal(err)
		}
		serving, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- r.Serve(serving) }()
		stop = sync.OnceFunc(func() {
			cancel()
			if err := <-served; err != nil {
				t.Errorf("registrar: %v", err)
			}
		})
		t.Cleanup(stop)
		return r, stop
	}
	first, stopFirst := run()
	second, _ := run(first.PeerAddress().String())
	host := func(rs ...*registrar.Registrar) *Host {
		var at []string
		for _, r := range rs {
			at = append(at, r.Addresses()[1].String())
		}
		h, err := NewHost(&HostConfig{Listen: "127.0.0.1", Registrars: at, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		return h
	}
	l, err := Listen(ctx, "EchoPool", &ElementConfig{Host: host(first, second)})
	if err != nil {
		t.Fatal(err)
	}
	go serveEcho(ctx, l)
	u := host(second)
	known := func() {
		t.Helper()
		for {
			if a, err := Resolve(ctx, u, "EchoPool", 1); err == nil && len(a.Elements) == 1 {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatal("the other registrar does not know the element")
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	known() // by replication
	stopFirst()
	for l.Status().Registrar != second.Addresses()[1].String() || !l.Status().Registered {
		select {
		case <-ctx.Done():
			t.Fatalf("the element is at %+v", l.Status())
		case <-time.After(20 * time.Millisecond):
		}
	}
	known()
}

func TestTLSRegistrarNeedsGoodFiles(t *testing.T) {
	for _, tt := range []struct{ name, registrar, want string }{
		{"no files", "tls://127.0.0.1:3864", "no file with the certificate is named"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := NewHost(&HostConfig{Listen: "127.0.0.1", Registrars: []string{tt.registrar}, Log: quiet})
			if err == nil {
				h.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}
