package csp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// DefaultInterval is the time between two reports.
const DefaultInterval = time.Second

// ReporterConfig describes a Reporter.
type ReporterConfig struct {
	// Server is the monitor, as HOST:PORT. Required.
	Server string
	// Interval is the time between two reports. If zero, DefaultInterval.
	Interval time.Duration
	// Source returns the reports of the process's components, without intervals. Required.
	Source func() []Report
	// Log receives what an operator should know. If nil, slog.Default().
	Log *slog.Logger
}

// Reporter reports the components of a process to a monitor.
type Reporter struct {
	cfg    ReporterConfig
	conn   net.Conn
	told   map[ID]bool // components that were reported last
	warned bool        // that reports could not be sent
}

// NewReporter opens a port to report from. Call Run, or Close.
func NewReporter(cfg ReporterConfig) (*Reporter, error) {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	conn, err := net.Dial("udp", cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("report component status to %s: %w; write the monitor as HOST:PORT, as in 127.0.0.1:%d", cfg.Server, err, Port)
	}
	return &Reporter{cfg: cfg, conn: conn, told: map[ID]bool{}}, nil
}

// Run reports at once and every interval until ctx ends; then it says that the components
// leave, and closes the port.
func (r *Reporter) Run(ctx context.Context) {
	defer r.Close()
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	for {
		r.report()
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.leave(map[ID]bool{})
			return
		}
	}
}

// Close frees the port of a reporter that does not run.
func (r *Reporter) Close() { _ = r.conn.Close() }

// report sends what there is to say, and says of components that are no more that they
// leave.
func (r *Reporter) report() {
	here := map[ID]bool{}
	for _, report := range r.cfg.Source() {
		report.Interval = r.cfg.Interval
		here[report.Sender] = true
		r.send(&report)
	}
	r.leave(here)
	r.told = here
}

// leave says that all components but those that are here leave.
func (r *Reporter) leave(here map[ID]bool) {
	for id := range r.told {
		if !here[id] {
			r.send(&Report{Sender: id, Final: true, Interval: r.cfg.Interval})
		}
	}
}

// send sends a report. A monitor that is not there is no reason to do anything else: it
// may come.
func (r *Reporter) send(report *Report) {
	_, err := r.conn.Write(report.Append(nil))
	if err != nil && !r.warned {
		r.warned = true
		r.cfg.Log.Warn("component status is not reported; it is tried again", "server", r.cfg.Server, "error", err)
	}
}
