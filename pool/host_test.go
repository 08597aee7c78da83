package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/registrar"
)

func TestHostFindsAnnouncedRegistrars(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		h, _ := s.host()
		s.registrarWith("192.0.2.1", registrar.Config{ID: 0xa})
		l := listen(t, h, "EchoPool", ElementConfig{})
		if got := l.Status(); got.Home != 0xa || !strings.HasPrefix(got.Registrar, "192.0.2.1:3863") {
			t.Errorf("home is %s at %s", got.Home, got.Registrar)
		}
	})
}

func TestHostIsClaimedByARegistrar(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		old := s.peer(s.net.Host(netip.MustParseAddr("192.0.2.1")), 3863, accepts)
		h, _ := s.host(registrarAt)
		l := listen(t, h, "EchoPool", ElementConfig{ID: 17})
		old.take()

		next := s.peer(s.net.Host(netip.MustParseAddr("192.0.2.2")), 3863, accepts)
		a := next.dial(h.asap.Local())
		next.say(a, &asap.KeepAlive{Sender: 0xb, Handle: "EchoPool", Element: 17, Home: true})
		got := next.take()
		if len(got) != 2 || got[0] != "KeepAliveAck EchoPool/0x00000011" || !strings.HasPrefix(got[1], "Registration EchoPool/0x00000011") {
			t.Errorf("the claimant hears %q, want an acknowledgement and a registration", got)
		}
		want := Status{Registered: true, Home: 0xb, Registrar: "192.0.2.2:3863", Policy: rserpool.Policy{Type: rserpool.RoundRobin}}
		if diff := cmp.Diff(want, l.Status(), cmpopts.IgnoreFields(Status{}, "Since")); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		time.Sleep(4 * time.Second)
		if got := old.take(); len(got) != 0 {
			t.Errorf("the former home hears %q before the element has settled", got)
		}
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]string{"closed"}, old.take()); diff != "" {
			t.Errorf("the former home hears (-want +got):\n%s", diff)
		}
	})
}

func TestHostQueuesForARegistrarThatIsSlow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sends int
		lost  bool
	}{
		{"a while", 20_000, false},
		{"for good", 70_000, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := newScope(t)
				r := s.peer(s.net.Host(netip.MustParseAddr("192.0.2.1")), 3863, accepts)
				h, _ := s.host(registrarAt)
				listen(t, h, "EchoPool", ElementConfig{ID: 17})
				r.take()
				hold := make(chan struct{})
				r.mu.Lock()
				r.hold = hold // it reads no more
				r.mu.Unlock()
				ask := asap.Append(nil, &asap.KeepAlive{Sender: 0xa, Handle: "EchoPool", Element: 17})
				for i := range tt.sends {
					if err := r.up[0].Send(transport.Message{PPID: asap.PPID, Payload: ask}); err != nil {
						break // the host has had enough
					}
					if i%1000 == 999 {
						synctest.Wait()
					}
				}
				close(hold)
				got := r.take()
				if lost := slices.Contains(got, "lost"); lost != tt.lost {
					t.Errorf("association lost: %v, want %v", lost, tt.lost)
				}
				if !tt.lost && len(got) != tt.sends {
					t.Errorf("%d answers to %d keep-alives", len(got), tt.sends)
				}
			})
		})
	}
}

func TestParseRegistrars(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     registrarName
		err      string
	}{
		{"address", "192.0.2.1:3863", registrarName{address: transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 3863}}, ""},
		{"several addresses", "192.0.2.1,[2001:db8::1]:3863@40001", registrarName{address: transport.Address{
			IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, Port: 3863, UDPPort: 40001}}, ""},
		{"name", "registrar.example:3863", registrarName{host: "registrar.example", address: transport.Address{Port: 3863}}, ""},
		{"name and UDP port", "localhost:3863@40001", registrarName{host: "localhost", address: transport.Address{Port: 3863, UDPPort: 40001}}, ""},
		{"TCP", "tcp://192.0.2.1:3863", registrarName{address: transport.Address{Via: transport.TCP, IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Port: 3863}}, ""},
		{"TLS by name", "tls://registrar.example:3864", registrarName{host: "registrar.example", address: transport.Address{Via: transport.TLS, Port: 3864, Name: "registrar.example"}}, ""},
		{"TCP with a UDP port", "tcp://registrar.example:3863@9899", registrarName{}, "only SCTP has a UDP port"},
		{"another way", "http://registrar.example:3863", registrarName{}, "not reached in this way"},
		{"a byte stream", "stream://192.0.2.1:3863", registrarName{}, "not reached in this way"},
		{"no port", "registrar.example", registrarName{}, "the port is missing"},
		{"port zero", "192.0.2.1:0", registrarName{}, "not a number from 1"},
		{"port too large", "registrar.example:65536", registrarName{}, "the port is not"},
		{"UDP port zero", "192.0.2.1:3863@0", registrarName{}, "the UDP port after @"},
		{"no host", ":3863", registrarName{}, "the host is missing"},
		{"empty", "", registrarName{}, "the port is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseRegistrars([]string{tt.in})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "want HOST:PORT") {
					t.Errorf("error %v, want one that says %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]registrarName{tt.want}, got, cmp.AllowUnexported(registrarName{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNewHostRefusesWrongConfiguration(t *testing.T) {
	s := newScope(t)
	for _, tt := range []struct {
		name string
		cfg  HostConfig
		want string
	}{
		{"registrar", HostConfig{Registrars: []string{"nowhere"}}, `registrar "nowhere": the port is missing`},
		{"group", HostConfig{AnnounceGroup: "here"}, `announcement group "here": want IP:PORT`},
		{"listen", HostConfig{Listen: "eth0", Registrars: []string{registrarAt}}, `listen "eth0"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "listen" {
				tt.cfg.Door = s.net.Host()
			}
			h, err := NewHost(&tt.cfg)
			if err == nil {
				h.Close()
				t.Fatal("it does not fail")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

// TestElementsOfAHostThatMoves lets the home of many elements die, and counts how
// the next one is approached.
func TestElementsOfAHostThatMoves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newScope(t)
		first, _ := s.registrar("192.0.2.1", 0xa)
		h, _ := s.host(registrarAt, "192.0.2.2:3863")
		const n = 300
		for i := range n {
			listen(t, h, rserpool.Handle(fmt.Sprint("Pool", i%3)), ElementConfig{ID: rserpool.ElementID(i + 1)})
		}
		s.registrar("192.0.2.2", 0xb)
		first.Kill()
		time.Sleep(10 * time.Second)
		total := 0
		for i := range 3 {
			total += len(elementsOf(t, h, rserpool.Handle(fmt.Sprint("Pool", i))))
		}
		if total != n {
			t.Errorf("%d elements at the next registrar, want %d", total, n)
		}
	})
}
