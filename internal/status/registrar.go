package status

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	rserpool "github.com/rspool/rspool"
)

// Registrar is what a registrar answers at /status.
type Registrar struct {
	Process
	ID       rserpool.RegistrarID `json:"id"`
	Dialect  string               `json:"dialect"`
	Draining bool                 `json:"draining,omitempty"`
	// ASAPAddress and ENRPAddress are where the endpoints are reached, in the
	// form of transport.Address; empty where there is none.
	ASAPAddress string `json:"asap_address,omitempty"`
	ENRPAddress string `json:"enrp_address,omitempty"`

	// PoolCount and ElementCount are of the whole handlespace, whatever the
	// query; OwnedCount is the elements whose home this registrar is, and
	// Checksum theirs.
	PoolCount    int    `json:"pool_count"`
	ElementCount int    `json:"element_count"`
	OwnedCount   int    `json:"owned_count"`
	Checksum     uint16 `json:"checksum"`
	// Announcing is the number of other registrars heard lately.
	Announcing int `json:"announcing_registrars"`

	Counters RegistrarCounters `json:"counters"`
	// Policies are those that are part of a chain, in order of their names.
	Policies []Policy `json:"policies,omitempty"`
	// Scope is missing where ENRP is disabled.
	Scope *Scope `json:"scope,omitempty"`
	// Configuration and Plugins are those of a process that runs by files.
	Configuration *Configuration `json:"configuration,omitempty"`
	Plugins       []Plugin       `json:"plugins,omitempty"`

	// Pools and their elements are in order of handles and identifiers. Next
	// is where the next page begins, and nil on the last.
	Pools []Pool  `json:"pools"`
	Next  *Cursor `json:"next,omitempty"`
	// Associations are in order of their numbers.
	AssociationCount int           `json:"association_count"`
	Associations     []Association `json:"associations,omitempty"`
}

// RegistrarCounters count since the registrar's start, except where said.
type RegistrarCounters struct {
	Messages []MessageCount `json:"messages"`
	// Errors are the error causes sent, by name of the cause.
	Errors Counts `json:"errors"`
	// Ignored are the messages and datagrams that had no effect, by reason.
	Ignored Counts `json:"ignored"`
	// Registrations are "new", "again" and "refused".
	Registrations Counts `json:"registrations"`
	// Moved are re-registrations over another association, Trimmed are
	// registrations of which addresses were left out that were not the
	// association's.
	Moved   uint64 `json:"moved"`
	Trimmed uint64 `json:"trimmed"`
	// Removals are the elements that left, by reason.
	Removals Counts `json:"removals"`
	// Resolutions are "answered", "unknown" (no such pool) and "empty".
	Resolutions Counts `json:"resolutions"`
	// KeepAlives are "sent" and, among them, "verifying"; "answered" and "silent".
	KeepAlives Counts `json:"keep_alives"`
	// Reports of unreachable elements are "counted", "limited" (too soon after
	// the reporter's last) and "unknown" (no such element).
	Reports Counts `json:"reports"`
	// Aborts are the associations that the registrar ended, by reason.
	Aborts Counts `json:"aborts"`
	// Subscriptions is their number now, SubscriptionsRefused those beyond the
	// limits, and Updates the answers pushed.
	Subscriptions        int    `json:"subscriptions"`
	SubscriptionsRefused uint64 `json:"subscriptions_refused"`
	Updates              uint64 `json:"updates"`
	// Announcements is the number sent.
	Announcements uint64 `json:"announcements"`
	// Steps is how long the machine took for one input, of every sixteenth.
	Steps Histogram `json:"steps"`
}

