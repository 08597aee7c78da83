package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/transport"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults. Some are none, but what users and elements do.
const (
	Crash    Kind = "crash"    // the process dies
	Pause    Kind = "pause"    // the process stops, and goes on later
	Cut      Kind = "cut"      // a partition
	Slow     Kind = "slow"     // the process does not read what comes from another host
	Lose     Kind = "lose"     // associations between two hosts are lost
	Ticks    Kind = "ticks"    // the machines are ticked although nothing is due
	Storm    Kind = "storm"    // the network is slow and loses much
	Drain    Kind = "drain"    // a registrar ends in order
	Leave    Kind = "leave"    // an element leaves its pool, and comes back
	Load     Kind = "load"     // an element has another load
	Crowd    Kind = "crowd"    // a user resolves many times at once
	Failover Kind = "failover" // a user's sessions leave their elements
)

// Fault is something that happens to a world by chance. It undoes itself, so that
// faults can be left out in any combination.
type Fault struct {
	At   time.Duration
	Kind Kind
	Who  []int         // hosts
	For  time.Duration // zero: for ever

	Told   bool // Crash: the system tells the peers
	Off    bool // Crash: the host is switched off
	Anew   bool // Crash, Drain: it returns with another identity
	Frozen bool // Pause: the transport stops too
	OneWay bool // Cut: Who are not heard, but hear
	Number uint32
}

// drawFaults lets a seed decide what happens.
func drawFaults(r *rand.Rand, w *World) []Fault {
	s := &w.setting
	if s.Gentle {
		return drawGentle(r, s)
	}
	forever := s.Registrars - 1 // that may stay dead
	var registrars, members, elements, users []int
	for i, p := range w.places {
		switch {
		case p.registrar:
			registrars = append(registrars, i)
		case len(p.member.elements) > 0:
			elements = append(elements, i)
			members = append(members, i)
		default:
			users = append(users, i)
			members = append(members, i)
		}
	}
	one := func(of []int) int { return of[r.IntN(len(of))] }
	all := append(slices.Clone(registrars), members...)
	var fs []Fault
	for range s.Faults {
		f := Fault{At: time.Duration(r.Int64N(int64(s.Chaos) * 9 / 10)).Truncate(time.Millisecond), Number: r.Uint32()}
		f.For = time.Duration(r.Int64N(int64(s.Chaos-f.At))).Truncate(time.Millisecond) + time.Millisecond
		if r.IntN(2) == 0 {
			f.For = min(f.For, time.Duration(1+r.IntN(4000))*time.Millisecond)
		}
		f.Anew, f.Told, f.OneWay = r.IntN(2) == 0, r.IntN(3) == 0, r.IntN(3) == 0
		f.Frozen = r.IntN(3) > 0
		f.Off = !f.Told && r.IntN(2) == 0
		f.Kind = []Kind{Crash, Crash, Crash, Crash, Pause, Pause, Pause, Cut, Cut, Cut, Cut, Slow, Slow, Lose, Lose,
			Ticks, Storm, Drain, Leave, Leave, Load, Load, Crowd, Failover}[r.IntN(24)]
		switch f.Kind {
		case Crash:
			f.Who = []int{one(all)}
			if r.IntN(2) == 0 {
				f.Who[0] = one(registrars)
			}
			if r.IntN(4) == 0 {
				if !w.places[f.Who[0]].registrar {
					f.For = 0
				} else if forever > 0 {
					forever--
					f.For = 0
				}
			}
		case Pause, Ticks:
			f.Who = []int{one(all)}
			if r.IntN(2) == 0 {
				f.Who[0] = one(registrars)
			}
		case Cut:
			for _, i := range all {
				if r.IntN(2) == 0 {
					f.Who = append(f.Who, i)
				}
			}
			if len(f.Who) == 0 || r.IntN(2) == 0 {
				f.Who = []int{one(all)}
			}
		case Slow, Lose:
			f.Who = []int{one(all), one(registrars)}
			if r.IntN(2) == 0 {
				f.Who[0], f.Who[1] = f.Who[1], f.Who[0]
			}
		case Storm:
			f.For = min(f.For, 10*time.Second)
		case Drain:
			f.Who = []int{one(registrars)}
		case Leave, Load:
			f.Who = []int{one(elements)}
		case Crowd, Failover:
			f.Who = []int{one(users)}
		}
		fs = append(fs, f)
	}
	slices.SortStableFunc(fs, func(a, b Fault) int { return int(a.At - b.At) })
	return fs
}

