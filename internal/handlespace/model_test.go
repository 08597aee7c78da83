package handlespace_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
	"pgregory.net/rapid"
)

// model is a handlespace kept the plain way: everything is computed from one list
// when it is asked for.
type model struct {
	elements []*modelElement // in order of registration
}

type modelElement struct {
	handle  rserpool.Handle
	id      rserpool.ElementID
	home    rserpool.RegistrarID
	policy  rserpool.PolicyType
	expires time.Time
	marked  bool
}

// failer is a test, be it rapid's or Go's.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

var (
	modelHandles = []rserpool.Handle{"a", "bb", "ccc", "b"}
	modelHomes   = []rserpool.RegistrarID{1, 2, 0xffffffff}
	modelTypes   = []rserpool.PolicyType{rserpool.RoundRobin, rserpool.WeightedRoundRobin, rserpool.WeightedRandom, rserpool.LeastUsedDegradation}
)

func (m *model) pool(h rserpool.Handle) []*modelElement {
	var p []*modelElement
	for _, e := range m.elements {
		if e.handle == h {
			p = append(p, e)
		}
	}
	return p
}

func (m *model) find(h rserpool.Handle, id rserpool.ElementID) *modelElement {
	for _, e := range m.elements {
		if e.handle == h && e.id == id {
			return e
		}
	}
	return nil
}

func (m *model) remove(gone *modelElement) {
	m.elements = slices.DeleteFunc(m.elements, func(e *modelElement) bool { return e == gone })
}

// checksum follows RFC 1071 over the bytes of all blocks.
func (m *model) checksum(home rserpool.RegistrarID) uint16 {
	sum := uint32(0)
	for _, e := range m.elements {
		if e.home != home {
			continue
		}
		b := []byte(e.handle)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(e.id))
		for ; len(b) > 0; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
			sum = sum>>16 + sum&0xffff
		}
	}
	return ^uint16(sum)
}

func (m *model) nextExpiry() time.Time {
	var next time.Time
	for _, e := range m.elements {
		if !e.expires.IsZero() && (next.IsZero() || e.expires.Before(next)) {
			next = e.expires
		}
	}
	return next
}

// walk returns what a walk from the cursor visits, as handle/id.
func (m *model) walk(home rserpool.RegistrarID, from handlespace.Cursor) []string {
	sorted := slices.Clone(m.elements)
	slices.SortFunc(sorted, func(a, b *modelElement) int {
		return cmp.Or(cmp.Compare(a.handle, b.handle), cmp.Compare(a.id, b.id))
	})
	var names []string
	for _, e := range sorted {
		behind := e.handle > from.Handle || e.handle == from.Handle && e.id > from.ID
		if behind && (home == handlespace.Everybody || e.home == home) {
			names = append(names, name(e.handle, e.id))
		}
	}
	return names
}

func name(h rserpool.Handle, id rserpool.ElementID) string {
	return fmt.Sprintf("%s/%d", h, uint32(id))
}

// play reads operations from data, four bytes each, and applies them to a Space
// and to the model. After each the two must agree.
func play(t failer, data []byte) {
	s, m := newSpace(handlespace.Config{MaxPoolElements: 12}), &model{}
	now := epoch
	var from handlespace.Cursor // of a walk that goes on through everything
	for data = data[:min(len(data), 4000)]; len(data) >= 4; data = data[4:] {
		op, h := data[0]%12, modelHandles[data[1]%4]
		id, value := rserpool.ElementID(data[2]%16+1), data[3]
		home := modelHomes[value%3]
		entry, known := s.Find(h, id), m.find(h, id)
		switch {
		case op < 4:
			playRegister(t, s, m, now, h, id, value)
		case op == 4 && known != nil:
			s.Remove(entry)
			m.remove(known)
		case op == 5 && known != nil:
			s.SetHome(entry, home)
			if known.home != home {
				known.home, known.marked = home, false
			}
		case op == 6 && known != nil:
			known.expires = expiry(now, value)
			s.SetExpiry(entry, known.expires)
		case op == 7:
			s.Mark(home)
			for _, e := range m.elements {
				e.marked = e.marked || e.home == home
			}
		case op == 8 && known != nil:
			s.Unmark(entry)
			known.marked = false
		case op == 9:
			now = now.Add(time.Duration(value%8) * time.Second)
			playExpired(t, s, m, now)
		case op == 10:
			playSelect(t, s, m, h, int(value%6))
		case op == 11:
			var got []string
			before := from
			next, more := s.Walk(home, from, func(e *handlespace.Entry) bool {
				if len(got) == int(value%4) {
					return false
				}
				got = append(got, name(e.Pool().Handle(), e.ID()))
				return true
			})
			want := m.walk(home, before)
			if n := min(len(want), int(value%4)); !slices.Equal(got, want[:n]) || more != (n < len(want)) {
				t.Fatalf("walk of %s from %v: %v, more %t, want of %v", home, before, got, more, want)
			}
			if from = next; !more {
				from = handlespace.Cursor{}
			}
		}
		compare(t, s, m)
	}
}

func expiry(now time.Time, value byte) time.Time {
	if value%16 == 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(value%16) * time.Second)
}

