package config

import (
	"fmt"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

func (r *Registrar) enrpBlock() block {
	e := &r.ENRP
	heartbeat, silence := `"2.5s"`, `"5s"`
	if r.Dialect == rserpool.RFC {
		heartbeat, silence = `"30s"`, `"1m1s"`
	}
	return block{
		name: "enrp",
		doc:  "The protocol between registrars: any of them may die, and another one takes its elements over.",
		fields: []field{
			{name: "enabled", def: "true", doc: "Whether there may be other registrars.", value: negated(&e.Disabled)},
			{name: "port", def: "9901", doc: "The SCTP port, or \"any\" for a free one.", value: port(&r.ENRPPort, -1)},
			{name: "peers", example: `["192.0.2.2:9901"]`, doc: "Other registrars, as IP:PORT or IP:PORT@UDPPORT; one that runs names the others. If absent, they are found by multicast.",
				value: list("list of addresses", 128, &e.Peers, parsePeer)},
			{name: "heartbeat", def: heartbeat, doc: "PEER-HEARTBEAT-CYCLE: time between two presences; 30s in the RFC dialect.", value: duration(&e.HeartbeatInterval, 10*time.Millisecond, longest)},
			{name: "max_time_last_heard", def: silence, doc: "MAX-TIME-LAST-HEARD: how long a peer may be silent before it is asked whether it lives; 1m1s in the RFC dialect.", value: duration(&e.MaxTimeLastHeard, 10*time.Millisecond, longest)},
			{name: "max_time_no_response", def: `"5s"`, doc: "MAX-TIME-NO-RESPONSE: how long it may take to answer.", value: duration(&e.MaxTimeNoResponse, 10*time.Millisecond, longest)},
			{name: "mentor_timeout", def: `"5s"`, doc: "How long a registrar that starts waits for one to learn the handlespace from.", value: duration(&e.MentorTimeout, 10*time.Millisecond, longest)},
			{name: "takeover_timeout", def: `"5s"`, doc: "How long registrars may take to agree on a takeover before it is tried again.", value: duration(&e.TakeoverTimeout, 10*time.Millisecond, longest)},
			{name: "handover_timeout", def: `"5s"`, doc: "How long a registrar that ends waits for the others to take over its elements.", value: duration(&e.HandoverTimeout, shortest, longest)},
			{name: "suggestion", def: "false", doc: "Spreads the elements over the registrars: each is handed to the one whose identifier suits it best.", value: boolean(&e.Suggest)},
			{name: "distance_step", def: `"50ms"`, doc: "What measured distances are rounded to, for policies that heed them.", value: duration(&e.DistanceStep, shortest, time.Minute)},
			{name: "max_peers", def: "128", doc: "Other registrars, at most.", value: integer(&e.MaxPeers, 1, 10_000)},
		},
		blocks: []block{{
			name: "announce",
			doc:  "How registrars find each other by multicast. The announce block of the registrar can turn it off, too.",
			fields: []field{
				{name: "enabled", def: "true", doc: "Whether they do.", value: negated(&e.Announce.Disabled)},
				{name: "group", def: `"239.0.0.51:9901"`, doc: "Multicast group and UDP port.", value: group(&e.Announce.Group)},
				{name: "interface", example: `"eth0"`, doc: "The network interface. If absent, that of the registrar's announcements.", value: name(&e.Announce.Interface)},
				{name: "ttl", example: "30", doc: "Multicast time to live. If absent, that of the registrar's announcements.", value: integer(&e.Announce.TTL, 1, 255)},
			},
		}},
		check: func() (string, string) {
			beat, silence := 2500*time.Millisecond, 5*time.Second
			if r.Dialect == rserpool.RFC {
				beat, silence = 30*time.Second, 61*time.Second
			}
			beat, silence = or(e.HeartbeatInterval, beat), or(e.MaxTimeLastHeard, silence)
			if silence <= beat {
				return either("max_time_last_heard", e.MaxTimeLastHeard, "heartbeat"),
					fmt.Sprintf("Peers are asked after %s of silence although they speak only every %s. Make max_time_last_heard twice the heartbeat.", formatDuration(silence), formatDuration(beat))
			}
			return "", ""
		},
	}
}

func parsePeer(s string) (string, error) {
	a, err := transport.ParseAddress(s)
	if err != nil {
		return "", err
	}
	switch {
	case a.Via != transport.SCTP:
		return "", fmt.Errorf("address %s: registrars speak to each other over SCTP alone; leave %s:// out", quote(s), a.Via)
	case a.Port == 0:
		return "", fmt.Errorf("address %s: the port is 0; registrars have 9901 for each other", quote(s))
	}
	return a.String(), nil
}
