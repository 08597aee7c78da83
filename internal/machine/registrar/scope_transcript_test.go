package registrar

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
)

// name is the letter of a registrar.
func (w *town) name(id rserpool.RegistrarID) string {
	if id < 0x0a || id > 0x0a+25 {
		return id.String()
	}
	return string(rune('A' + id - 0x0a))
}

func (w *town) write(format string, args ...any) {
	if w.quiet {
		return
	}
	fmt.Fprintf(&w.out, "%-8v ", w.now.Sub(w.start).Round(time.Millisecond))
	fmt.Fprintf(&w.out, format+"\n", args...)
}

// say writes a message of a registrar, unless it is one of those that go to and
// fro all the time.
func (w *town) say(from, to string, s *machine.Send) {
	if s.PPID == asap.PPID {
		msg, _, err := asap.Parse(s.Payload)
		if err != nil {
			w.t.Fatalf("%s sends %x: %v", from, s.Payload, err)
		}
		if k, ok := msg.(*asap.KeepAlive); ok && k.Home {
			w.write("%s -> %s  KeepAlive home", from, to)
		}
		return
	}
	msg, _, err := enrp.Parse(s.Payload)
	if err != nil {
		w.t.Fatalf("%s sends %x: %v", from, s.Payload, err)
	}
	if text := w.message(msg); text != "" {
		w.write("%s -> %s  %s", from, to, text)
	}
}

// message writes what matters of a message.
func (w *town) message(msg enrp.Message) string {
	switch msg := msg.(type) {
	case *enrp.Presence:
		switch {
		case msg.ReplyRequired:
			return fmt.Sprintf("Presence checksum=0x%04x reply-required", msg.Checksum)
		case w.loud:
			return fmt.Sprintf("Presence checksum=0x%04x", msg.Checksum)
		}
		return ""
	case *enrp.HandleUpdate:
		s := fmt.Sprintf("HandleUpdate %s %s", msg.Action, w.element(msg.Handle, &msg.Element))
		if msg.TakeoverSuggested {
			s += " takeover-suggested"
		}
		return s
	case *enrp.HandleTableRequest:
		if msg.OwnChildren {
			return "HandleTableRequest own"
		}
		return "HandleTableRequest"
	case *enrp.HandleTableResponse:
		s := "HandleTableResponse"
		if msg.Reject {
			s += " reject"
		}
		if msg.More {
			s += " more"
		}
		n := 0
		for _, p := range msg.Pools {
			for i := range p.Elements {
				if n++; n <= 4 {
					s += " " + w.element(p.Handle, &p.Elements[i])
				}
			}
		}
		if n > 4 {
			s += fmt.Sprintf(" and %d more", n-4)
		}
		return s
	case *enrp.ListResponse:
		s := "ListResponse"
		if msg.Reject {
			s += " reject"
		}
		for _, p := range msg.Servers {
			s += " " + w.name(p.ID)
		}
		return s
	case *enrp.ListRequest:
		return "ListRequest"
	case *enrp.InitTakeover:
		return "InitTakeover target=" + w.name(msg.Target)
	case *enrp.InitTakeoverAck:
		return "InitTakeoverAck target=" + w.name(msg.Target)
	case *enrp.TakeoverServer:
		return "TakeoverServer target=" + w.name(msg.Target)
	}
	return msg.String()
}

func (w *town) element(h rserpool.Handle, e *rserpool.Element) string {
	s := fmt.Sprintf("%s/%d home=%s", h, e.ID, w.name(e.Home))
	if hasDistance(e.Policy.Type) {
		s += fmt.Sprintf(" distance=%d", e.Policy.Distance)
	}
	return s
}

func (w *town) observed(n *node, o *Observed) {
	switch o.Event {
	case InSync:
		w.write("%s is in sync: %s", n.name, w.letters(o.Detail))
	case PeerFound:
		w.write("%s finds %s", n.name, w.name(o.Peer))
	case PeerLost:
		w.write("%s loses %s: %s", n.name, w.name(o.Peer), o.Detail)
	case PeerRevived:
		w.write("%s hears that %s is alive", n.name, w.name(o.Peer))
	case PeerDisagrees:
		w.write("%s audits %s", n.name, w.name(o.Peer))
	case PeerMisbehaves:
		w.write("%s ignores %s: %s", n.name, w.name(o.Peer), w.letters(o.Detail))
	case TakeoverDone:
		w.write("%s takes over %s: %d elements after %v", n.name, w.name(o.Peer), o.Count, o.Took.Round(time.Millisecond))
	case ElementLeft:
		w.write("%s removes %s/%d: %s", n.name, o.Handle, o.Element, o.Detail)
	}
}

// letters replaces identifiers in a text.
func (w *town) letters(s string) string {
	for c := 'A'; c <= 'Z'; c++ {
		s = strings.ReplaceAll(s, registrarID(string(c)).String(), string(c))
	}
	return s
}

// space writes what each registrar knows.
func (w *town) space() {
	for _, n := range w.nodes {
		if !n.alive {
			continue
		}
		fmt.Fprintf(&w.out, "%s has", n.name)
		for p := range n.m.space.All() {
			for e := range p.Elements() {
				fmt.Fprintf(&w.out, " %s", w.element(p.Handle(), e.Element()))
			}
		}
		fmt.Fprintln(&w.out)
	}
}

// peers writes whom each registrar knows.
func (w *town) peers() {
	for _, n := range w.nodes {
		if !n.alive {
			continue
		}
		fmt.Fprintf(&w.out, "%s knows", n.name)
		for _, p := range n.m.scope.peers {
			fmt.Fprintf(&w.out, " %s", w.name(p.id))
			if p.takeover != nil {
				fmt.Fprint(&w.out, "(inactive)")
			}
		}
		fmt.Fprintf(&w.out, ", %d contacts\n", len(n.m.scope.contacts))
	}
}

// count writes the counters that are not zero, without those of messages.
func (w *town) count(c ScopeCounters) {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch {
		case f.Kind() == reflect.Uint64 && f.Uint() != 0:
			fmt.Fprintf(&w.out, "%s %d\n", name, f.Uint())
		case name == "Ignored":
			for j := range f.Len() {
				if n := f.Index(j).Uint(); n != 0 {
					fmt.Fprintf(&w.out, "Ignored %s %d\n", PeerIgnoredNames[j], n)
				}
			}
		}
	}
}
