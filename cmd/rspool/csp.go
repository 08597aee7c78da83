package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/csp"
	"github.com/rspool/rspool/internal/status"
)

// cspFlags say to which monitor a process reports.
type cspFlags struct{ csp config.CSP }

func (f *cspFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.csp.Server, "csp-server", "", "UDP `ADDRESS` of a monitor to report to by the Component Status Protocol, as HOST:PORT")
	flags.DurationVar(&f.csp.Interval, "csp-interval", 0, "`TIME` between two reports (default 1s)")
}

// apply lets the flags that were given win over the configuration.
func (f *cspFlags) apply(c *config.CSP) {
	c.Server = cmp.Or(f.csp.Server, c.Server)
	c.Interval = cmp.Or(f.csp.Interval, c.Interval)
}

// leastReportInterval bounds what a monitor is told.
const leastReportInterval = 100 * time.Millisecond

// report tells a monitor how source is, if there is one, until stop is called.
func (a *app) report(c config.CSP, source status.Source, log *slog.Logger) (stop func(), err error) {
	if c.Server == "" {
		return func() {}, nil
	}
	if c.Interval != 0 && c.Interval < leastReportInterval {
		return nil, misusef("--csp-interval %s: want %s at least", c.Interval, leastReportInterval)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "(none)" // as deployed peers have it
	}
	user := rand.Uint64()
	r, err := csp.NewReporter(csp.ReporterConfig{
		Server: c.Server, Interval: c.Interval, Log: log,
		Source: func() []csp.Report {
			q := status.Query{Limit: csp.MaxAssociations - 1}
			return csp.Of(source.Status(q), host, user, time.Now())
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the draining
	var wait sync.WaitGroup
	wait.Go(func() { r.Run(ctx) })
	return func() {
		cancel()
		wait.Wait()
	}, nil
}

// A component is a csp.Component as it is printed.
type component struct {
	ID           string             `json:"id"`
	Group        string             `json:"group"`
	Location     string             `json:"location"`
	Status       string             `json:"status"`
	Workload     *float64           `json:"workload,omitempty"`
	Uptime       float64            `json:"uptime_seconds"`
	Heard        time.Time          `json:"heard"`
	From         string             `json:"from"`
	Associations []componentRelated `json:"associations"`
}

type componentRelated struct {
	Peer     string   `json:"peer"`
	Protocol uint16   `json:"protocol"`
	PPID     uint32   `json:"ppid"`
	Duration *float64 `json:"duration_seconds,omitempty"`
}

// components is what a monitor has heard.
type components struct {
	Components []component  `json:"components"`
	Counters   csp.Counters `json:"reports"`
}

func componentsOf(m *csp.Monitor) components {
	heard, counters := m.Components()
	all := components{Components: make([]component, 0, len(heard)), Counters: counters}
	for _, h := range heard {
		c := component{
			ID: h.Sender.String(), Group: h.Sender.Group().String(), Location: h.Location, Status: h.Status,
			Uptime: h.Uptime.Seconds(), Heard: h.Heard, From: h.From.String(), Associations: []componentRelated{},
		}
		if share, ok := h.Workload.Share(); ok {
			c.Workload = &share
		}
		for _, x := range h.Associations {
			r := componentRelated{Peer: x.Peer.String(), Protocol: x.Protocol, PPID: x.PPID}
			if x.Duration != csp.Unknown {
				seconds := x.Duration.Seconds()
				r.Duration = &seconds
			}
			c.Associations = append(c.Associations, r)
		}
		all.Components = append(all.Components, c)
	}
	return all
}

// topComponents shows what components report at an address.
func (a *app) topComponents(ctx context.Context, address string, interval time.Duration, once bool) (err error) {
	m, err := csp.Listen(address)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, _, ok := terminal(a.stdout); !once && ok && a.output != jsonOutput {
		return a.draw(ctx, interval, func(context.Context) []byte {
			var text bytes.Buffer
			_ = writeComponents(&text, m.Addr(), componentsOf(m), time.Now()) // a buffer takes all
			return text.Bytes()
		})
	}
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	select {
	case <-time.After(interval):
	case <-ctx.Done():
	}
	all := componentsOf(m)
	return a.print(all, func(w io.Writer) error { return writeComponents(w, m.Addr(), all, time.Now()) })
}

// maxPeersShown is how many associations of a component are written out.
const maxPeersShown = 4

func writeComponents(w io.Writer, address string, all components, now time.Time) error {
	groups := map[string]int{}
	for _, c := range all.Components {
		groups[c.Group]++
	}
	fmt.Fprintf(w, "component status at %s   %s   %s   %s\n", address,
		count(groups["registrar"], "registrar"), count(groups["element"], "element"), count(groups["user"], "user"))
	fmt.Fprintf(w, "reports: %d taken, %d malformed, %d for others, %d beyond the bounds\n\n",
		all.Counters.Taken, all.Counters.Malformed, all.Counters.Foreign, all.Counters.Refused)
	rows := [][]string{{"COMPONENT", "UP", "HEARD", "LOAD", "", "STATUS", "ASSOCIATIONS", "LOCATION"}}
	for _, c := range all.Components {
		load := 0.0
		if c.Workload != nil {
			load = *c.Workload
		}
		rows = append(rows, []string{
			c.ID, rough(c.Uptime), rough(now.Sub(c.Heard).Seconds()) + " ago", bar(load, 10), share(c.Workload),
			printable(c.Status), peersOf(c.Associations), printable(c.Location),
		})
	}
	return table(w, rows)
}

// peersOf names the first associations of a component.
func peersOf(all []componentRelated) string {
	var names []string
	for i, r := range all {
		if i == maxPeersShown {
			names = append(names, fmt.Sprintf("%d more", len(all)-i))
			break
		}
		names = append(names, r.Peer)
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ", ")
}
