package status

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// All metrics of all roles, but for those of policies. Labels have few and fixed
// values: never a handle, an identifier or an address.
var (
	descBuild      = metric("build_info", "Always 1; the labels tell what runs.", "role", "version")
	descStart      = metric("start_time_seconds", "When the process started, in seconds since 1970.")
	descReady      = metric("ready", "Whether /readyz says so.")
	descMessages   = metric("messages_total", "ASAP and ENRP messages, by protocol, type and direction.", "protocol", "type", "direction")
	descTransport  = metric("transport_associations", "Associations that are up.")
	descPacketsIn  = metric("transport_packets_received_total", "SCTP packets received.")
	descPacketsOut = metric("transport_packets_sent_total", "SCTP packets sent.")
	descMalformed  = metric("transport_packets_malformed_total", "Packets that could not be parsed or had a wrong checksum.")
	descBlue       = metric("transport_packets_out_of_the_blue_total", "Packets for no association, those with a forged tag among them.")
	descCookies    = metric("transport_bad_cookies_total", "State cookies that were forged, stale or replayed.")
	descInits      = metric("transport_association_attempts_total", "Attempts of peers to set up an association.")
	descLost       = metric("transport_associations_lost_total", "Associations that ended because the peer was dead, unreachable or aborted.")
	descFull       = metric("transport_messages_refused_total", "Messages not sent because the association's send buffer was full.")
	descDropped    = metric("transport_packets_dropped_total", "Received packets dropped because a queue was full.")
	descTurnedAway = metric("transport_attempts_refused_total", "Attempts of peers refused: limits, strange certificates, garbage, no answer in time.")
	descDoor       = metric("door_associations", "Associations that are up, by what carries them, of processes with several ways to others.", "transport")
	descBuffer     = metric("transport_receive_buffer_bytes", "Socket receive buffer that the system granted.")

	descPools                = metric("pools", "Pools in the handlespace.")
	descElements             = metric("elements", "Elements in the handlespace.")
	descOwned                = metric("elements_owned", "Elements whose home this registrar is.")
	descAnnouncing           = metric("announcing_registrars", "Other registrars whose announcements were heard lately.")
	descSubscriptions        = metric("subscriptions", "Subscriptions of users to updates of a pool.")
	descErrors               = metric("errors_sent_total", "Error causes sent to peers, by cause.", "cause")
	descIgnored              = metric("ignored_total", "Messages and datagrams without effect, by reason.", "reason")
	descRegistrations        = metric("registrations_total", "Registrations: new, again (re-registrations) and refused.", "outcome")
	descMoved                = metric("registrations_moved_total", "Re-registrations over another association than before.")
	descTrimmed              = metric("registrations_trimmed_total", "Registrations of which addresses were left out that were not the association's.")
	descRemovals             = metric("removals_total", "Elements removed, by reason.", "reason")
	descResolutions          = metric("resolutions_total", "Handle resolutions: answered, unknown pool, or empty because no element is eligible.", "outcome")
	descKeepAlives           = metric("keep_alives_total", "Keep-alives: sent, verifying (sent because of a report), answered and silent.", "event")
	descReports              = metric("reports_total", "Reports of unreachable elements: counted, limited (too frequent) and unknown element.", "outcome")
	descAborts               = metric("aborts_total", "Associations that the registrar ended, by reason.", "reason")
	descSubscriptionsRefused = metric("subscriptions_refused_total", "Subscriptions refused because a limit was reached.")
	descUpdates              = metric("updates_pushed_total", "Answers pushed to subscribers.")
	descAnnouncements        = metric("announcements_sent_total", "Server announcements sent.")
	descSteps                = metric("step_duration_seconds", "Time for one input of the state machine; every sixteenth is measured.")

	descInSync         = metric("in_sync", "Whether the registrar knows the handlespace of its peers.")
	descPeers          = metric("peers", "Other registrars, by state: active, unheard, asked and inactive.", "state")
	descPeersDisagree  = metric("peers_disagreeing", "Peers of which the elements are not known to be known.")
	descCalls          = metric("calls", "Associations being opened to elements.")
	descPeerEvents     = metric("peer_events_total", "Peers found and lost.", "event")
	descPeerIgnored    = metric("peer_ignored_total", "Messages of peers without effect, by reason.", "reason")
	descTakeovers      = metric("takeovers_total", "Takeovers: begun, won, yielded, late and revived by this registrar, and those completed by peers.", "outcome")
	descTakenOver      = metric("elements_taken_over_total", "Elements taken over from dead peers.")
	descAudits         = metric("audits_total", "Audits: disagreements (checksums that differ), resyncs, and those that failed.", "event")
	descMended         = metric("elements_mended_total", "Elements that resynchronisations removed.")
	descClaims         = metric("claims_total", "Elements asked to accept this home: asked, accepted and failed.", "event")
	descReasserted     = metric("elements_reasserted_total", "Elements announced anew because a peer was wrong about them.")
	descSuggestions    = metric("suggestions_total", "Takeovers suggested: sent and received.", "direction")
	descPresencesHeard = metric("presences_heard_total", "Presences of peers by multicast.")

	descHostElements      = metric("host_elements", "Elements that this process runs.")
	descHostRegistered    = metric("host_elements_registered", "Elements of this process that are registered.")
	descSessions          = metric("sessions", "Sessions open now, of elements and users together.")
	descSessionsOpened    = metric("sessions_opened_total", "Sessions accepted by elements and dialled by users.", "side")
	descHostRegistrations = metric("host_registrations_total", "Registrations asked for: accepted, refused and unanswered.", "outcome")
	descHostResolutions   = metric("host_resolutions_total", "Resolutions asked for: answered, cached, refused and unanswered.", "outcome")
	descHunts             = metric("hunts_total", "Rounds in search of a registrar: succeeded and failed.", "outcome")
	descFailovers         = metric("failovers_total", "Changes of the element within a session: succeeded and failed.", "outcome")
	descFailoverTime      = metric("failover_seconds_total", "Time that the successful failovers took together.")
	descCookiesUsed       = metric("cookies_total", "State cookies: saved by elements, echoed by users, restored by elements.", "event")
)

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rspool_"+name, help, labels, nil)
}

