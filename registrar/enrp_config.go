package registrar

import "time"

// ENRPConfig describes how the registrar shares its operation scope with other
// registrars, its peers (RFC 5353). Any of them may die: another one takes its
// elements over.
type ENRPConfig struct {
	// Disabled leaves the registrar alone: its ENRP port is not opened.
	Disabled bool
	// Peers are the addresses of other registrars, as IP:PORT or IP:PORT@UDPPORT.
	// One of them suffices, since it names the others; its own address does no
	// harm. If empty, peers are found by multicast alone.
	Peers []string

	// HeartbeatInterval is the mean time between two presences
	// (PEER-HEARTBEAT-CYCLE). If zero, 2.5 s, or 30 s in the RFC's dialect.
	HeartbeatInterval time.Duration
	// MaxTimeLastHeard is how long a peer may be silent before it is asked whether
	// it lives. If zero, 5 s, or 61 s in the RFC's dialect. A peer whose
	// association ends is asked at once.
	MaxTimeLastHeard time.Duration
	// MaxTimeNoResponse is how long it may take to answer. If zero, 5 s.
	MaxTimeNoResponse time.Duration
	// MentorTimeout is how long a registrar that starts waits for a peer to learn
	// the handlespace from. If zero, 5 s.
	MentorTimeout time.Duration
	// TakeoverTimeout is how long peers may take to agree on who takes over,
	// before it is tried again. If zero, 5 s.
	TakeoverTimeout time.Duration
	// HandoverTimeout is how long a registrar that ends waits for its peers to
	// take over its elements. If zero, 5 s; if negative, it does not.
	HandoverTimeout time.Duration
	// Suggest spreads the elements over the registrars: each is handed to the one
	// whose identifier suits it best (draft-dreibholz-rserpool-enrp-takeover).
	Suggest bool
	// DistanceStep is what measured distances are rounded to, for policies that
	// heed them. If zero, 50 ms; if negative, nothing is measured.
	DistanceStep time.Duration
	// MaxPeers bounds the peers. If zero, 128.
	MaxPeers int

	// Announce lets registrars find each other by multicast.
	Announce PresenceConfig
}

// PresenceConfig describes presences by multicast. AnnounceConfig.Disabled turns
// them off too.
type PresenceConfig struct {
	// Disabled turns them off.
	Disabled bool
	// Group is the multicast group and UDP port. If empty, 239.0.0.51:9901.
	Group string
	// Interface is the network interface. If empty, that of AnnounceConfig.
	Interface string
	// TTL is the multicast time to live. If zero, that of AnnounceConfig.
	TTL int
}
