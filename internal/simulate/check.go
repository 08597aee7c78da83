package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/machine/user"
)

// Invariant names what must hold in every world.
type Invariant string

// The invariants. The first ones hold at any time, the others once the world has
// settled.
const (
	Panic           Invariant = "nothing panics"
	Unexpected      Invariant = "drivers understand their machines"
	Livelock        Invariant = "machines come to rest"
	DeadAssociation Invariant = "no effect is for an association that is gone"
	Checksum        Invariant = "checksums are those of the elements"
	Bounded         Invariant = "nothing grows without bound"
	Answered        Invariant = "every resolution is answered in time"
	Cookie          Invariant = "a new element gets the newest cookie"
	Stale           Invariant = "elements that are gone are removed in time"

	Missing   Invariant = "every live element is in its pool"
	Homeless  Invariant = "every element has one home, which lives"
	Agreement Invariant = "all registrars have the same handlespace"
	Resolved  Invariant = "users find live elements, and only those"
	Sessions  Invariant = "sessions are served"
	Rest      Invariant = "a steady scope does not synchronise"
	Peers     Invariant = "registrars know their peers"

	// Gapless holds in gentle worlds, at any time.
	Gapless Invariant = "while registrars come and go, nobody misses an element"
)

// Failure is an invariant that does not hold.
type Failure struct {
	At        time.Duration
	Invariant Invariant
	Detail    string
}

// Error tells the failure in a line.
func (f *Failure) Error() string {
	return fmt.Sprintf("%.3fs: %s: %s", f.At.Seconds(), f.Invariant, f.Detail)
}

// fail notes the first failure, which ends the world.
func (w *World) fail(i Invariant, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{w.now, i, fmt.Sprintf(format, args...)}
		w.note("!!! %s: %s", i, w.failure.Detail)
	}
}

// The bounds of what a world holds.
const (
	maxEnds      = 64     // associations of a host
	maxEvents    = 20_000 // that are still to happen
	maxQuestions = 256    // of a host, without an answer
)

// check looks at everything that must hold at any time.
func (w *World) check() {
	if n := len(w.events); n > maxEvents {
		w.fail(Bounded, "%d events are still to happen", n)
	}
	for i, h := range w.hosts {
		ends := 0
		for _, p := range h.endpoints {
			ends += len(p.ends)
		}
		if ends > maxEnds {
			w.fail(Bounded, "%s has %d associations", h.name, ends)
		}
		if n := w.registrars[i]; n != nil {
			w.checkSums(n)
			w.checkStale(n)
			s := n.machine.Scope()
			if k := n.machine.PeerCount() + s.Contacts + s.Calls + len(s.Peers); k > maxEnds {
				w.fail(Bounded, "registrar %s has %d associations, contacts, calls and peers", h.name, k)
			}
			w.checkGapless(n)
		}
		if m := w.members[i]; m != nil {
			w.checkQuestions(m)
		}
	}
}

// checkSums computes the checksums of a registrar's handlespace anew.
func (w *World) checkSums(n *registrarNode) {
	sums := map[rserpool.RegistrarID]uint32{}
	counts := map[rserpool.RegistrarID]int{}
	space := n.machine.Space()
	all := 0
	for p := range space.All() {
		for e := range p.Elements() {
			all++
			counts[e.Home()]++
			sums[e.Home()] += sumOf(p.Handle(), e.ID())
		}
	}
	if all != space.Elements() {
		w.fail(Checksum, "%s counts %d elements and has %d", n.h.name, space.Elements(), all)
	}
	for id, sum := range sums {
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if got := space.Checksum(id); got != ^uint16(sum) {
			w.fail(Checksum, "%s has 0x%04x for %v, and it is 0x%04x", n.h.name, got, id, ^uint16(sum))
		}
		if got := space.Owned(id); got != counts[id] {
			w.fail(Checksum, "%s counts %d elements of %v and has %d", n.h.name, got, id, counts[id])
		}
	}
}

// sumOf is the sum of the 16-bit words of an element's handle and identifier
// (RFC 5353, Section 3.6.2).
func sumOf(h rserpool.Handle, id rserpool.ElementID) uint32 {
	words := []byte(h)
	if len(words)%2 == 1 {
		words = append(words, 0)
	}
	sum := uint32(id>>16) + uint32(id&0xffff)
	for i := 0; i < len(words); i += 2 {
		sum += uint32(words[i])<<8 + uint32(words[i+1])
	}
	return sum
}

