// Package status shows what a daemon is doing: metrics for Prometheus, health
// and readiness for supervisors, and a JSON snapshot for people and commands,
// all from one HTTP server. It also declares the shape of those snapshots and
// the name of every metric.
//
// It does not know how a registrar, an element or a user works: each hands over
// a snapshot when asked and is not touched otherwise.
package status

import (
	"encoding/json"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rspool/rspool/internal/transport"
)

// Source is what a Server shows. Its methods may be called at once.
type Source interface {
	// Ready returns nil where the source serves, else why it does not.
	Ready() error
	// Status returns a snapshot that nobody changes any more.
	Status(q Query) Snapshot
}

// Snapshot is the state of a daemon at one moment. It is written as JSON at
// /status, and its Collect gives the same figures to /metrics.
type Snapshot interface {
	Collect(ch chan<- prometheus.Metric)
}

// Process is what the snapshots of all roles have in common.
type Process struct {
	Role    string    `json:"role"` // "registrar" or "host"
	Version string    `json:"version,omitempty"`
	Started time.Time `json:"started"`
	// Uptime is in seconds.
	Uptime    float64   `json:"uptime_seconds"`
	Ready     bool      `json:"ready"`
	Transport Transport `json:"transport"`
	// SCTP says whose it is, as in Door.
	SCTP string `json:"sctp,omitempty"`
	// Doors are the ways to others one by one, which Transport counts together.
	// They are missing where there is only one.
	Doors []Door `json:"doors,omitempty"`
}

// Door is one way to others.
type Door struct {
	// Transport is what carries associations: "sctp", "tcp", "tls" or "stream", a
	// plain byte stream.
	Transport string `json:"transport"`
	// SCTP says whose it is: "kernel", "udp" for the embedded one, or "both".
	SCTP string `json:"sctp,omitempty"`
	// Address is where the process is reached by it, in the form of
	// transport.Address; empty where it only dials.
	Address string    `json:"address,omitempty"`
	Counts  Transport `json:"counters"`
}

// SetDoors notes the ways to others and what went through them.
func (p *Process) SetDoors(doors ...Door) {
	p.Transport, p.SCTP = Transport{}, ""
	for _, d := range doors {
		if d.SCTP != "" {
			p.SCTP = d.SCTP
		}
		p.Transport.add(&d.Counts)
	}
	if p.Doors = nil; len(doors) > 1 {
		p.Doors = doors
	}
}

// Version is that of the program's module, empty where it was not built as one.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// Transport counts what went through the process's doors since they were opened.
type Transport struct {
	Associations      int    `json:"associations"` // up now
	PacketsReceived   uint64 `json:"packets_received"`
	PacketsSent       uint64 `json:"packets_sent"`
	Malformed         uint64 `json:"packets_malformed"`
	OutOfTheBlue      uint64 `json:"packets_out_of_the_blue"`
	BadCookies        uint64 `json:"bad_cookies"`
	Inits             uint64 `json:"association_attempts"`
	Lost              uint64 `json:"associations_lost"`
	Backpressure      uint64 `json:"messages_refused_full"`
	ReceiveDropped    uint64 `json:"packets_dropped"`
	Refused           uint64 `json:"attempts_refused"`
	ReceiveBufferSize int    `json:"receive_buffer_bytes"`
}

func (t *Transport) add(o *Transport) {
	t.Associations += o.Associations
	t.ReceiveBufferSize += o.ReceiveBufferSize
	for _, c := range []struct{ sum, more *uint64 }{
		{&t.PacketsReceived, &o.PacketsReceived}, {&t.PacketsSent, &o.PacketsSent},
		{&t.Malformed, &o.Malformed}, {&t.OutOfTheBlue, &o.OutOfTheBlue}, {&t.BadCookies, &o.BadCookies},
		{&t.Inits, &o.Inits}, {&t.Lost, &o.Lost}, {&t.Backpressure, &o.Backpressure},
		{&t.ReceiveDropped, &o.ReceiveDropped}, {&t.Refused, &o.Refused},
	} {
		*c.sum += *c.more
	}
}

// TransportOf returns the counters of a door in the form of a snapshot.
func TransportOf(s transport.Stats) Transport {
	return Transport{
		Associations: s.Associations, PacketsReceived: s.PacketsIn, PacketsSent: s.PacketsOut,
		Malformed: s.Malformed, OutOfTheBlue: s.OutOfTheBlue, BadCookies: s.BadCookies,
		Inits: s.Inits, Lost: s.Lost, Backpressure: s.Backpressure,
		ReceiveDropped: s.ReceiveDropped, Refused: s.Refused, ReceiveBufferSize: s.ReceiveBuffer,
	}
}

// Counts are events by a label whose values are few and fixed. Labels that did
// not occur may be missing.
type Counts map[string]uint64

// MessageCount counts the messages of one type in one direction.
type MessageCount struct {
	Protocol  string `json:"protocol"`  // "asap" or "enrp"
	Type      string `json:"type"`      // the RFC's name in lower case, as in "registration-response"
	Direction string `json:"direction"` // "received" or "sent"
	Count     uint64 `json:"count"`
}

// Histogram counts durations. The zero value is empty. It is not safe for
// concurrent use.
type Histogram struct {
	buckets [len(bounds) + 1]uint64
	sum     time.Duration
}

// bounds are the upper bounds of all buckets but the last.
var bounds = [...]time.Duration{
	500 * time.Nanosecond, time.Microsecond, 2 * time.Microsecond, 5 * time.Microsecond,
	10 * time.Microsecond, 20 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond,
	500 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
}

// Observe counts d.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i]++
	h.sum += d
}

// Count is the number of durations observed.
func (h *Histogram) Count() uint64 {
	var n uint64
	for _, b := range h.buckets {
		n += b
	}
	return n
}

// MarshalJSON writes the number and the mean, in seconds.
func (h Histogram) MarshalJSON() ([]byte, error) {
	out := struct {
		Count uint64  `json:"count"`
		Mean  float64 `json:"mean_seconds"`
	}{Count: h.Count()}
	if out.Count > 0 {
		out.Mean = h.sum.Seconds() / float64(out.Count)
	}
	return json.Marshal(out)
}

// UnmarshalJSON accepts what MarshalJSON wrote; the distribution is lost, the
// number and the mean remain.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var in struct {
		Count uint64  `json:"count"`
		Mean  float64 `json:"mean_seconds"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*h = Histogram{sum: time.Duration(in.Mean * float64(in.Count) * float64(time.Second))}
	h.buckets[len(bounds)] = in.Count
	return nil
}

// Mean is the mean duration, zero where nothing was observed.
func (h *Histogram) Mean() time.Duration {
	if n := h.Count(); n > 0 {
		return h.sum / time.Duration(n)
	}
	return 0
}