// playRegister registers with the type of the pool, mostly.
func playRegister(t failer, s *handlespace.Space, m *model, now time.Time, h rserpool.Handle, id rserpool.ElementID, value byte) {
	pool, known := m.pool(h), m.find(h, id)
	typ := modelTypes[value%4]
	if len(pool) > 0 && value%5 != 0 {
		typ = pool[0].policy
	}
	home, ends := modelHomes[value%3], expiry(now, value/3)
	e := with(id, func(e *rserpool.Element) {
		e.Home = home
		e.Policy = rserpool.Policy{Type: typ, Weight: uint32(value % 4), Load: rserpool.Load(value), Degradation: 1 << 28}
	})
	want := handlespace.Added
	var cause rserpool.CauseCode
	switch {
	case len(pool) > 0 && pool[0].policy != typ:
		want, cause = handlespace.Refused, rserpool.InconsistentPolicy
	case known != nil:
		want = handlespace.Renewed
		if s.Find(h, id).Element().Policy != e.Policy {
			want = handlespace.Changed
		}
	case len(pool) == 12:
		want, cause = handlespace.Refused, rserpool.LackOfResources
	}
	_, outcome, refusal := s.Register(now, h, e, ends)
	if outcome != want || (refusal != nil) != (cause != 0) || refusal != nil && refusal.Code != cause {
		t.Fatalf("register %s: outcome %d, %v, want %d, %v", name(h, id), outcome, refusal, want, cause)
	}
	switch {
	case refusal != nil:
	case known != nil:
		known.home, known.expires, known.marked = home, ends, false
	default:
		m.elements = append(m.elements, &modelElement{handle: h, id: id, home: home, policy: typ, expires: ends})
	}
}

func playExpired(t failer, s *handlespace.Space, m *model, now time.Time) {
	want := map[string]bool{}
	for _, e := range m.elements {
		if !e.expires.IsZero() && !e.expires.After(now) {
			want[name(e.handle, e.id)] = true
		}
	}
	got := map[string]bool{}
	var last time.Time
	for _, e := range s.Expired(now, nil) {
		if e.Expires().Before(last) {
			t.Fatalf("expired at %v after %v", e.Expires(), last)
		}
		last = e.Expires()
		got[name(e.Pool().Handle(), e.ID())] = true
		m.remove(m.find(e.Pool().Handle(), e.ID()))
		s.Remove(e)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("expired %v, want %v", got, want)
	}
}

func playSelect(t failer, s *handlespace.Space, m *model, h rserpool.Handle, n int) {
	p := s.Pool(h)
	if p == nil {
		return
	}
	got := p.Select(n, nil)
	seen := map[rserpool.ElementID]bool{}
	able := 0
	for e := range p.Elements() {
		if e.Element().Policy.Weight > 0 {
			able++
		}
	}
	if weighted := p.Type() == rserpool.WeightedRandom || p.Type() == rserpool.WeightedRoundRobin; !weighted || able == 0 {
		able = p.Len()
	}
	for _, e := range got {
		if seen[e.ID()] || m.find(h, e.ID()) == nil {
			t.Fatalf("selected %v: %s twice, or gone", ids(got), e.ID())
		}
		seen[e.ID()] = true
	}
	if len(got) != min(n, able) {
		t.Fatalf("asked for %d of %d, selected %d", n, able, len(got))
	}
}

// compare looks at everything that a Space can be asked for.
func compare(t failer, s *handlespace.Space, m *model) {
	t.Helper()
	pools := 0
	for _, h := range modelHandles {
		var want, got []rserpool.ElementID
		for _, e := range m.pool(h) {
			want = append(want, e.id)
		}
		if len(want) > 0 {
			pools++
		}
		p := s.Pool(h)
		if p != s.PoolBytes([]byte(h)) || (p != nil) != (len(want) > 0) {
			t.Fatalf("pool %s: %v, want %d elements", h, p, len(want))
		}
		if p != nil {
			for e := range p.Elements() {
				got = append(got, e.ID())
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("pool %s: elements %v, want %v", h, got, want)
		}
	}
	if s.Pools() != pools || s.Elements() != len(m.elements) {
		t.Fatalf("%d pools, %d elements, want %d and %d", s.Pools(), s.Elements(), pools, len(m.elements))
	}
	if got, want := s.NextExpiry(), m.nextExpiry(); !got.Equal(want) {
		t.Fatalf("next expiry %v, want %v", got, want)
	}
	for _, home := range modelHomes {
		owned := 0
		var marked, got []string
		for _, e := range m.elements {
			if e.home == home {
				owned++
				if e.marked {
					marked = append(marked, name(e.handle, e.id))
				}
			}
		}
		for _, e := range s.Marked(home, nil) {
			got = append(got, name(e.Pool().Handle(), e.ID()))
		}
		slices.Sort(marked)
		slices.Sort(got)
		if s.Owned(home) != owned || s.Checksum(home) != m.checksum(home) || !slices.Equal(got, marked) {
			t.Fatalf("of %s: owns %d, checksum %#04x, marked %v, want %d, %#04x, %v",
				home, s.Owned(home), s.Checksum(home), got, owned, m.checksum(home), marked)
		}
	}
	for _, e := range m.elements {
		entry := s.Find(e.handle, e.id)
		if entry == nil || entry.Home() != e.home || !entry.Expires().Equal(e.expires) {
			t.Fatalf("%s: %v, want home %s, expiry %v", name(e.handle, e.id), entry, e.home, e.expires)
		}
	}
}

func TestSpaceAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		play(rt, rapid.SliceOfN(rapid.Byte(), 0, 1200).Draw(rt, "operations"))
	})
}

func FuzzSpace(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0, 0, 2, 4, 7, 0, 0, 1, 10, 0, 0, 3, 9, 0, 0, 7})
	f.Add([]byte{0, 0, 1, 16, 1, 1, 1, 17, 2, 2, 2, 18, 5, 0, 1, 1, 11, 0, 0, 1, 11, 0, 0, 1, 4, 0, 1, 0, 9, 9, 9, 7})
	f.Fuzz(func(t *testing.T, data []byte) { play(t, data) })
}
