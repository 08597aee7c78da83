package pool

import (
	"log/slog"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/transport"
)

// HostConfig describes a Host: a process's door to the pools, shared by its
// elements and sessions. The zero value works: registrars are found by
// announcements.
type HostConfig struct {
	// Registrars are tried in this order, as HOST:PORT or HOST:PORT@UDPPORT
	// (the UDP port where SCTP is encapsulated, if not 9899), or over TCP and
	// TLS as tcp://HOST:PORT and tls://HOST:PORT. If empty, announcements are
	// listened for.
	Registrars []string
	// Dialect decides where RFCs and deployed peers differ. If zero, Deployed.
	Dialect rserpool.Dialect
	// Door is the transport to use. If nil, NewHost opens one by Mode at Listen
	// and UDPPort, and closes it at the end.
	Door transport.Door
	// Mode says whose SCTP it is: "kernel", "udp" for the embedded one over UDP,
	// "both" at once, or "auto": the kernel's where it has one and no UDP port is
	// given here or with a registrar, else the embedded one. If empty, auto.
	Mode string
	// Listen is the IP address to bind, and that elements register, or several with
	// commas between them for the kernel's SCTP, which are used at once. If empty,
	// all.
	Listen string
	// UDPPort encapsulates the embedded SCTP. If zero, any free port.
	UDPPort int
	// HeartbeatInterval is how long a peer may be silent before it is asked
	// whether it lives, and HeartbeatRetries how often it is asked again before it
	// is given up (HB.interval and Association.Max.Retrans of RFC 9260). If zero,
	// 5 s and 3. They apply to the door that is opened here.
	HeartbeatInterval time.Duration
	HeartbeatRetries  int
	// TLS is what is shown to registrars that are given as tls://HOST:PORT.
	TLS TLSConfig
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
	// MaxHandleLength is the longest pool handle accepted, in bytes. If zero, 32.
	MaxHandleLength int

	// Announcements listens to multicast announcements even where Registrars
	// are given. AnnounceGroup is the group and UDP port; if empty,
	// 239.0.0.50:3863. AnnounceInterface is the network interface; if empty,
	// the system's choice.
	Announcements     bool
	AnnounceGroup     string
	AnnounceInterface string

	// RequestTimeout is T1-ENRPrequest: how long a registrar may take to answer
	// a resolution. If zero, 15 s in the RFC dialect and 3 s in the deployed one.
	RequestTimeout time.Duration
	// MaxRequestRetransmit is MAX-REQUEST-RETRANSMIT. If zero, 2.
	MaxRequestRetransmit int
	// HuntTimeout is T5-Serverhunt, the time for one round over at most three
	// registrars, doubled up to HuntMaxTimeout (RETRAN-MAX). If zero, 10 s and 60 s.
	HuntTimeout, HuntMaxTimeout time.Duration
	// AnnounceTimeout is T7-ENRPoutdate: how long an announced registrar is
	// remembered. If zero, 5 s.
	AnnounceTimeout time.Duration
}

// TLSConfig says who a host is, and who is trusted. The files are in PEM, and are
// read again when they change.
type TLSConfig struct {
	// CertFile has the host's certificate, with those between it and the
	// authority's behind it, KeyFile its private key, and CAFile the certificates
	// of the authorities that sign those of registrars.
	CertFile, KeyFile, CAFile string
	// ServerName is what a registrar's certificate must be issued for. If empty,
	// the name or IP address by which the registrar is given.
	ServerName string
}

