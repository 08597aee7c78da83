package tcp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// CredentialsConfig names the files of a TLS door, all in PEM.
type CredentialsConfig struct {
	// CertFile is the own certificate, with those between it and the authority's
	// behind it, and KeyFile its private key. Required.
	CertFile, KeyFile string
	// CAFile has the certificates of the authorities that sign those of peers.
	// Required: the system's are not asked, since anybody gets one from these.
	CAFile string
	// ServerName is what the certificate of a peer that is dialled must be issued
	// for. If empty, the name or IP address under which it is dialled.
	ServerName string
	// Log hears of files that have changed and could not be read, if not nil: the
	// old ones stay in use.
	Log func(error)
}

// Credentials are a certificate and the authorities that are trusted. Files that
// change are read again. The methods may be called at once.
type Credentials struct {
	cfg CredentialsConfig

	mu      sync.Mutex
	looked  time.Time
	stamps  [3]stamp
	current files
}

// files are what the files have said.
type files struct {
	certificate tls.Certificate
	authorities *x509.CertPool
}

// stamp tells whether a file has changed.
type stamp struct {
	changed time.Time
	size    int64
}

// lookAgain is how often files are looked at for changes.
const lookAgain = time.Second

// LoadCredentials reads the files. The error says which one is wrong, and how.
func LoadCredentials(cfg CredentialsConfig) (*Credentials, error) {
	c := &Credentials{cfg: cfg, looked: time.Now()}
	for _, f := range []struct{ name, path string }{
		{"certificate", cfg.CertFile}, {"private key", cfg.KeyFile}, {"authorities' certificates", cfg.CAFile},
	} {
		if f.path == "" {
			return nil, fmt.Errorf("load TLS credentials: no file with the %s is named", f.name)
		}
	}
	c.stamps = c.stamp()
	var err error
	if c.current, err = cfg.load(); err != nil {
		return nil, fmt.Errorf("load TLS credentials: %w", err)
	}
	return c, nil
}

// load reads the files.
func (cfg *CredentialsConfig) load() (files, error) {
	var f files
	chain, err := os.ReadFile(cfg.CertFile)
	if err != nil {
		return f, err
	}
	key, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return f, err
	}
	if f.certificate, err = tls.X509KeyPair(chain, key); err != nil {
		return f, fmt.Errorf("certificate %s with key %s: %s", cfg.CertFile, cfg.KeyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	leaf := f.certificate.Leaf
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		return f, fmt.Errorf("certificate %s has expired on %s: issue a new one", cfg.CertFile, day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return f, fmt.Errorf("certificate %s is valid from %s on: wait, or set the clock", cfg.CertFile, leaf.NotBefore.UTC().Format(time.DateTime))
	}
	roots, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return f, err
	}
	f.authorities = x509.NewCertPool()
	if !f.authorities.AppendCertsFromPEM(roots) {
		return f, fmt.Errorf("%s has no certificate in PEM: name the file with that of the authority", cfg.CAFile)
	}
	return f, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (c *Credentials) stamp() (s [3]stamp) {
	for i, path := range []string{c.cfg.CertFile, c.cfg.KeyFile, c.cfg.CAFile} {
		if info, err := os.Stat(path); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// now returns what the files say, after a look whether they have changed. A
// certificate and its key change one after the other: what cannot be read is tried
// again, and the former is good until it can.
func (c *Credentials) now() files {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.current
	}
	c.looked = time.Now()
	s := c.stamp()
	if s == c.stamps {
		return c.current
	}
	f, err := c.cfg.load()
	switch {
	case err == nil:
		c.current, c.stamps = f, s
	case c.cfg.Log != nil:
		c.cfg.Log(fmt.Errorf("TLS credentials have changed and the former stay in use: %w", err))
	}
	return c.current
}

// Check reports that the own certificate runs out within a week, if it does.
func (c *Credentials) Check(now time.Time) error {
	leaf := c.now().certificate.Leaf
	if left := leaf.NotAfter.Sub(now); left < 7*24*time.Hour {
		return fmt.Errorf("certificate %s is good until %s only: issue a new one", c.cfg.CertFile, day(leaf.NotAfter))
	}
	return nil
}

// server returns the configuration for who is dialled.
func (c *Credentials) server() *tls.Config {
	f := c.now()
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{f.certificate},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              f.authorities,
		SessionTicketsDisabled: true, // certificates are looked at each time
	}
}

// client returns the configuration for who dials.
func (c *Credentials) client(to transport.Address) *tls.Config {
	f := c.now()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{f.certificate},
		RootCAs:      f.authorities,
		ServerName:   cmp.Or(c.cfg.ServerName, to.Name, to.IPs[0].String()),
	}
}

// explain says what is wrong with a handshake, and what can be done.
func (c *Credentials) explain(err error) error {
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		alert     tls.AlertError
		op        *net.OpError
		plain     tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("the peer's certificate is not signed by an authority in %s: %w", c.cfg.CAFile, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the peer's certificate has expired, or a clock is wrong: %w", err)
	case errors.As(err, &name):
		return fmt.Errorf("the peer's certificate is for another name: %w", err)
	case errors.As(err, &plain):
		return fmt.Errorf("the peer does not speak TLS: %w", err)
	case errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error":
		return fmt.Errorf("the peer refuses the certificate %s: is it signed by the authority that the peer trusts, and good for this day? (%w)", c.cfg.CertFile, err)
	}
	return err
}

// identityOf says who a verified certificate is issued for.
func identityOf(chain []*x509.Certificate) *transport.Identity {
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	i := &transport.Identity{Subject: leaf.Subject.String()}
	i.Names = append(i.Names, leaf.DNSNames...)
	for _, u := range leaf.URIs {
		i.Names = append(i.Names, u.String())
	}
	i.Names = append(i.Names, leaf.EmailAddresses...)
	for _, ip := range leaf.IPAddresses {
		i.Names = append(i.Names, ip.String())
	}
	if cn := leaf.Subject.CommonName; cn != "" && !slices.Contains(i.Names, cn) {
		i.Names = append(i.Names, cn)
	}
	return i
}
