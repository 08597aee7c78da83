package status

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	rserpool "github.com/rspool/rspool"
)

// Scope is how a registrar stands with its peers, the other registrars of its
// operation scope.
type Scope struct {
	// InSync is set once the registrar knows the handlespace: it has it from its
	// mentor, or is alone. Mentor is whom it asks before that.
	InSync bool                  `json:"in_sync"`
	Mentor *rserpool.RegistrarID `json:"mentor,omitempty"`
	// Peers are in order of their identifiers.
	Peers []Peer `json:"peers"`
	// Contacts are the places where registrars are, or should be, and Unanswered
	// those without an association. Calls are the associations that are being
	// opened to elements of which the registrar has become the home.
	Contacts   int `json:"contacts"`
	Unanswered int `json:"contacts_unanswered"`
	Calls      int `json:"calls"`
	// Takeovers are the last ones that were completed, oldest first.
	Takeovers []TakeoverRecord `json:"last_takeovers,omitempty"`

	Counters ScopeCounters `json:"counters"`
}

// Peer is another registrar.
type Peer struct {
	ID rserpool.RegistrarID `json:"id"`
	// State is "active", "unheard" (named by others), "asked" (it was silent or
	// its association was lost) or "inactive" (it is being taken over).
	State string `json:"state"`
	// Address is where it says that it is; empty before it has said so.
	Address     string     `json:"address,omitempty"`
	Association uint64     `json:"association,omitempty"`
	Since       time.Time  `json:"since"`
	Heard       *time.Time `json:"heard,omitempty"`
	// Elements is the number of those whose home it is, and Checksum theirs, as
	// this registrar knows them.
	Elements int    `json:"elements"`
	Checksum uint16 `json:"checksum"`
	// Distance is in milliseconds.
	Distance int64     `json:"distance"`
	Audit    Audit     `json:"audit"`
	Takeover *Takeover `json:"takeover,omitempty"`
}

// Audit is how well a peer's elements are known.
type Audit struct {
	// State is "agrees", "disagrees" (the last checksum was another), "running"
	// or "unknown".
	State string `json:"state"`
	// Agreed is when the checksums agreed last, and Failed the number of
	// resynchronisations in a row that did not help.
	Agreed *time.Time `json:"agreed,omitempty"`
	Failed int        `json:"failed,omitempty"`
}

// Takeover is an arbitration over the elements of a peer.
type Takeover struct {
	By       rserpool.RegistrarID   `json:"by"` // zero between two attempts
	Since    time.Time              `json:"since"`
	Attempts int                    `json:"attempts"`
	Waiting  []rserpool.RegistrarID `json:"waiting_for,omitempty"`
}

// TakeoverRecord is a takeover that was completed.
type TakeoverRecord struct {
	At     time.Time            `json:"at"`
	Target rserpool.RegistrarID `json:"target"`
	By     rserpool.RegistrarID `json:"by"`
	// Elements are those of the target that this registrar knew.
	Elements int `json:"elements"`
	// Seconds is the time from the target's death to the end, where this
	// registrar has taken over.
	Seconds *float64 `json:"seconds,omitempty"`
}

// ScopeCounters count since the registrar's start.
type ScopeCounters struct {
	// Peers are "found" and "lost".
	Peers Counts `json:"peers"`
	// Ignored are the messages of peers that had no effect, by reason.
	Ignored Counts `json:"ignored"`
	// Takeovers are "begun", "won", "yielded", "late" and "revived", all of this
	// registrar's own attempts, and "by-peers". TakenOver is the elements.
	Takeovers Counts `json:"takeovers"`
	TakenOver uint64 `json:"elements_taken_over"`
	// Audits are "disagreements", "resyncs" and, among them, "failed". Mended is
	// the elements that were missing or too many.
	Audits Counts `json:"audits"`
	Mended uint64 `json:"elements_mended"`
	// Claims are elements asked to accept this home: "asked", "accepted" and
	// "failed".
	Claims Counts `json:"claims"`
	// Reasserted is the elements announced anew because a peer was wrong.
	Reasserted uint64 `json:"elements_reasserted"`
	// Suggestions are takeovers suggested: "sent" and "received".
	Suggestions Counts `json:"suggestions"`
	// Heard is presences by multicast.
	Heard uint64 `json:"presences_heard"`
}

func (s *Scope) collect(ch chan<- prometheus.Metric) {
	g, c := gauges(ch), counters(ch)
	inSync := 0.0
	if s.InSync {
		inSync = 1
	}
	g(descInSync, inSync)
	states := map[string]int{"active": 0, "unheard": 0, "asked": 0, "inactive": 0}
	disagree := 0
	for i := range s.Peers {
		states[s.Peers[i].State]++
		if s.Peers[i].Audit.State != "agrees" {
			disagree++
		}
	}
	for _, state := range []string{"active", "unheard", "asked", "inactive"} {
		g(descPeers, float64(states[state]), state)
	}
	g(descPeersDisagree, float64(disagree))
	g(descCalls, float64(s.Calls))
	c.each(descPeerEvents, s.Counters.Peers)
	c.each(descPeerIgnored, s.Counters.Ignored)
	c.each(descTakeovers, s.Counters.Takeovers)
	c.one(descTakenOver, s.Counters.TakenOver)
	c.each(descAudits, s.Counters.Audits)
	c.one(descMended, s.Counters.Mended)
	c.each(descClaims, s.Counters.Claims)
	c.one(descReasserted, s.Counters.Reasserted)
	c.each(descSuggestions, s.Counters.Suggestions)
	c.one(descPresencesHeard, s.Counters.Heard)
}
