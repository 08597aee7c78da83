package registrar

import (
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/transport"
)

// Config describes a registrar. Fields that are zero have the defaults said.
type Config struct {
	// ID identifies the registrar. Required.
	ID rserpool.RegistrarID
	// Dialect decides where RFCs and deployed peers differ.
	Dialect rserpool.Dialect
	// Rand spreads keep-alives and decides for random policies. Required.
	Rand *rand.Rand
	// ASAPAddress is announced with the identifier, where it has IP addresses.
	// Without any, peers take the source of the announcement.
	ASAPAddress transport.Address

	MaxHandleLength int // bytes; 32
	MaxPools        int // 100,000
	MaxPoolElements int // of one pool; 100,000
	MaxElements     int // 1,000,000
	MaxAssociations int // 50,000
	// MaxSubscriptions bounds them in total (100,000), MaxPeerSubscriptions
	// those of one association (64).
	MaxSubscriptions, MaxPeerSubscriptions int

	MaxItems int // elements of an answer, unless the user asks otherwise; 3

	KeepAliveInterval time.Duration // mean; 5 s
	KeepAliveTimeout  time.Duration // 5 s
	MaxBadReports     int           // MAX-BAD-PE-REPORT: what an element survives; 3
	ReportInterval    time.Duration // between counted reports, and verifications; 1 s
	UpdateInterval    time.Duration // between pushed updates of a pool; 100 ms
	StallTimeout      time.Duration // for a peer whose queue is full; 5 s
	IdleTimeout       time.Duration // for a peer without registrations; 5 min, negative: never

	MinLife, MaxLife, DefaultLife time.Duration // 1 s, 24 h, 15 min

	// AnnounceInterval is T6-Serverannounce; negative: no announcements. 1 s.
	AnnounceInterval time.Duration

	// Scope describes the peers.
	Scope ScopeConfig

	// Policies are the selection policies by wire type. Required.
	Policies *engine.Registry
	// Pool returns the options of a pool whose first element registers, which
	// pools may share. If nil, or if it returns nil, a pool has none.
	Pool func(rserpool.Handle) *handlespace.Options
	// Admit reports whether somebody who has proved the identity, nil for none, may
	// register elements of a pool. If nil, everybody may.
	Admit func(rserpool.Handle, *transport.Identity) bool
	// Run hands the machine a Call as soon as possible, for policies that hear of
	// something outside. It may be called from any goroutine, but not within a
	// Step. If nil, no policy may do so.
	Run func(*Call)
}

// Defaults returns the configuration that holds where nothing is set.
func Defaults(d rserpool.Dialect) Config { return Config{Dialect: d}.withDefaults() }

func (c Config) withDefaults() Config {
	number := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	number(&c.MaxHandleLength, rserpool.DeployedHandleLen)
	number(&c.MaxPools, 100_000)
	number(&c.MaxPoolElements, 100_000)
	number(&c.MaxElements, 1_000_000)
	number(&c.MaxAssociations, 50_000)
	number(&c.MaxSubscriptions, 100_000)
	number(&c.MaxPeerSubscriptions, 64)
	number(&c.MaxItems, 3)
	number(&c.MaxBadReports, 3)
	duration(&c.KeepAliveInterval, 5*time.Second)
	duration(&c.KeepAliveTimeout, 5*time.Second)
	duration(&c.ReportInterval, time.Second)
	duration(&c.UpdateInterval, 100*time.Millisecond)
	duration(&c.StallTimeout, 5*time.Second)
	duration(&c.IdleTimeout, 5*time.Minute)
	duration(&c.MinLife, time.Second)
	duration(&c.MaxLife, 24*time.Hour)
	duration(&c.DefaultLife, 15*time.Minute)
	duration(&c.AnnounceInterval, time.Second)
	c.Scope = c.Scope.withDefaults(c.Dialect)
	return c
}
