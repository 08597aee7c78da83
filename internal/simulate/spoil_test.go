package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/element"
	"github.com/rspool/rspool/internal/machine/user"
)

// TestSpoiltMachinesAreNoticed lets machines do something wrong, each time
// something else, and expects that one of the invariants which the fault touches
// breaks in some world: which world depends on every choice that machines make.
func TestSpoiltMachinesAreNoticed(t *testing.T) {
	// without leaves out the messages of a role for which drop returns true.
	without := func(name string, ppid uint32, types ...uint8) func(*role, []machine.Effect) []machine.Effect {
		return func(r *role, effects []machine.Effect) []machine.Effect {
			if r.name != name {
				return effects
			}
			var kept []machine.Effect
		next:
			for _, e := range effects {
				s, ok := e.(machine.Send)
				if p, isPointer := e.(*machine.Send); isPointer {
					s, ok = *p, true
				}
				for _, unwanted := range types {
					if ok && s.PPID == ppid && s.Payload[0] == unwanted {
						continue next
					}
				}
				kept = append(kept, e)
			}
			return kept
		}
	}
	drop := func(unwanted func(e machine.Effect) bool) func(*role, []machine.Effect) []machine.Effect {
		return func(_ *role, effects []machine.Effect) []machine.Effect {
			var kept []machine.Effect
			for _, e := range effects {
				if !unwanted(e) {
					kept = append(kept, e)
				}
			}
			return kept
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(r *role, effects []machine.Effect) []machine.Effect
		want  []Invariant
	}{
		{"elements_do_not_answer_keep_alives", without("element", asap.PPID, uint8(asap.TypeKeepAliveAck)), []Invariant{Missing, Homeless, Gapless, Resolved, Sessions}},
		{"registrars_do_not_answer_registrations", without("registrar", asap.PPID, uint8(asap.TypeRegistrationResponse)), []Invariant{Homeless, Missing, Gapless, Resolved}},
		{"registrars_do_not_answer_resolutions", without("registrar", asap.PPID, uint8(asap.TypeHandleResolutionResponse)), []Invariant{Resolved, Sessions, Gapless}},
		{"registrars_keep_updates_and_tables_to_themselves", without("registrar", enrp.PPID, uint8(enrp.TypeHandleUpdate), uint8(enrp.TypeHandleTableResponse)), []Invariant{Missing, Gapless, Resolved}},
		{"registrars_send_no_presences", without("registrar", enrp.PPID, uint8(enrp.TypePresence)), []Invariant{Peers, Rest, Missing, Gapless, Homeless}},
		{"registrars_do_not_say_who_has_taken_over", without("registrar", enrp.PPID, uint8(enrp.TypeTakeoverServer), uint8(enrp.TypeHandleUpdate)), []Invariant{Missing, Homeless, Gapless, Agreement, Rest}},
		{"hunts_never_dial", drop(func(e machine.Effect) bool { _, ok := e.(machine.Associate); return ok }), []Invariant{Homeless}},
		{"elements_hear_nothing_of_their_home", drop(func(e machine.Effect) bool { _, ok := e.(machine.HomeUp); return ok }), []Invariant{Homeless}},
		{"applications_are_not_told_of_registrations", drop(func(e machine.Effect) bool { _, ok := e.(element.Registered); return ok }), []Invariant{Homeless}},
		{"answers_do_not_reach_their_callers", drop(func(e machine.Effect) bool { _, ok := e.(user.Resolved); return ok }), []Invariant{Answered}},
		{"a_message_is_for_nobody", func(r *role, effects []machine.Effect) []machine.Effect {
			if r.name == "hunt" {
				effects = append(effects[:len(effects):len(effects)], machine.Send{Association: 4711, Payload: []byte{1}})
			}
			return effects
		}, []Invariant{DeadAssociation}},
		{"an_effect_has_no_meaning", func(r *role, effects []machine.Effect) []machine.Effect {
			return append(effects[:len(effects):len(effects)], "nonsense")
		}, []Invariant{Unexpected}},
		{"elements_that_should_be_gone_go_on", func(r *role, effects []machine.Effect) []machine.Effect {
			if m := r.p.w.members[r.p.h.index]; m != nil && r.p.w.now > 5*time.Second && len(m.services) > 0 {
				if s := m.services[0]; s.wanted {
					s.out()
				}
			}
			return effects
		}, []Invariant{Stale}},
		{"elements_change_their_homes_by_themselves", func(r *role, effects []machine.Effect) []machine.Effect {
			if n := r.p.w.registrars[r.p.h.index]; n != nil {
				for p := range n.machine.Space().All() {
					for e := range p.Elements() {
						e.Element().Home++
						return effects
					}
				}
			}
			return effects
		}, []Invariant{Checksum}},
		{"a_machine_panics", func(*role, []machine.Effect) []machine.Effect { panic("spoilt") }, []Invariant{Panic}},
		{"a_machine_never_rests", func(r *role, effects []machine.Effect) []machine.Effect {
			r.machine = restless{r.machine, r.p.w}
			return effects
		}, []Invariant{Livelock}},
		{"cookies_are_mixed_up", func(r *role, effects []machine.Effect) []machine.Effect {
			for _, m := range r.p.w.members {
				for i := 0; m != nil && i < len(m.sessions); i++ {
					m.sessions[i].cookie = []byte("another")
				}
			}
			return effects
		}, []Invariant{Cookie}},
		{"associations_pile_up", func(r *role, effects []machine.Effect) []machine.Effect {
			if r.name == "hunt" {
				p := r.p.h.open(0, false, nobody{})
				if a := r.p.h.net.hosts[0]; a != r.p.h {
					p.dial(addressOf(a, asap.Port))
				}
			}
			return effects
		}, []Invariant{Bounded, Livelock}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const worlds = 200
			noticed := map[Invariant]uint64{} // and the first seed in which
			for seed := uint64(1); seed <= worlds; seed++ {
				w, fs := build(seed, Options{})
				if !w.setting.Peered {
					continue
				}
				w.spoil = tt.spoil
				w.run(fs)
				if w.failure == nil {
					continue
				}
				if slices.Contains(tt.want, w.failure.Invariant) {
					return
				}
				if _, ok := noticed[w.failure.Invariant]; !ok {
					noticed[w.failure.Invariant] = seed
				}
			}
			t.Errorf("none of %q breaks in %d worlds; noticed (and the first seed): %v", tt.want, worlds, noticed)
		})
	}
}

// restless is a machine whose deadline is always over.
type restless struct {
	machine.Machine
	w *World
}

func (r restless) Deadline() time.Time { return r.w.time() }

// nobody is a handler that does nothing.
type nobody struct{}

func (nobody) happened(*end, change)        {}
func (nobody) message(*end, uint32, []byte) {}
func (nobody) writable(*end)                {}