// checkStale looks for elements that are gone and should be removed by their
// home, and by everybody once the world is quiet.
func (w *World) checkStale(n *registrarNode) {
	if n.h.stopped > 0 {
		return
	}
	for p := range n.machine.Space().All() {
		for e := range p.Elements() {
			key := elementKey{p.Handle(), e.ID()}
			if w.live[key] != nil {
				continue
			}
			since, most := max(w.died[key], n.h.resumed, n.born), w.setting.settling()
			if e.Home() == n.id {
				if n.owned[key] == 0 {
					n.owned[key] = w.now
				}
				since, most = max(since, n.owned[key]), w.setting.removing()
			} else {
				delete(n.owned, key)
				since = max(since, w.setting.Chaos)
			}
			if age := w.now - since; age > most {
				w.fail(Stale, "%s keeps %s/%v of %v, which is gone for %v", n.h.name, key.handle, key.id, e.Home(), age)
			}
		}
	}
}

// checkQuestions looks for resolutions that wait for too long.
func (w *World) checkQuestions(m *member) {
	if len(m.questions) > maxQuestions {
		w.fail(Bounded, "%s waits for %d resolutions", m.h.name, len(m.questions))
	}
	if m.h.stopped > 0 {
		return
	}
	for _, t := range slices.Sorted(maps.Keys(m.questions)) {
		q := m.questions[t]
		if age := w.now - max(q.since, m.h.resumed); age > w.setting.resolving() {
			w.fail(Answered, "%s waits for %s for %v", m.h.name, q.handle, age)
		}
	}
}

// settled reports whether faults are over for long enough.
func (w *World) settled() bool { return w.now >= w.setting.Settled }

// checkSettled looks at what must hold in a world that has settled.
func (w *World) checkSettled() {
	for _, m := range w.members {
		if m == nil {
			continue
		}
		for _, s := range m.services {
			if s.wanted {
				w.checkService(s)
			}
		}
		for _, s := range m.sessions {
			w.checkSession(s)
		}
	}
	for _, n := range w.registrars {
		if n == nil {
			continue
		}
		if k := n.machine.Space().Elements(); k > w.expected(n) {
			w.fail(Agreement, "%s has %d elements, and there are %d", n.h.name, k, w.expected(n))
		}
		if w.setting.Peered {
			w.checkPeers(n)
		}
	}
}

// checkPeers sees to it that a registrar knows those who live, and nobody else.
func (w *World) checkPeers(n *registrarNode) {
	scope := n.machine.Scope()
	if !scope.InSync {
		w.fail(Peers, "%s is not in sync", n.h.name)
	}
	known := map[rserpool.RegistrarID]bool{}
	for _, p := range scope.Peers {
		known[p.ID] = true
		if p.State == registrar.PeerInactive || p.State == registrar.PeerUnheard || n.associations[p.Association] == nil {
			w.fail(Peers, "%s says that %v is %v, with association %d", n.h.name, p.ID, p.State, p.Association)
		}
	}
	for _, o := range w.registrars {
		if o == nil || o == n {
			continue
		}
		if !known[o.id] {
			w.fail(Peers, "%s does not know %s (%v)", n.h.name, o.h.name, o.id)
		}
		delete(known, o.id)
	}
	if len(known) > 0 {
		w.fail(Peers, "%s has peers that do not live: %v", n.h.name, slices.Sorted(maps.Keys(known)))
	}
}

// expected returns how many elements a registrar should have.
func (w *World) expected(n *registrarNode) int {
	if w.setting.Peered {
		return len(w.live)
	}
	k := 0
	for _, s := range w.live {
		if w.homeOf(s.m) == n {
			k++
		}
	}
	return k
}

// homeOf returns the registrar that a member believes to be its home, nil if that
// is none or dead.
func (w *World) homeOf(m *member) *registrarNode {
	a := m.associations[m.home.Association]
	if a == nil || a.peer == nil {
		return nil
	}
	n := w.registrars[a.remote.index]
	if n == nil || n.associations[a.peer.id] == nil {
		return nil
	}
	return n
}

