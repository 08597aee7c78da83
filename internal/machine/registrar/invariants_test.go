package registrar

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
)

// check returns what is wrong with the machine's state, if anything.
func (m *Machine) check() error {
	elements, subscriptions := 0, 0
	for id, a := range m.associations {
		if a.id != id {
			return fmt.Errorf("association %d is kept as %d", a.id, id)
		}
		for i, e := range a.members {
			if e.association != a || e.place != i || e.entry.Pool() == nil || e.call != nil {
				return fmt.Errorf("association %d: element %v is not at its place", id, e.entry.ID())
			}
		}
		for i, s := range a.subscriptions {
			if s.association != a || s.peerPlace != i {
				return fmt.Errorf("association %d: subscription to %v is not at its place", id, s.pool.handle)
			}
			if u := s.pool.updates; u.subscriptions[s.poolPlace] != s {
				return fmt.Errorf("pool %v: subscription is not at its place", s.pool.handle)
			}
		}
		elements += len(a.members)
		subscriptions += len(a.subscriptions)
	}
	if subscriptions != m.subscriptions {
		return fmt.Errorf("associations have %d subscriptions, %d were counted", subscriptions, m.subscriptions)
	}
	var sum uint64
	watched := 0
	for p := range m.space.All() {
		mp := p.Attachment.(*pool)
		if mp.gone || mp.space != p || p.Len() == 0 {
			return fmt.Errorf("pool %v is gone, but in the handlespace", p.Handle())
		}
		for entry := range p.Elements() {
			e := entry.Attachment.(*member)
			switch {
			case e.entry != entry || e.pool != mp:
				return fmt.Errorf("element %v is mixed up with another", entry.ID())
			case e.association != nil && m.associations[e.association.id] != e.association:
				return fmt.Errorf("element %v depends on an association that is gone", entry.ID())
			case e.call != nil && (e.association != nil || e.call.members[e.callPlace] != e || m.scope.calls.byPlace[e.call.place] != e.call):
				return fmt.Errorf("element %v is not called", entry.ID())
			case e.watch.place == 0 && (entry.Home() == m.cfg.ID || e.watch.waiting || e.claimed):
				return fmt.Errorf("element %v is not watched", entry.ID())
			case e.watch.place != 0 && entry.Home() != m.cfg.ID && !e.watch.waiting:
				return fmt.Errorf("element %v is watched although its home is %v", entry.ID(), entry.Home())
			case entry.Home() != m.cfg.ID && m.peer(entry.Home()) == nil:
				return fmt.Errorf("element %v has the home %v, which is no peer", entry.ID(), entry.Home())
			case entry.Expires().Before(m.now):
				return fmt.Errorf("element %v has outlived its life", entry.ID())
			case len(e.record.recent) > m.cfg.MaxBadReports:
				return fmt.Errorf("element %v has %d recent reports", entry.ID(), len(e.record.recent))
			}
			if e.association != nil {
				elements--
			}
			if e.watch.place != 0 {
				watched++
			}
			if entry.Home() == m.cfg.ID {
				sum += rserpool.ChecksumBlock(p.Handle(), entry.ID())
			}
		}
	}
	if want, got := rserpool.FoldChecksum(sum), m.space.Checksum(m.cfg.ID); got != want {
		return fmt.Errorf("checksum is 0x%04x, want 0x%04x", got, want)
	}
	for i, a := range m.alarms.heap {
		if a.place != i+1 || a.key.After(a.at) || i > 0 && a.key.Before(m.alarms.heap[(i+1)/2-1].key) {
			return fmt.Errorf("alarm %d is not at its place", i)
		}
	}
	if elements != 0 {
		return fmt.Errorf("associations have %d elements that the handlespace has not", elements)
	}
	if err := m.scope.check(m); err != nil {
		return err
	}
	if want := watched + len(m.associations) + 3*len(m.scope.peers) + len(m.scope.contacts) + len(m.scope.calls.byPlace); len(m.alarms.heap) < watched ||
		len(m.alarms.heap) > want+4+m.space.Pools()+m.subscriptions {
		return fmt.Errorf("%d alarms for %d elements and %d associations", len(m.alarms.heap), m.space.Elements(), len(m.associations))
	}
	return nil
}