func (p *Process) collect(ch chan<- prometheus.Metric) {
	g, c := gauges(ch), counters(ch)
	g(descBuild, 1, p.Role, p.Version)
	g(descStart, float64(p.Started.UnixNano())/1e9)
	ready := 0.0
	if p.Ready {
		ready = 1
	}
	g(descReady, ready)
	t := &p.Transport
	g(descTransport, float64(t.Associations))
	g(descBuffer, float64(t.ReceiveBufferSize))
	c.one(descPacketsIn, t.PacketsReceived)
	c.one(descPacketsOut, t.PacketsSent)
	c.one(descMalformed, t.Malformed)
	c.one(descBlue, t.OutOfTheBlue)
	c.one(descCookies, t.BadCookies)
	c.one(descInits, t.Inits)
	c.one(descLost, t.Lost)
	c.one(descFull, t.Backpressure)
	c.one(descDropped, t.ReceiveDropped)
	c.one(descTurnedAway, t.Refused)
	for _, d := range p.Doors {
		g(descDoor, float64(d.Counts.Associations), d.Transport)
	}
}

func collectMessages(ch chan<- prometheus.Metric, counts []MessageCount) {
	for _, m := range counts {
		ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(m.Count), m.Protocol, m.Type, m.Direction)
	}
}

func (h *Histogram) collect(ch chan<- prometheus.Metric, desc *prometheus.Desc) {
	cumulative := make(map[float64]uint64, len(bounds))
	var n uint64
	for i, b := range bounds {
		n += h.buckets[i]
		cumulative[b.Seconds()] = n
	}
	ch <- prometheus.MustNewConstHistogram(desc, n+h.buckets[len(bounds)], h.sum.Seconds(), cumulative)
}

func gauges(ch chan<- prometheus.Metric) func(*prometheus.Desc, float64, ...string) {
	return func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
}

type counters chan<- prometheus.Metric

func (c counters) one(d *prometheus.Desc, v uint64, labels ...string) {
	c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (c counters) each(d *prometheus.Desc, counts Counts) {
	for _, label := range slices.Sorted(maps.Keys(counts)) {
		c <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(counts[label]), label)
	}
}