// ElementConfig describes an element (RFC 5352, Section 3.1).
type ElementConfig struct {
	// Host is the process's door. If nil, Listen makes one of HostConfig and
	// closes it with the element.
	Host       *Host
	HostConfig HostConfig

	// ID identifies the element in its pool. If zero, a random one is drawn.
	ID rserpool.ElementID
	// Policy is what the element registers: the pool's policy and the
	// element's own values. If zero, round robin.
	Policy rserpool.Policy
	// Tags are what the element says of itself beyond that, for selection policies
	// written for this module: each a string, a float64 or a bool. Other peers skip
	// them. See rserpool.Tags.Check for their bounds.
	Tags rserpool.Tags
	// Protocol is SCTP or TCP, of which the latter is for users behind firewalls.
	// Over TCP, messages are framed so that sessions are as over SCTP; with
	// DataOnly, the service is a plain byte stream, as other programs speak it. If
	// zero, SCTP.
	Protocol rserpool.Protocol
	// Port is the SCTP or TCP port of the service. If zero, any free port.
	Port uint16
	// DataOnly registers a transport without control channel: no cookies and
	// no business cards.
	DataOnly bool
	// Transport replaces the registered user transport: for a service that
	// the program runs itself, by TCP, UDP or another protocol. If nil, the
	// element's own SCTP endpoint is registered.
	Transport *rserpool.Transport

	// Life is the registration life asked for. If zero, 15 min in the RFC
	// dialect and three times Reregister in the deployed one.
	Life time.Duration
	// Reregister is T4-reregistration. If zero, Life less 20 s, or a third of
	// Life if that is more, but 10 min at most; where Life is zero too, 30 s in
	// the deployed dialect and 10 min in the RFC's.
	Reregister time.Duration
	// RegisterTimeout is T2-registration, DeregisterTimeout is
	// T3-deregistration. If zero, 30 s.
	RegisterTimeout, DeregisterTimeout time.Duration
	// MaxRegisterAttempts is MAX-REG-ATTEMPT: how many registrars may leave a
	// registration unanswered before Listen fails. If zero, 2. While no
	// registrar is found at all, Listen waits for one as long as its context
	// lasts, and an element that was registered once never gives up.
	MaxRegisterAttempts int
	// LoadInterval is the least time between two re-registrations for a changed
	// load; changes in between are coalesced. If zero, 100 ms.
	LoadInterval time.Duration
	// Backlog is the number of sessions that may wait for Accept. If zero, 128.
	Backlog int
	// CookieKey signs the cookies that sessions save, so that users can read
	// them but not make them up: a cookie echo without the key's signature ends
	// the session. All elements of the pool need the same key, of 16 bytes or
	// more. Users may echo an old cookie, and may echo one twice. If empty,
	// cookies are neither signed nor checked, as with deployed peers (RFC 5352,
	// Section 3.8).
	CookieKey []byte
	// BusinessCard is sent to each new user: the preferred order of failover
	// (RFC 5352, Section 3.9).
	BusinessCard []rserpool.Element
}

// UserConfig describes a pool user.
type UserConfig struct {
	// Host is the process's door. If nil, Dial makes one of HostConfig and
	// closes it with the session.
	Host       *Host
	HostConfig HostConfig

	// Items is the number of elements asked for in a resolution (handle
	// resolution option). If zero, 1 without a cache and the registrar's
	// choice with one.
	Items uint32
	// CacheTime is stale_cache_value: how long an answer serves further
	// requests, chosen among by the pool's policy. If zero, answers are not
	// cached.
	CacheTime time.Duration
	// Subscribe asks for pushed updates of cached pools (S bit).
	Subscribe bool
	// Policy says how elements are chosen from the cache, which then asks for the
	// whole pool (as far as a registrar tells it: 128 elements of most). If nil, by
	// the pool's policy. Sessions that share a host and this value share what the
	// policy keeps. It needs a CacheTime, and is not to be changed.
	Policy *engine.ChainConfig
	// Attributes are what the user says of its requests, for selection policies
	// written for this module. Other registrars skip them. There may be 32, with
	// names of up to 64 bytes and values of up to 256, and 1 KiB in all.
	Attributes map[string]string

	// ConnectTimeout is how long an element may take to accept an
	// association. If zero, 7.5 s.
	ConnectTimeout time.Duration
	// FailoverTimeout is how long a session looks for a new element before it
	// fails. If zero, 60 s; if negative, it never gives up.
	FailoverTimeout time.Duration
	// FailoverDelay is the wait before the next attempt when no element was
	// found. If zero, 250 ms.
	FailoverDelay time.Duration
	// NoFailover ends the session with its element.
	NoFailover bool
}
