package simulate

import (
	"math/rand/v2"
	"time"

	rserpool "github.com/rspool/rspool"
)

// A gentle world is one in which registrars die, leave and come back one at
// a time, and nothing else happens: what the protocol promises to survive without
// anybody noticing.

// calm is when a gentle world's first fault may happen: all have started and know
// of each other.
const calm = 25 * time.Second

// recovering is the time between two faults of a gentle world.
func (s *Setting) recovering() time.Duration { return s.homing() + s.peering() }

// drawGentle lets a seed decide what happens in a gentle world.
func drawGentle(r *rand.Rand, s *Setting) []Fault {
	var fs []Fault
	at := calm
	for range s.Faults {
		f := Fault{
			At:   at + time.Duration(r.Int64N(int64(5*time.Second))).Truncate(time.Millisecond),
			Kind: []Kind{Crash, Crash, Drain}[r.IntN(3)],
			Who:  []int{r.IntN(s.Registrars)},
			For:  time.Duration(1+r.IntN(20_000)) * time.Millisecond,
			Told: r.IntN(3) == 0,
			Anew: r.IntN(2) == 0,
		}
		f.Off = !f.Told && r.IntN(2) == 0
		if f.Kind == Drain {
			f.For += s.Scope.HandoverTimeout
		}
		fs = append(fs, f)
		at = f.At + f.For + s.recovering()
	}
	return fs
}

// maxGap is how long a registrar may miss an element: its old home may say that
// it is gone before its new one has heard so.
const maxGap = time.Second

// checkGapless sees to it that a registrar of a gentle world knows every element.
func (w *World) checkGapless(n *registrarNode) {
	if !w.setting.Gentle || w.now < calm || !n.machine.InSync() || n.draining {
		return
	}
	for _, m := range w.members {
		if m == nil {
			continue
		}
		for _, s := range m.services {
			key := elementKey{s.plan.handle, s.id}
			if n.machine.Space().Find(s.plan.handle, s.id) != nil {
				delete(n.missed, key)
				continue
			}
			if n.missed[key] == 0 {
				n.missed[key] = w.now
			}
			if gap := w.now - n.missed[key]; gap >= maxGap {
				w.fail(Gapless, "%s does not know %s/%v of %s for %v", n.h.name, s.plan.handle, s.id, m.h.name, gap)
			}
		}
	}
}

// checkGap sees to it that users of a gentle world find elements all the time, but
// for the time that it takes to notice that a registrar is gone.
func (w *World) checkGap(m *member, h rserpool.Handle, err error) {
	if err == nil {
		m.found = w.now
	}
	if gap := w.now - max(m.found, calm); w.setting.Gentle && w.populated(h) && gap > w.setting.homing()+w.setting.resolving() {
		w.fail(Gapless, "%s has not found anything for %v", m.h.name, gap)
	}
}