// Pool is one pool.
type Pool struct {
	Handle string `json:"handle"` // printable, in the form of Handle.String
	// Policy is the one that users are told, Selection the one that decides,
	// where it is another.
	Policy    string `json:"policy"`
	Selection string `json:"selection,omitempty"`
	// Policies are those that the pool may go by, in order, and Shadow the one that
	// is asked for nothing; both are missing where there is nothing but one that is
	// built in.
	Policies     []PoolPolicy `json:"policies,omitempty"`
	Shadow       *PoolPolicy  `json:"shadow,omitempty"`
	Protocol     string       `json:"protocol"`
	Control      bool         `json:"control_channel"`
	ElementCount int          `json:"element_count"` // of the whole pool
	Subscribers  int          `json:"subscribers,omitempty"`
	Elements     []Element    `json:"elements"` // those of the page
}

// Element is one element of a pool.
type Element struct {
	ID        rserpool.ElementID   `json:"id"`
	Home      rserpool.RegistrarID `json:"home"`
	Transport string               `json:"transport"`
	// The values of the policy that the element registered; those that it does
	// not carry are missing. Shares are between 0 and 1, Distance is in
	// milliseconds.
	Weight      *uint32  `json:"weight,omitempty"`
	Priority    *uint32  `json:"priority,omitempty"`
	Load        *float64 `json:"load,omitempty"`
	Degradation *float64 `json:"degradation,omitempty"`
	Distance    *uint32  `json:"distance,omitempty"`

	Association uint64    `json:"association,omitempty"` // zero where this registrar has none
	Registered  time.Time `json:"registered"`            // the first time
	Updated     time.Time `json:"updated"`               // the last time
	Expires     time.Time `json:"expires"`
	Heard       time.Time `json:"heard"` // last registration or answer to a keep-alive
	// Tags are the element's own, and what the configuration adds.
	Tags       map[string]any `json:"tags,omitempty"`
	Reports    int            `json:"reports,omitempty"`
	Selections uint64         `json:"selections"`
	Failures   uint32         `json:"failures,omitempty"` // since it joined
}

// Association is one association with a peer.
type Association struct {
	ID            uint64    `json:"id"`
	Endpoint      string    `json:"endpoint"` // "asap" or "enrp"
	Remote        string    `json:"remote"`
	Since         time.Time `json:"since"`
	Elements      int       `json:"elements"`
	Subscriptions int       `json:"subscriptions"`
	Stalled       bool      `json:"stalled,omitempty"` // its send buffer is full
}

// Collect implements Snapshot.
func (r *Registrar) Collect(ch chan<- prometheus.Metric) {
	r.Process.collect(ch)
	g, c := gauges(ch), counters(ch)
	g(descPools, float64(r.PoolCount))
	g(descElements, float64(r.ElementCount))
	g(descOwned, float64(r.OwnedCount))
	g(descAnnouncing, float64(r.Announcing))
	g(descSubscriptions, float64(r.Counters.Subscriptions))
	collectMessages(ch, r.Counters.Messages)
	for i := range r.Policies {
		r.Policies[i].collect(ch)
	}
	if r.Configuration != nil {
		r.Configuration.collect(ch)
	}
	for i := range r.Plugins {
		r.Plugins[i].collect(ch)
	}
	c.each(descErrors, r.Counters.Errors)
	c.each(descIgnored, r.Counters.Ignored)
	c.each(descRegistrations, r.Counters.Registrations)
	c.one(descMoved, r.Counters.Moved)
	c.one(descTrimmed, r.Counters.Trimmed)
	c.each(descRemovals, r.Counters.Removals)
	c.each(descResolutions, r.Counters.Resolutions)
	c.each(descKeepAlives, r.Counters.KeepAlives)
	c.each(descReports, r.Counters.Reports)
	c.each(descAborts, r.Counters.Aborts)
	c.one(descSubscriptionsRefused, r.Counters.SubscriptionsRefused)
	c.one(descUpdates, r.Counters.Updates)
	c.one(descAnnouncements, r.Counters.Announcements)
	r.Counters.Steps.collect(ch, descSteps)
	if r.Scope != nil {
		r.Scope.collect(ch)
	}
}
