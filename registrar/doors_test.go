package registrar

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
	"github.com/rspool/rspool/internal/transport/udp"
)

func TestAdmission(t *testing.T) {
	named := func(names ...string) *transport.Identity { return &transport.Identity{Names: names} }
	admits := admission([]PoolConfig{
		{Pattern: "Echo*", Allow: []string{"echo?.example.org", "spiffe://example.org/*"}},
		{Pattern: "EchoOpen"},
		{Pattern: "Any", Allow: []string{"*"}},
	})
	for _, tt := range []struct {
		name   string
		handle rserpool.Handle
		who    *transport.Identity
		want   bool
	}{
		{"a name that matches", "EchoPool", named("registrar.example.org", "echo1.example.org"), true},
		{"a URI that matches", "EchoPool", named("spiffe://example.org/echo"), true},
		{"a name that is too long", "EchoPool", named("echo12.example.org"), false},
		{"a name within another", "EchoPool", named("echo1.example.org.evil.example"), false},
		{"no name", "EchoPool", named(), false},
		{"nobody", "EchoPool", nil, false},
		{"the more specific pattern says nothing", "EchoOpen", nil, true},
		{"no pattern", "Other", nil, true},
		{"anybody with a name", "Any", named("x"), true},
		{"nobody where anybody with a name may", "Any", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := admits(tt.handle, tt.who); got != tt.want {
				t.Errorf("admitted: %t; want %t", got, tt.want)
			}
		})
	}
	if admission([]PoolConfig{{Pattern: "*"}}) != nil {
		t.Error("there is a check where nobody asks for one")
	}
}

func TestDoorsThatCannotOpen(t *testing.T) {
	ca := transporttest.NewAuthority(t)
	cert, key := ca.Issue(t, "registrar", time.Hour)
	taken, err := New(Config{Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, ENRPPort: -1, Log: quiet,
		Announce: AnnounceConfig{Disabled: true}, TCP: TCPConfig{Enabled: true, Port: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := int(taken.Addresses()[1].Port)
	for _, tt := range []struct {
		name string
		tcp  TCPConfig
		tls  TLSConfig
		want string
	}{
		{"a port that is taken", TCPConfig{true, port}, TLSConfig{}, "another process has TCP port"},
		{"a port that is none", TCPConfig{true, 70000}, TLSConfig{}, "want a number up to 65535"},
		{"no certificate", TCPConfig{}, TLSConfig{Enabled: true, Port: -1}, "no file with the certificate is named"},
		{"TLS at a port that is taken", TCPConfig{}, TLSConfig{true, port, cert, key, ca.File}, "tls: open endpoint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := New(Config{Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, ENRPPort: -1, Log: quiet,
				Announce: AnnounceConfig{Disabled: true}, TCP: tt.tcp, TLS: tt.tls})
			if err == nil {
				_ = r.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

func TestReconfigureChangesWhoMayRegister(t *testing.T) {
	r, err := New(Config{Listen: "127.0.0.1", ASAPPort: -1, UDPPort: -1, ENRPPort: -1, Log: quiet, Announce: AnnounceConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Reconfigure(nil, []PoolConfig{{Pattern: "*", Allow: []string{"*"}}}); err != nil {
		t.Fatal(err)
	}
	door, err := udp.Open(udp.Config{Listen: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	w := &waiting{events: make(chan transport.EventKind, 10), messages: make(chan asap.Message, 100)}
	endpoint, err := door.Open(transport.EndpointConfig{Handler: w})
	if err != nil {
		t.Fatal(err)
	}
	a, err := endpoint.Dial(r.Address())
	if err != nil {
		t.Fatal(err)
	}
	receive(t, w.events)
	register := func() *asap.RegistrationResponse {
		in := registration("Pool", 1, netip.MustParseAddr("127.0.0.1"))
		if err := a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, in)}); err != nil {
			t.Fatal(err)
		}
		for {
			if m, ok := receive(t, w.messages).(*asap.RegistrationResponse); ok {
				return m
			}
		}
	}
	if got := register(); !got.Reject || got.Error == nil || got.Error.Causes[0].Code != rserpool.SecurityRejection {
		t.Errorf("the registration is answered by %+v", got)
	}
	if _, err := r.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := register(); got.Reject {
		t.Errorf("after going back, the registration is answered by %+v", got)
	}
}
