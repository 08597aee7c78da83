package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/rspool/rspool/internal/machine"
)

// process is a program on a host, from its start to its death. It carries out
// what its machines ask for, as the drivers of package registrar and package
// pool do.
type process struct {
	w    *World
	h    *host
	dead bool
	// associations are those that the machines may use. One leaves when they
	// have heard that it is gone, or have aborted it.
	associations map[machine.AssociationID]*end
}

func newProcess(w *World, h *host) process {
	return process{w: w, h: h, associations: map[machine.AssociationID]*end{}}
}

// use returns the association that an effect is about. No machine may want
// anything of one that it knows to be gone.
func (p *process) use(id machine.AssociationID, effect string) *end {
	e := p.associations[id]
	if e == nil {
		p.w.fail(DeadAssociation, "%s: %s on association %d, which is gone", p.h.name, effect, id)
	}
	return e
}

// role is a machine of a process, and when it needs its next Tick.
type role struct {
	p       *process
	name    string
	machine machine.Machine
	input   func(machine.Input) // hands an input to the machine and does what it asks for
	rand    *rand.Rand          // decides how late ticks are
	wake    time.Time           // zero: no tick is due
	wakes   int                 // the number of the present wake; those before are void
	overdue int                 // ticks in a row after which the deadline was in the past

	second time.Duration // the last one in which the machine made steps
	steps  int           // made in it
}

const (
	// maxSteps bounds the steps of a machine in one second. A world is small: a
	// machine that needs more turns in circles.
	maxSteps = 3000
	// maxOverdue bounds the ticks in a row that leave something to be done at
	// once.
	maxOverdue = 16
)

func (p *process) addRole(name string, m machine.Machine, input func(machine.Input)) *role {
	r := &role{p: p, name: name, machine: m, input: input, rand: p.chance()}
	r.arm()
	return r
}

// step hands an input to the machine and returns what it asks for.
func (r *role) step(in machine.Input) []machine.Effect {
	w := r.p.w
	w.tally.Steps++
	if s := w.now.Truncate(time.Second); s != r.second {
		r.second, r.steps = s, 0
	}
	if r.steps++; r.steps > maxSteps {
		w.fail(Livelock, "%s: the %s made %d steps within a second, deadline %v", r.p.h.name, r.name, r.steps, w.since(r.machine.Deadline()))
		return nil
	}
	w.mix(uint64(w.now), uint64(r.p.h.index))
	effects := r.machine.Step(w.time(), in)
	if w.spoil != nil {
		effects = w.spoil(r, effects)
	}
	return effects
}

// arm sees to it that the machine is ticked at its deadline, or a little later.
func (r *role) arm() {
	d := r.machine.Deadline()
	if d.Equal(r.wake) {
		return
	}
	r.wake = d
	r.wakes++
	if d.IsZero() {
		return
	}
	late := time.Duration(r.rand.Int64N(int64(100 * time.Microsecond)))
	if r.rand.IntN(64) == 0 {
		late *= 500
	}
	mine := r.wakes
	r.p.w.at(r.p.w.since(d)+late, func() { r.due(mine) })
}

func (r *role) due(mine int) {
	switch {
	case r.wakes != mine || r.p.dead:
	case r.p.h.stopped > 0:
		r.p.h.waiting = append(r.p.h.waiting, func() { r.due(mine) })
	default:
		r.wake = time.Time{}
		r.input(&machine.Tick{})
		r.overdue++
		if d := r.machine.Deadline(); d.IsZero() || d.After(r.p.w.time()) {
			r.overdue = 0
		}
		if r.overdue > maxOverdue {
			r.p.w.fail(Livelock, "%s: the %s has its deadline in the past after %d ticks", r.p.h.name, r.name, r.overdue)
		}
	}
}
