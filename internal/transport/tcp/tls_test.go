package tcp

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/transporttest"
)

// credentials issues a certificate and loads it.
func credentials(t testing.TB, ca *transporttest.Authority, common string, names ...string) *Credentials {
	t.Helper()
	cert, key := ca.Issue(t, common, time.Hour, names...)
	c, err := LoadCredentials(CredentialsConfig{CertFile: cert, KeyFile: key, CAFile: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuiteTLS(t *testing.T) {
	cfg := quick(loopback)
	cfg.DialTimeout = 8 * time.Second
	cfg.Credentials = credentials(t, transporttest.NewAuthority(t), "peer", "127.0.0.1")
	suite(t, cfg, loopback)
}

// party is a door with one endpoint.
type party struct {
	*transporttest.Recorder
	door     *Door
	endpoint transport.Endpoint
}

func newParty(t testing.TB, cfg Config, listen bool) *party {
	t.Helper()
	p := &party{Recorder: transporttest.NewRecorder(), door: open(t, cfg)}
	t.Cleanup(func() {
		if err := p.door.Close(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if p.endpoint, err = p.door.Open(transport.EndpointConfig{Listen: listen, Handler: p.Recorder}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *party) dial(t testing.TB, to transport.Address) transport.Association {
	t.Helper()
	a, err := p.endpoint.Dial(to)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPeersKnowWhoTheOtherIs(t *testing.T) {
	ca := transporttest.NewAuthority(t)
	cfg := quick(loopback)
	cfg.Credentials = credentials(t, ca, "registrar", "registrar.example.org")
	server := newParty(t, cfg, true)
	cfg.Credentials = credentials(t, ca, "echo1", "echo1.example.org", "spiffe://example.org/echo", "192.0.2.7")
	client := newParty(t, cfg, false)
	to := server.endpoint.Local()
	to.Name = "registrar.example.org"
	ab := client.dial(t, to)
	client.Want(t, transport.Up)
	ba := server.Want(t, transport.Up).Association
	for _, tt := range []struct {
		name string
		of   transport.Association
		want *transport.Identity
	}{
		{"the registrar", ab, &transport.Identity{Subject: "CN=registrar", Names: []string{"registrar.example.org", "registrar"}}},
		{"the element", ba, &transport.Identity{Subject: "CN=echo1", Names: []string{"echo1.example.org", "spiffe://example.org/echo", "192.0.2.7", "echo1"}}},
	} {
		if diff := cmp.Diff(tt.want, transport.PeerOf(tt.of)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestHandshakeFailuresSayWhy(t *testing.T) {
	ca, other := transporttest.NewAuthority(t), transporttest.NewAuthority(t)
	good := credentials(t, ca, "good", "127.0.0.1")
	stranger := credentials(t, other, "stranger", "127.0.0.1")
	mistaken := &Credentials{cfg: good.cfg, looked: time.Now().Add(time.Hour), current: files{stranger.current.certificate, good.current.authorities}}
	elsewhere := credentials(t, ca, "elsewhere", "192.0.2.1")
	for _, tt := range []struct {
		name           string
		server, client *Credentials
		dialled, heard string // what the client hears, and what the server says of it
	}{
		{"a server of another authority", stranger, good, "not signed by an authority in " + ca.File, "the peer refuses the certificate"},
		{"a server for another name", elsewhere, good, "is for another name", "the peer refuses the certificate"},
		{"a client of another authority", good, mistaken, "the peer refuses the certificate", "not signed by an authority in"},
		{"a client without TLS", good, nil, "no answer within", ""}, // four bytes are no record: both wait
		{"a server without TLS", nil, good, "closed the connection at once", "chunk of the reserved type 22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heard := make(chan string, 10)
			cfg := quick(loopback)
			cfg.Refused = func(_ netip.AddrPort, err error) { heard <- err.Error() }
			cfg.Credentials = tt.server
			server := newParty(t, cfg, true)
			cfg.Refused, cfg.Credentials = nil, tt.client
			client := newParty(t, cfg, false)
			to := server.endpoint.Local()
			to.Via = cfg.via()
			client.dial(t, to)
			if h := client.Want(t, transport.Lost); !strings.Contains(h.Err.Error(), tt.dialled) {
				t.Errorf("dialling failed with %q; want %q", h.Err, tt.dialled)
			}
			if got := <-heard; !strings.Contains(got, tt.heard) {
				t.Errorf("the server says %q; want %q", got, tt.heard)
			}
			if n := server.door.Stats().Refused; n != 1 {
				t.Errorf("%d refused; want 1", n)
			}
			server.Silent(t)
		})
	}
}

func TestCredentialsThatCannotBeLoaded(t *testing.T) {
	ca := transporttest.NewAuthority(t)
	cert, key := ca.Issue(t, "good", time.Hour)
	_, otherKey := ca.Issue(t, "other", time.Hour)
	old, oldKey := ca.Issue(t, "old", -time.Minute)
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		cert, key, ca string
		want          string
	}{
		{"nothing named", "", "", "", "no file with the certificate"},
		{"no authority named", cert, key, "", "no file with the authorities"},
		{"no such file", cert + "x", key, ca.File, "no such file"},
		{"the key of another", cert, otherKey, ca.File, "does not match"},
		{"no certificate in it", junk, key, ca.File, "failed to find any PEM data"},
		{"no authority in it", cert, key, junk, "has no certificate in PEM"},
		{"expired", old, oldKey, ca.File, "has expired on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadCredentials(CredentialsConfig{CertFile: tt.cert, KeyFile: tt.key, CAFile: tt.ca})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

func TestCredentialsAreReadAgainWhenTheyChange(t *testing.T) {
	ca := transporttest.NewAuthority(t)
	cert, key := ca.Issue(t, "peer", time.Hour, "first")
	var said []string
	c, err := LoadCredentials(CredentialsConfig{CertFile: cert, KeyFile: key, CAFile: ca.File, Log: func(err error) { said = append(said, err.Error()) }})
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		c.mu.Lock()
		c.looked = time.Time{} // time has passed
		c.mu.Unlock()
		return c.now().certificate.Leaf.DNSNames[0]
	}
	ca.Issue(t, "peer", time.Hour, "second")
	if err := os.Chtimes(cert, time.Now(), time.Now().Add(time.Minute)); err != nil { // clocks of file systems are coarse
		t.Fatal(err)
	}
	if got := name(); got != "second" {
		t.Errorf("the certificate is for %s; want the new one", got)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "second" || len(said) != 1 || !strings.Contains(said[0], "the former stay in use") {
		t.Errorf("with half a file: %s, %q", got, said)
	}
	ca.Issue(t, "peer", time.Hour, "third")
	if got := name(); got != "third" {
		t.Errorf("the certificate is for %s; want the third", got)
	}
	if c.Check(time.Now()) == nil {
		t.Error("a certificate that is good for an hour is not complained about")
	}
}
