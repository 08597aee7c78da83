package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rspool/rspool/internal/status"
)

// writeView writes one look at a process. Rates compare with the look before;
// where there was none, they are means since the start.
func writeView(w io.Writer, s, before status.Snapshot, now time.Time) error {
	switch s := s.(type) {
	case *status.Registrar:
		last, _ := before.(*status.Registrar)
		if last == nil || last.Started != s.Started {
			last = &status.Registrar{}
		}
		return viewRegistrar(w, s, last, now)
	case *status.Host:
		last, _ := before.(*status.Host)
		if last == nil || last.Started != s.Started {
			last = &status.Host{}
		}
		return viewHost(w, s, last)
	}
	return fmt.Errorf("nothing is known of how to show this process")
}

func viewRegistrar(w io.Writer, s, last *status.Registrar, now time.Time) error {
	r := rates{s.Uptime - last.Uptime}
	fmt.Fprintf(w, "registrar %s   up %s   %s   %s   %s\n", s.ID, rough(s.Uptime),
		count(s.PoolCount, "pool"), count(s.ElementCount, "element"), count(s.AssociationCount, "association"))
	c, l := &s.Counters, &last.Counters
	fmt.Fprintf(w, "resolutions %s   registrations %s   keep-alives %s   reports %s   packets %s in, %s out\n",
		r.counts(c.Resolutions, l.Resolutions), r.counts(c.Registrations, l.Registrations),
		r.one(c.KeepAlives["sent"], l.KeepAlives["sent"]), r.counts(c.Reports, l.Reports),
		r.one(s.Transport.PacketsReceived, last.Transport.PacketsReceived),
		r.one(s.Transport.PacketsSent, last.Transport.PacketsSent))
	type key struct{ handle, id string }
	selected := map[key]uint64{}
	for _, p := range last.Pools {
		for _, e := range p.Elements {
			selected[key{p.Handle, e.ID.String()}] = e.Selections
		}
	}
	for _, p := range s.Pools {
		var total, recent uint64
		for _, e := range p.Elements {
			total += e.Selections
			recent += e.Selections - min(e.Selections, selected[key{p.Handle, e.ID.String()}])
		}
		policy := p.Policy
		if p.Selection != "" {
			policy = p.Selection + " (told: " + p.Policy + ")"
		}
		fmt.Fprintf(w, "\npool %s   %s   %s   %s selected\n", printable(p.Handle), printable(policy),
			count(p.ElementCount, "element"), r.one(recent, 0))
		rows := [][]string{{"ELEMENT", "LOAD", "", "SHARE", "", "SELECTED", "RATE", "HEARD", "TRANSPORT"}}
		for _, e := range p.Elements {
			part := 0.0
			if total > 0 {
				part = float64(e.Selections) / float64(total)
			}
			load := 0.0
			if e.Load != nil {
				load = *e.Load
			}
			rows = append(rows, []string{
				e.ID.String(), bar(load, 10), share(e.Load), bar(part, 10), share(&part),
				fmt.Sprint(e.Selections), r.one(e.Selections, selected[key{p.Handle, e.ID.String()}]),
				rough(now.Sub(e.Heard).Seconds()) + " ago", printable(e.Transport),
			})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	if s.Next != nil {
		fmt.Fprintln(w, "\nThere are more elements; narrow them down with --pool, or raise --limit.")
	}
	return nil
}

func viewHost(w io.Writer, s, last *status.Host) error {
	r := rates{s.Uptime - last.Uptime}
	home := "no registrar"
	if s.RegistrarAddress != "" {
		home = "home at " + printable(s.RegistrarAddress)
		if s.RegistrarID != 0 { // unknown until the registrar tells it
			home = fmt.Sprintf("home %s at %s", s.RegistrarID, printable(s.RegistrarAddress))
		}
	}
	fmt.Fprintf(w, "%s   up %s   %s   %s   %s\n", printable(s.Role), rough(s.Uptime), home,
		count(len(s.Elements), "element"), count(s.Sessions, "session"))
	c, l := &s.Counters, &last.Counters
	fmt.Fprintf(w, "sessions %s   resolutions %s   registrations %s   failovers %s   packets %s in, %s out\n",
		r.counts(c.SessionsOpened, l.SessionsOpened), r.counts(c.Resolutions, l.Resolutions),
		r.counts(c.Registrations, l.Registrations), r.counts(c.Failovers, l.Failovers),
		r.one(s.Transport.PacketsReceived, last.Transport.PacketsReceived),
		r.one(s.Transport.PacketsSent, last.Transport.PacketsSent))
	if len(s.Elements) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := [][]string{{"POOL", "ELEMENT", "POLICY", "LOAD", "", "SESSIONS", "REGISTERED"}}
	for _, e := range s.Elements {
		load, registered := 0.0, "no"
		if e.Load != nil {
			load = *e.Load
		}
		if e.Registered {
			registered = "yes"
		}
		rows = append(rows, []string{
			printable(e.Handle), e.ID.String(), printable(e.Policy), bar(load, 10), share(e.Load),
			fmt.Sprint(e.Sessions), registered,
		})
	}
	return table(w, rows)
}

// rates divides counts by the seconds in which they came about.
type rates struct{ seconds float64 }

// one returns the rate of what went from before to now, as in "12.5/s". Counts
// that fell were begun anew.
func (r rates) one(now, before uint64) string {
	if r.seconds <= 0 || now < before {
		return "-"
	}
	return fmt.Sprintf("%.1f/s", float64(now-before)/r.seconds)
}

func (r rates) counts(now, before status.Counts) string {
	var n, b uint64
	for _, c := range now {
		n += c
	}
	for _, c := range before {
		b += c
	}
	return r.one(n, b)
}

// bar draws a share between 0 and 1.
func bar(share float64, width int) string {
	full := min(max(int(share*float64(width)+0.5), 0), width)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
