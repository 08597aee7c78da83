package registrar

import (
	"log/slog"
	"net/netip"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/transport"
)

// Config describes a registrar. The zero value works: it listens on all
// addresses, at the assigned ports, over the SCTP of the kernel or the embedded one.
type Config struct {
	// ID identifies the registrar in its operation scope. If zero, a random
	// one is drawn.
	ID rserpool.RegistrarID
	// Dialect decides where RFCs and deployed peers differ. If zero, Deployed.
	Dialect rserpool.Dialect
	// Door is the transport to use. If nil, New opens one by Mode at Listen and
	// UDPPort, and closes it at the end.
	Door transport.Door
	// Mode says whose SCTP it is: "kernel", "udp" for the embedded one over UDP,
	// "both" at once, or "auto": the kernel's where it has one and no UDP port is
	// given here or with a peer, else the embedded one. If empty, auto.
	Mode string
	// Listen is the IP address to bind, or several with commas between them for the
	// kernel's SCTP, which are used at once. If empty, all.
	Listen string
	// ASAPPort and ENRPPort are SCTP ports, for elements and users and for other
	// registrars. If zero, 3863 and 9901; if negative, any free port.
	ASAPPort, ENRPPort int
	// UDPPort encapsulates the embedded SCTP. If zero, 9899; if negative, any free port.
	UDPPort int
	// HeartbeatInterval is how long a peer may be silent before it is asked
	// whether it lives, and HeartbeatRetries how often it is asked again before it
	// is given up (HB.interval and Association.Max.Retrans of RFC 9260). If zero,
	// 5 s and 3. They apply to the door that is opened here.
	HeartbeatInterval time.Duration
	HeartbeatRetries  int
	// TCP and TLS let elements and users in where nothing else passes a firewall.
	TCP TCPConfig
	TLS TLSConfig
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger

	// MaxHandleLength is the longest pool handle accepted, in bytes. If zero,
	// 32: deployed peers abort on longer ones.
	MaxHandleLength int
	// MaxPools, MaxPoolElements and MaxElements bound the handlespace. If
	// zero, 100,000, 100,000 and 1,000,000.
	MaxPools, MaxPoolElements, MaxElements int
	// MaxAssociations bounds the associations of peers. If zero, 50,000.
	MaxAssociations int

	// MaxItems is the number of elements in an answer where the user did not
	// ask for a number. If zero, 3.
	MaxItems int
	// MaxIncrement is the number of leading elements of an answer that count
	// as selected. If zero, the policy's own: one, or none for the random
	// policies.
	MaxIncrement int

	// KeepAliveInterval is the mean time between keep-alives to an element,
	// spread by 50 % to either side (RFC 5352, Section 3.5). If zero, 5 s.
	KeepAliveInterval time.Duration
	// KeepAliveTimeout is how long an element may take to answer one. If zero, 5 s.
	KeepAliveTimeout time.Duration
	// MaxBadReports is how many unreachability reports an element survives if
	// it answers keep-alives (MAX-BAD-PE-REPORT, RFC 5352, Section 3.5); one
	// more removes it. A re-registration clears them. If zero, 3.
	MaxBadReports int
	// ReportInterval is the least time between two counted reports of one
	// reporter on one element, and between two verification keep-alives to one
	// element. If zero, 1 s.
	ReportInterval time.Duration
	// MinLife and MaxLife bound the registration life granted. If zero, 1 s
	// and 24 h; a life of zero in a registration is granted DefaultLife, if
	// zero 15 min.
	MinLife, MaxLife, DefaultLife time.Duration

	// Announce makes the registrar known by multicast.
	Announce AnnounceConfig
	// ENRP describes how it gets along with other registrars.
	ENRP ENRPConfig

	// Policies are the selection policies that Pools may name. If nil, the
	// built-in ones.
	Policies *engine.Registry
	// Pools configures pools by handle; the most specific pattern applies.
	Pools []PoolConfig
}

// TCPConfig describes the door over TCP, beside that of SCTP.
type TCPConfig struct {
	// Enabled opens the door.
	Enabled bool
	// Port is where it listens. If zero, 3863; if negative, any free port.
	Port int
}

// TLSConfig describes the door over TLS 1.3, at which both sides show certificates.
// The files are in PEM, and are read again when they change.
type TLSConfig struct {
	// Enabled opens the door.
	Enabled bool
	// Port is where it listens. If zero, 3864; if negative, any free port.
	Port int
	// CertFile has the registrar's certificate, with those between it and the
	// authority's behind it, KeyFile its private key, and CAFile the certificates
	// of the authorities that sign those of elements and users.
	CertFile, KeyFile, CAFile string
}

// PoolConfig configures the pools whose handles match a pattern.
type PoolConfig struct {
	// Pattern is a handle, in which * stands for any bytes and ? for one. The
	// handle itself comes first; of several patterns that match, the one with the
	// longest literal prefix applies, then the longest.
	Pattern string
	// Policy names the selection policy. If empty, the one that the pool's
	// first element registers.
	Policy string
	// Fallback names the policies that follow it where it fails, in this order.
	// Behind them comes round robin unless the last one is built in.
	Fallback []string
	// WhenNone says what happens to a request for which nobody is eligible.
	WhenNone engine.WhenNone
	// Breaker says when the next policy takes over, and for how long.
	Breaker engine.Breaker
	// Shadow names a policy that is asked about a share of the selections as well,
	// from 0 to 1, without its answers being used; differing ones are counted. If
	// empty, there is none.
	Shadow       string
	ShadowSample float64
	// WirePolicy is the policy type that elements must register and that
	// users are told. If zero, that of the pool's first element.
	WirePolicy rserpool.PolicyType
	// MaxItems, MaxIncrement and MaxElements override those of Config where
	// they are not zero.
	MaxItems, MaxIncrement, MaxElements int
	// Allow are patterns, in which * and ? stand for any bytes, of names in the
	// certificates of those who may register elements: DNS names, URIs, e-mail and
	// IP addresses and common names. All others are refused, and whoever came
	// without a certificate. If empty, everybody may.
	Allow []string
	// Tags are given to elements by their addresses, for policies to go by, and
	// Requests are attributes of requests by the user's address. Of prefixes that
	// hold an address all apply, longer ones win, and all win over what elements
	// and users say themselves. Tags are strings, float64 or bool.
	Tags     map[netip.Prefix]rserpool.Tags
	Requests map[netip.Prefix]map[string]string
}

// AnnounceConfig describes server announcements (RFC 5352, Section 3.6).
type AnnounceConfig struct {
	// Disabled turns announcements off.
	Disabled bool
	// Group is the multicast group and UDP port. If empty, 239.0.0.50:3863.
	Group string
	// Interface is the network interface to announce on. If empty, the system's choice.
	Interface string
	// Interval is T6-Serverannounce, times the number of announcing
	// registrars. If zero, 1 s.
	Interval time.Duration
	// TTL is the multicast time to live. If zero, 30.
	TTL int
}
