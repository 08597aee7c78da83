package status

import (
	"github.com/prometheus/client_golang/prometheus"
	rserpool "github.com/rspool/rspool"
)

// Host is what a process with elements or users answers at /status.
type Host struct {
	Process
	// RegistrarAddress is the home registrar's, in the form of
	// transport.Address; empty while there is none.
	RegistrarAddress string               `json:"registrar_address,omitempty"`
	RegistrarID      rserpool.RegistrarID `json:"registrar_id,omitempty"`
	Elements         []HostElement        `json:"elements,omitempty"`
	// Sessions is the number open now, of elements and users together.
	Sessions int `json:"sessions"`
	// Used are the elements that the users' sessions have now, as far as the query's limit
	// goes.
	Used     []rserpool.ElementID `json:"used,omitempty"`
	Counters HostCounters         `json:"counters"`
}

// HostElement is one of the process's own elements.
type HostElement struct {
	Handle     string             `json:"handle"` // printable, in the form of Handle.String
	ID         rserpool.ElementID `json:"id"`
	Policy     string             `json:"policy"`
	Load       *float64           `json:"load,omitempty"` // share, where the policy has one
	Registered bool               `json:"registered"`
	Sessions   int                `json:"sessions"`
	// Address is where users reach the element; empty where the program serves it by
	// other means.
	Address string `json:"address,omitempty"`
}

// HostCounters count since the process's start.
type HostCounters struct {
	Messages []MessageCount `json:"messages"`
	// Registrations are "accepted", "refused" and "unanswered".
	Registrations Counts `json:"registrations"`
	// Resolutions are "answered", "cached", "refused" and "unanswered".
	Resolutions Counts `json:"resolutions"`
	// Hunts are "succeeded" and "failed" rounds in search of a registrar.
	Hunts Counts `json:"hunts"`
	// SessionsOpened are "accepted" by elements and "dialled" by users.
	SessionsOpened Counts `json:"sessions_opened"`
	// Failovers are "succeeded" and "failed"; FailoverTime is the time that
	// those that succeeded took together, in seconds.
	Failovers    Counts  `json:"failovers"`
	FailoverTime float64 `json:"failover_seconds"`
	// Cookies are "saved", "echoed" and "restored".
	Cookies Counts `json:"cookies"`
	Ignored Counts `json:"ignored"`
}

// Collect implements Snapshot.
func (h *Host) Collect(ch chan<- prometheus.Metric) {
	h.Process.collect(ch)
	g, c := gauges(ch), counters(ch)
	g(descHostElements, float64(len(h.Elements)))
	registered := 0
	for _, e := range h.Elements {
		if e.Registered {
			registered++
		}
	}
	g(descHostRegistered, float64(registered))
	g(descSessions, float64(h.Sessions))
	collectMessages(ch, h.Counters.Messages)
	c.each(descHostRegistrations, h.Counters.Registrations)
	c.each(descHostResolutions, h.Counters.Resolutions)
	c.each(descHunts, h.Counters.Hunts)
	c.each(descSessionsOpened, h.Counters.SessionsOpened)
	c.each(descFailovers, h.Counters.Failovers)
	ch <- prometheus.MustNewConstMetric(descFailoverTime, prometheus.CounterValue, h.Counters.FailoverTime)
	c.each(descCookiesUsed, h.Counters.Cookies)
	c.each(descIgnored, h.Counters.Ignored)
}