// happen lets a fault happen.
func (w *World) happen(f Fault) {
	w.note("*** %s", w.describe(f))
	var h *host
	if len(f.Who) > 0 {
		h = w.hosts[f.Who[0]]
	}
	switch f.Kind {
	case Crash:
		w.crash(h, f)
	case Pause:
		w.pause(h, f.Frozen, 1)
		w.after(f.For, func() {
			w.note("*** %s goes on", h.name)
			w.pause(h, f.Frozen, -1)
		})
	case Cut:
		var side, other []*host
		for _, o := range w.hosts {
			if slices.Contains(f.Who, o.index) {
				side = append(side, o)
			} else {
				other = append(other, o)
			}
		}
		w.cut(side, other, f.OneWay, 1)
		w.after(f.For, func() {
			w.note("*** %s healed", w.names(f.Who))
			w.cut(side, other, f.OneWay, -1)
		})
	case Slow:
		for _, e := range w.between(h, w.hosts[f.Who[1]]) {
			e.stall(1)
			w.after(f.For, func() { e.stall(-1) })
		}
	case Lose:
		for _, e := range w.between(h, w.hosts[f.Who[1]]) {
			if e.state == open {
				e.finish(change{kind: transport.Lost, reason: "lost by the network"}, 0)
			}
		}
	case Ticks:
		for range 1 + f.Number%5 {
			w.after(time.Duration(h.rand.Int64N(int64(f.For))), func() { w.tick(h) })
		}
	case Storm:
		calm := w.setting.Network
		w.delay, w.jitter = 4*calm.delay+50*time.Millisecond, 4*calm.jitter+200*time.Millisecond
		w.loss, w.drop = 0.2, 0.5
		w.after(f.For, func() {
			w.delay, w.jitter, w.loss, w.drop = calm.delay, calm.jitter, calm.loss, calm.drop
		})
	case Drain:
		if n := w.registrars[h.index]; n != nil && h.stopped == 0 {
			n.draining = true
			n.step(&registrar.Drain{})
			w.after(min(f.For, w.setting.Scope.HandoverTimeout+2*time.Second), func() {
				if w.registrars[h.index] == n {
					w.crash(h, f)
				}
			})
		}
	default:
		if m := w.members[h.index]; m != nil {
			m.later(0, func() { m.happen(f) })
		}
	}
}

// happen lets the application of a member do something.
func (m *member) happen(f Fault) {
	switch f.Kind {
	case Leave:
		s := m.services[int(f.Number)%len(m.services)]
		s.part()
		m.later(f.For, func() { s.rejoin() })
	case Load:
		s := m.services[int(f.Number)%len(m.services)]
		if s.wanted && s.policy.Type == rserpool.LeastUsed {
			s.change(rserpool.Load(f.Number))
		}
	case Crowd:
		for i := range f.Number % 20 {
			m.resolveNow(m.w.setting.Pools[int(f.Number+i)%len(m.w.setting.Pools)], time.Duration(i%2)*time.Second)
		}
	case Failover:
		for _, s := range slices.Clone(m.sessions) {
			s.step(&user.ForceFailover{Reason: "the application wants it", Unreachable: f.Number%2 == 0})
		}
	}
}

// crash lets a process die, and begin again after a while.
func (w *World) crash(h *host, f Fault) {
	p := &w.places[h.index]
	p.downs++
	w.kill(h, f.Told)
	if f.Off {
		h.on = false
		w.review()
	}
	if f.For > 0 {
		w.after(f.For, func() {
			p.downs--
			w.start(h, f.Anew)
		})
	}
}

// between returns the ends at a host of its associations with another.
func (w *World) between(h, other *host) (es []*end) {
	for _, p := range h.endpoints {
		for _, e := range p.ends {
			if e.remote == other {
				es = append(es, e)
			}
		}
	}
	return es
}

// tick ticks the machines of a host out of turn.
func (w *World) tick(h *host) {
	if h.stopped > 0 {
		return
	}
	if n := w.registrars[h.index]; n != nil {
		n.step(&machine.Tick{})
	}
	if m := w.members[h.index]; m != nil {
		for _, r := range []*role{m.hunt, m.elements, m.resolver} {
			r.input(&machine.Tick{})
		}
		for _, s := range slices.Clone(m.sessions) {
			s.step(&machine.Tick{})
		}
	}
}

func (w *World) names(hosts []int) string {
	var names []string
	for _, i := range hosts {
		names = append(names, w.hosts[i].name)
	}
	return strings.Join(names, ",")
}

// describe tells a fault in words.
func (w *World) describe(f Fault) string {
	s := fmt.Sprintf("%s %s", f.Kind, w.names(f.Who))
	if f.For > 0 {
		s += fmt.Sprintf(" for %v", f.For)
	} else {
		s += " for ever"
	}
	for _, flag := range []struct {
		set  bool
		kind []Kind
		word string
	}{
		{f.Told, []Kind{Crash}, "told"},
		{f.Off, []Kind{Crash}, "off"},
		{f.Anew, []Kind{Crash, Drain}, "anew"},
		{f.Frozen, []Kind{Pause}, "frozen"},
		{f.OneWay, []Kind{Cut}, "one-way"},
	} {
		if flag.set && slices.Contains(flag.kind, f.Kind) {
			s += " " + flag.word
		}
	}
	return s
}