// checkService sees to it that an element is where it belongs.
func (w *World) checkService(s *service) {
	home := w.homeOf(s.m)
	name := fmt.Sprintf("%s/%v of %s", s.plan.handle, s.id, s.m.h.name)
	switch {
	case home == nil:
		w.fail(Homeless, "%s has no home", name)
		return
	case s.confirmed == 0:
		w.fail(Homeless, "%s is not confirmed by its home %s", name, home.h.name)
		return
	}
	for _, n := range w.registrars {
		if n == nil || n != home && !w.setting.Peered {
			continue
		}
		e := n.machine.Space().Find(s.plan.handle, s.id)
		if e == nil {
			w.fail(Missing, "%s has its home at %s, and %s does not know it", name, home.h.name, n.h.name)
			return
		}
		t := &e.Element().UserTransport
		switch {
		case e.Home() != home.id:
			w.fail(Homeless, "%s has its home at %s (%v), and %s says %v", name, home.h.name, home.id, n.h.name, e.Home())
		case t.Port != s.endpoint.port || len(t.Addresses) != 1 || t.Addresses[0] != s.m.h.ip:
			w.fail(Agreement, "%s is at %v:%d, and %s says %v", name, s.m.h.ip, s.endpoint.port, n.h.name, t)
		case withoutDistance(e.Element().Policy) != s.policy:
			w.fail(Agreement, "%s has the policy %v, and %s says %v", name, s.policy, n.h.name, e.Element().Policy)
		}
		if n == home {
			a := s.m.associations[s.m.home.Association]
			if over := registrar.TenureOf(e).Association; over != a.peer.id {
				w.fail(Homeless, "%s is registered over association %d, and its home %s watches %d", name, a.peer.id, n.h.name, over)
			}
		}
	}
}

// withoutDistance leaves out what each registrar measures for itself.
func withoutDistance(p rserpool.Policy) rserpool.Policy {
	p.Distance = 0
	return p
}

// restless notes what must not happen in a scope that has settled.
func (w *World) restless(h *host, what string) {
	if w.settled() {
		w.fail(Rest, "%s %s", h.name, what)
	}
}

// oneScope reports whether all registrars know all elements.
func (w *World) oneScope() bool { return w.setting.Peered || w.setting.Registrars == 1 }

// populated reports whether a pool has a live element.
func (w *World) populated(h rserpool.Handle) bool {
	for key := range w.live {
		if key.handle == h {
			return true
		}
	}
	return false
}

// maxSilence bounds the time without an echo in a session that is well.
const maxSilence = 2*pace + time.Second

// checkSession sees to it that a session has an element that answers. Its
// identifier may be another by now, where a host came back at the same port.
func (w *World) checkSession(s *session) {
	if !w.oneScope() || !w.populated(s.handle) {
		return
	}
	if s.up == 0 {
		w.fail(Sessions, "%v", s)
	} else if silent := w.now - max(s.heard, s.up); silent > maxSilence {
		w.fail(Sessions, "%v has had no echo for %v", s, silent)
	}
}

// resolved notes an answer, which must be right in a world that has settled.
func (w *World) resolved(m *member, h rserpool.Handle, a user.Resolved) {
	w.tally.Resolutions++
	if a.Err != nil {
		w.tally.Unresolved++
	}
	if w.recording {
		var ids []rserpool.ElementID
		for _, e := range a.Elements {
			ids = append(ids, e.ID)
		}
		w.note("%s finds %s: %v cached=%v error=%v", m.h.name, h, ids, a.Cached, a.Err)
		w.lines[len(w.lines)-1].Routine = a.Err == nil
	}
	w.checkGap(m, h, a.Err)
	if !w.settled() {
		return
	}
	if w.oneScope() && a.Err != nil && w.populated(h) {
		w.fail(Resolved, "%s does not find %s: %v", m.h.name, h, a.Err)
	}
	for _, e := range a.Elements {
		if w.live[elementKey{h, e.ID}] == nil {
			w.fail(Resolved, "%s finds %s/%v, which is gone", m.h.name, h, e.ID)
		}
	}
}

// failedOver notes a failover.
func (w *World) failedOver(s *session, f *user.Failover) {
	w.tally.Failovers++
	if w.setting.Gentle && w.now > calm {
		w.fail(Gapless, "%s moves from %v to %v, although elements are well: %s", s.m.h.name, f.From, f.To, f.Reason)
	}
	w.tally.LongestFailover = max(w.tally.LongestFailover, f.Duration)
	w.note("%s moved from %v to %v after %v: %s", s.m.h.name, f.From, f.To, f.Duration, f.Reason)
}
