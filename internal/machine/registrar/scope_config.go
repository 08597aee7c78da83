package registrar

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// ScopeConfig describes how the registrar shares its operation scope with peers
// (RFC 5353). The zero value means that it is alone. Fields that are zero have
// the defaults said; those of timers are the deployed dialect's and the RFC's.
type ScopeConfig struct {
	// Address is where peers reach the registrar: what its presences say. Without
	// a port there is no ENRP.
	Address transport.Address
	// Peers are the addresses of peers that are known beforehand.
	Peers []transport.Address
	// Multicast lets presences be announced on machine.ENRPGroup, and believed
	// as far as that there is somebody to ask.
	Multicast bool

	// HeartbeatInterval is PEER-HEARTBEAT-CYCLE, spread by an eighth to either
	// side: 2.5 s, 30 s.
	HeartbeatInterval time.Duration
	// MaxTimeLastHeard is how long a peer may be silent before it is asked: 5 s, 61 s.
	MaxTimeLastHeard time.Duration
	// MaxTimeNoResponse is how long it may take to answer: 5 s.
	MaxTimeNoResponse time.Duration
	// MentorTimeout is how long a mentor is waited for at the start: 5 s.
	MentorTimeout time.Duration
	// TakeoverTimeout is how long a takeover may take before it begins again: 5 s.
	TakeoverTimeout time.Duration
	// HandoverTimeout is how long Drain waits for peers to take over the elements:
	// 5 s; negative: it does not.
	HandoverTimeout time.Duration

	// Suggest asks for each element the peer whose identifier suits it best to
	// take it over, which spreads the elements over the registrars
	// (draft-dreibholz-rserpool-enrp-takeover).
	Suggest bool
	// DistanceStep is what distances are rounded to: 50 ms; negative: they are
	// not measured.
	DistanceStep time.Duration
	// MaxPeers bounds the peers: 128.
	MaxPeers int
	// TablePart bounds the bytes of one part of a handle table, unless a single
	// element is larger: 1300, since deployed registrars keep to a packet too.
	TablePart int
}

func (c ScopeConfig) withDefaults(d rserpool.Dialect) ScopeConfig {
	duration := func(v *time.Duration, deployed, rfc time.Duration) {
		if *v != 0 {
			return
		}
		*v = deployed
		if d == rserpool.RFC {
			*v = rfc
		}
	}
	duration(&c.HeartbeatInterval, 2500*time.Millisecond, 30*time.Second)
	duration(&c.MaxTimeLastHeard, 5*time.Second, 61*time.Second)
	duration(&c.MaxTimeNoResponse, 5*time.Second, 5*time.Second)
	duration(&c.MentorTimeout, 5*time.Second, 5*time.Second)
	duration(&c.TakeoverTimeout, 5*time.Second, 5*time.Second)
	duration(&c.HandoverTimeout, 5*time.Second, 5*time.Second)
	duration(&c.DistanceStep, 50*time.Millisecond, 50*time.Millisecond)
	if c.MaxPeers == 0 {
		c.MaxPeers = 128
	}
	if c.TablePart == 0 {
		c.TablePart = 1300
	}
	return c
}
