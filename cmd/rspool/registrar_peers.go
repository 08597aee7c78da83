package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
)

// writeScope writes how a registrar stands with the others, for people.
func writeScope(w io.Writer, s *status.Scope, now time.Time) error {
	switch {
	case s.InSync && len(s.Peers) == 0:
		fmt.Fprintf(w, "no peers, %s tried\n", count(s.Contacts, "contact"))
	case s.InSync:
		fmt.Fprintf(w, "%s, in sync\n", count(len(s.Peers), "peer"))
	case s.Mentor != nil:
		fmt.Fprintf(w, "learning the handlespace from %s\n", s.Mentor)
	default:
		fmt.Fprintln(w, "looking for a registrar to learn the handlespace from")
	}
	c := &s.Counters
	for _, line := range []struct {
		name   string
		counts status.Counts
	}{
		{"takeovers", c.Takeovers}, {"claims", c.Claims}, {"audits", c.Audits}, {"suggestions", c.Suggestions}, {"ignored of peers", c.Ignored},
	} {
		if text := counts(line.counts); text != "" {
			fmt.Fprintf(w, "%s: %s\n", line.name, text)
		}
	}
	for i := range s.Takeovers {
		fmt.Fprintln(w, takeoverOf(&s.Takeovers[i], now))
	}
	if len(s.Peers) == 0 {
		return nil
	}
	rows := [][]string{{"PEER", "ADDRESS", "STATE", "HEARD", "ELEMENTS", "CHECKSUM", "DISTANCE", "AUDIT"}}
	for i := range s.Peers {
		p := &s.Peers[i]
		heard := "never"
		if p.Heard != nil {
			heard = rough(now.Sub(*p.Heard).Seconds()) + " ago"
		}
		rows = append(rows, []string{
			p.ID.String(), orNone(p.Address), stateOf(p), heard, fmt.Sprint(p.Elements),
			fmt.Sprintf("0x%04x", p.Checksum), fmt.Sprintf("%d ms", p.Distance), auditOf(&p.Audit, now),
		})
	}
	fmt.Fprintln(w)
	return table(w, rows)
}

// takeoverOf writes a takeover that was completed.
func takeoverOf(t *status.TakeoverRecord, now time.Time) string {
	text := fmt.Sprintf("%s ago: %s took over %s of %s", rough(now.Sub(t.At).Seconds()), t.By, count(t.Elements, "element"), t.Target)
	if t.Seconds != nil {
		text += fmt.Sprintf(", %s after its death was certain", time.Duration(*t.Seconds*float64(time.Second)).Round(time.Millisecond))
	}
	return text
}

// stateOf writes a peer's state, and who takes its elements over.
func stateOf(p *status.Peer) string {
	t := p.Takeover
	switch {
	case t == nil:
		return printable(p.State)
	case t.By == 0:
		return fmt.Sprintf("%s, takeover begins again", printable(p.State))
	case len(t.Waiting) > 0:
		return fmt.Sprintf("%s, taken over by %s with the consent of %s", printable(p.State), t.By, identifiers(t.Waiting))
	}
	return fmt.Sprintf("%s, taken over by %s", printable(p.State), t.By)
}

func auditOf(a *status.Audit, now time.Time) string {
	s := printable(a.State)
	if a.Agreed != nil && a.State != "agrees" {
		s += ", agreed " + rough(now.Sub(*a.Agreed).Seconds()) + " ago"
	}
	if a.Failed > 0 {
		s += fmt.Sprintf(", %d in vain", a.Failed)
	}
	return s
}

func identifiers(list []rserpool.RegistrarID) string {
	words := make([]string, len(list))
	for i, id := range list {
		words[i] = id.String()
	}
	return strings.Join(words, " and ")
}