// check returns what is wrong between registrars.
func (s *scope) check(m *Machine) error {
	if len(s.peers) > m.cfg.Scope.MaxPeers || len(s.contacts) > 2*m.cfg.Scope.MaxPeers+len(m.cfg.Scope.Peers) {
		return fmt.Errorf("%d peers and %d contacts", len(s.peers), len(s.contacts))
	}
	for i, p := range s.peers {
		switch {
		case p.id == 0 || p.id == m.cfg.ID || i > 0 && p.id <= s.peers[i-1].id:
			return fmt.Errorf("peer %v is not at its place", p.id)
		case p.contact != nil && (p.contact.peer != p || !slices.Contains(s.contacts, p.contact)):
			return fmt.Errorf("peer %v is not where it should be", p.id)
		case p.alarm.place == 0:
			return fmt.Errorf("peer %v is not supervised", p.id)
		case p.link() != nil && p.link().peer != p && p.link().peer != nil:
			return fmt.Errorf("peer %v shares its association with another", p.id)
		}
		if t := p.takeover; t != nil && t.by == m.cfg.ID && len(t.waiting) == 0 {
			return fmt.Errorf("nobody's consent is missing to take over %v", p.id)
		}
	}
	for _, c := range s.contacts {
		switch {
		case c.link != nil && (c.link.contact != c || m.associations[c.link.id] != c.link):
			return fmt.Errorf("contact %v has an association that is gone", c.to)
		case c.link == nil && c.ticket == 0 && c.alarm.place == 0 && !c.own && !m.draining:
			return fmt.Errorf("contact %v is not dialled", c.to)
		case c.ticket != 0 && s.dials[c.ticket] != dialler(c):
			return fmt.Errorf("contact %v waits for an answer that will not come", c.to)
		}
	}
	for _, a := range m.associations {
		if a.peer != nil && a.peer.link() != a {
			return fmt.Errorf("association %d leads to peer %v, which has another", a.id, a.peer.id)
		}
	}
	links := 0
	for _, a := range m.associations {
		if a.endpoint == machine.ENRPEndpoint {
			links++
		}
	}
	if links != s.links {
		return fmt.Errorf("%d associations with peers, %d were counted", links, s.links)
	}
	dialling := 0
	for at, c := range s.calls.byPlace {
		if c.place != at || len(c.members) == 0 && c.ticket == 0 || c.ticket == 0 && !c.queued && c.alarm.place == 0 {
			return fmt.Errorf("call of %v comes to no end", at)
		}
		if c.ticket != 0 {
			dialling++
		}
	}
	if dialling > s.calls.dialling || s.calls.dialling > maxCalls {
		return fmt.Errorf("%d calls are dialled, %d were counted", dialling, s.calls.dialling)
	}
	return nil
}

func (w *world) check() {
	w.t.Helper()
	if w.m == nil {
		return
	}
	if err := w.m.check(); err != nil {
		w.t.Fatal(err)
	}
}

// show writes the state in a few lines.
func (w *world) show() {
	m := w.m
	fmt.Fprintf(&w.out, "checksum 0x%04x\n", m.space.Checksum(m.cfg.ID))
	for p := range m.space.All() {
		fmt.Fprintf(&w.out, "pool %v %v subscribers=%d\n", short(p.Handle()), p.Type(), len(p.Attachment.(*pool).updates.subscriptions))
		for entry := range p.Elements() {
			e, el := entry.Attachment.(*member), entry.Element()
			fmt.Fprintf(&w.out, "  %d home=%v life=%d association=%d reports=%d\n", el.ID, el.Home, el.Life, e.association.id, e.record.count)
			fmt.Fprintf(&w.out, "    at %v, registrars at %v, policy %v\n", el.UserTransport, el.ASAPTransport, el.Policy)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.associations)) {
		a := m.associations[id]
		fmt.Fprintf(&w.out, "association %d from %v elements=%d subscriptions=%d\n", id, a.remote, len(a.members), len(a.subscriptions))
	}
}

// count writes the counters that are not zero.
func (w *world) count() {
	v := reflect.ValueOf(w.m.counters)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch f.Kind() {
		case reflect.Uint64:
			if f.Uint() != 0 {
				fmt.Fprintf(&w.out, "%s %d\n", name, f.Uint())
			}
		case reflect.Array:
			for j := range f.Len() {
				if n := f.Index(j).Uint(); n != 0 {
					label := fmt.Sprintf("0x%02x", j)
					if names := map[string][]string{"Ignored": IgnoredNames, "Removals": ReasonNames, "Aborts": AbortNames}[name]; names != nil {
						label = names[j]
					}
					fmt.Fprintf(&w.out, "%s %s %d\n", name, label, n)
				}
			}
		case reflect.Map:
			for _, code := range slices.Sorted(maps.Keys(w.m.counters.Errors)) {
				fmt.Fprintf(&w.out, "%s %v %d\n", name, code, w.m.counters.Errors[code])
			}
		case reflect.Struct: // between registrars
		default:
			w.t.Fatalf("counter %s is a %v", name, f.Kind())
		}
	}
}
