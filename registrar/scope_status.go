package registrar

import (
	"strings"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
)

// scopeOf returns how the registrar stands with its peers, nil without ENRP.
func scopeOf(m *role.Machine) *status.Scope {
	now := m.Scope()
	if !now.Enabled {
		return nil
	}
	s := &status.Scope{
		InSync: now.InSync, Peers: []status.Peer{},
		Contacts: now.Contacts, Unanswered: now.Unanswered, Calls: now.Calls,
		Counters: scopeCountersOf(m.Counters().Scope),
	}
	if now.Mentor != 0 {
		s.Mentor = &now.Mentor
	}
	for i := range now.Peers {
		s.Peers = append(s.Peers, peerOf(&now.Peers[i]))
	}
	for _, t := range now.Takeovers {
		r := status.TakeoverRecord{At: t.At, Target: t.Target, By: t.By, Elements: t.Elements}
		if t.By == m.ID() {
			seconds := t.Took.Seconds()
			r.Seconds = &seconds
		}
		s.Takeovers = append(s.Takeovers, r)
	}
	return s
}

func peerOf(p *role.PeerRegistrar) status.Peer {
	s := status.Peer{
		ID: p.ID, State: p.State.String(), Association: uint64(p.Association), Since: p.Since,
		Elements: p.Elements, Checksum: p.Audit.Checksum, Distance: p.Distance.Milliseconds(),
		Audit: status.Audit{State: "agrees", Failed: p.Audit.Failed},
	}
	if t := p.Server; len(t.Addresses) > 0 {
		s.Address = transport.Address{IPs: t.Addresses, Port: t.Port, UDPPort: t.UDPPort}.String()
	}
	if !p.Heard.IsZero() {
		s.Heard = &p.Heard
	}
	switch a := p.Audit; {
	case a.Running:
		s.Audit.State = "running"
	case a.Disagrees || a.Failed > 0:
		s.Audit.State = "disagrees"
	case a.Agreed.IsZero():
		s.Audit.State = "unknown"
	}
	if !p.Audit.Agreed.IsZero() {
		s.Audit.Agreed = &p.Audit.Agreed
	}
	if t := p.Takeover; t != nil {
		s.Takeover = &status.Takeover{By: t.By, Since: t.Since, Attempts: t.Attempts, Waiting: t.Waiting}
	}
	return s
}

func scopeCountersOf(c role.ScopeCounters) status.ScopeCounters {
	return status.ScopeCounters{
		Peers:   status.Counts{"found": c.PeersJoined, "lost": c.PeersLost},
		Ignored: named(role.PeerIgnoredNames, c.Ignored[:]),
		Takeovers: status.Counts{
			"begun": c.TakeoversBegun, "won": c.TakeoversWon, "yielded": c.TakeoversYielded,
			"late": c.TakeoversLate, "revived": c.TakeoversRevived, "by-peers": c.TakeoversByPeers,
		},
		TakenOver:   c.TakenOver,
		Audits:      status.Counts{"disagreements": c.Disagreements, "resyncs": c.Resyncs, "failed": c.ResyncsFailed},
		Mended:      c.Mended,
		Claims:      status.Counts{"asked": c.Claims, "accepted": c.ClaimsAccepted, "failed": c.ClaimsFailed},
		Reasserted:  c.Reasserted,
		Suggestions: status.Counts{"sent": c.Suggested, "received": c.SuggestionsHeard},
		Heard:       c.Heard,
	}
}

// messagesOf returns the counts of both protocols' messages that are not zero.
func messagesOf(c *role.Counters) []status.MessageCount {
	var list []status.MessageCount
	add := func(protocol string, received, sent *[16]uint64, name func(int) string) {
		for t := range received {
			text := "unrecognized"
			if t > 0 {
				text = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name(t), strings.ToUpper(protocol)+"_"), "_", "-"))
			}
			for _, d := range []struct {
				direction string
				n         uint64
			}{{"received", received[t]}, {"sent", sent[t]}} {
				if d.n > 0 {
					list = append(list, status.MessageCount{Protocol: protocol, Type: text, Direction: d.direction, Count: d.n})
				}
			}
		}
	}
	add("asap", &c.Received, &c.Sent, func(t int) string { return asap.Type(t).String() })
	add("enrp", &c.Scope.Received, &c.Scope.Sent, func(t int) string { return enrp.Type(t).String() })
	return list
}
