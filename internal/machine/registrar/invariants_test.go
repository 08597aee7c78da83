package registrar

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	rserpool "github.com/rspool/rspool"
)

// check returns what is wrong with the machine's state, if anything.
func (m *Machine) check() error {
	elements, subscriptions := 0, 0
	for id, a := range m.associations {
		if a.id != id {
			return fmt.Errorf("association %d is kept as %d", a.id, id)
		}
		for i, e := range a.members {
			if e.association != a || e.place != i || e.entry.Pool() == nil {
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
	if elements != m.space.Elements() {
		return fmt.Errorf("associations have %d elements, the handlespace has %d", elements, m.space.Elements())
	}
	if subscriptions != m.subscriptions {
		return fmt.Errorf("associations have %d subscriptions, %d were counted", subscriptions, m.subscriptions)
	}
	var sum uint64
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
			case e.association == nil || m.associations[e.association.id] != e.association:
				return fmt.Errorf("element %v depends on an association that is gone", entry.ID())
			case e.watch.place == 0:
				return fmt.Errorf("element %v is not watched", entry.ID())
			case entry.Expires().Before(m.now):
				return fmt.Errorf("element %v has outlived its life", entry.ID())
			case len(e.record.recent) > m.cfg.MaxBadReports:
				return fmt.Errorf("element %v has %d recent reports", entry.ID(), len(e.record.recent))
			}
			sum += rserpool.ChecksumBlock(p.Handle(), entry.ID())
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
	if want := m.space.Elements() + len(m.associations); len(m.alarms.heap) < m.space.Elements() ||
		len(m.alarms.heap) > want+1+m.space.Pools()+m.subscriptions {
		return fmt.Errorf("%d alarms for %d elements and %d associations", len(m.alarms.heap), m.space.Elements(), len(m.associations))
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
		default:
			w.t.Fatalf("counter %s is a %v", name, f.Kind())
		}
	}
}
