package hunt

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// FuzzMachine plays any course of events. Whatever happens, the hunt knows which
// associations there are, has one home at most, tries three registrars at a time
// at most, and either has a home, tries, waits, or knows nobody.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 3, 2, 0, 5, 0, 7, 1})
	f.Add([]byte{0, 2, 4, 1, 4, 2, 6, 1, 6, 2, 5, 1, 9, 200, 8, 0, 1, 7, 3, 0})
	f.Add([]byte{1, 1, 1, 2, 1, 3, 1, 4, 3, 0, 3, 0, 9, 255, 9, 255, 2, 0, 5, 1, 2, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		w := newWorld(t, rserpool.Deployed)
		m := w.m
		alive := map[machine.AssociationID]bool{}
		dials := map[machine.Ticket]bool{}
		var home, next machine.AssociationID
		step := func(in machine.Input) {
			for _, e := range m.Step(w.Now, in) {
				switch e := e.(type) {
				case machine.Associate:
					dials[e.Ticket] = true
				case machine.Cancel:
					if !dials[e.Ticket] {
						t.Fatalf("cancelled %d, which is not under way", e.Ticket)
					}
					delete(dials, e.Ticket)
				case machine.Shutdown:
					mustLive(t, alive, e.Association, e)
					delete(alive, e.Association)
				case machine.Abort:
					mustLive(t, alive, e.Association, e)
					delete(alive, e.Association)
				case machine.HomeUp:
					mustLive(t, alive, e.Association, e)
					if home != 0 && !e.Adopted {
						t.Fatalf("home %d after %d without its loss", e.Association, home)
					}
					home = e.Association
				case machine.HomeLost:
					if e.Association != home {
						t.Fatalf("lost %d, but the home is %d", e.Association, home)
					}
					home = 0
				}
			}
			if h, ok := m.Home(); ok != (home != 0) || h.Association != home {
				t.Fatalf("home is %v, %v after the effects of %d", h.Association, ok, home)
			}
			if len(m.attempts) > maxAttempts || len(m.attempts) != len(dials) {
				t.Fatalf("%d attempts, %d dials", len(m.attempts), len(dials))
			}
			if home == 0 && len(m.attempts) == 0 && len(m.table.servers) > 0 && m.Deadline().IsZero() {
				t.Fatal("the hunt has come to an end")
			}
			if n := len(m.incoming) + len(m.former); n > maxIncoming+int(linger/adoptInterval)+1 {
				t.Fatalf("%d associations wait", n)
			}
			if m.table.announced > maxAnnounced {
				t.Fatalf("%d registrars are known by announcements", m.table.announced)
			}
		}
		pick := func(n byte) machine.AssociationID { return machine.AssociationID(n) % (next + 1) }
		for len(script) >= 2 {
			verb, arg := script[0], script[1]
			script = script[2:]
			switch verb % 10 {
			case 0:
				in := &Servers{}
				for i := range arg % 8 {
					in.List = append(in.List, address(i))
				}
				step(in)
			case 1:
				in, err := announcement(rserpool.RegistrarID(arg)+1, fmt.Sprintf("192.0.2.%d:3863", arg), nil)
				if err != nil {
					t.Fatal(err)
				}
				step(in)
			case 2, 3:
				k, to := m.oldest()
				if k == 0 {
					break
				}
				delete(dials, k)
				if verb%10 == 3 {
					step(&machine.AssociationFailed{Ticket: k})
				} else {
					next++
					alive[next] = true
					step(&machine.AssociationUp{Ticket: k, Association: next, Local: local, Remote: to})
				}
			case 4:
				next++
				alive[next] = true
				step(&machine.AssociationUp{Association: next, Local: local, Remote: address(arg % 8)})
			case 5:
				if id := pick(arg); alive[id] {
					delete(alive, id)
					step(&machine.AssociationLost{Association: id})
				}
			case 6:
				step(&machine.Adopt{Association: pick(arg), Registrar: rserpool.RegistrarID(arg) + 1})
			case 7:
				step(&machine.Rehunt{Association: pick(arg)})
			case 8:
				if id := pick(arg); alive[id] {
					step(&machine.AssociationLost{Association: id, Restarted: true})
				}
			case 9:
				end := w.Now.Add(time.Duration(arg) * 100 * time.Millisecond)
				for range 1000 {
					d := m.Deadline()
					if d.IsZero() || d.After(end) {
						break
					}
					if d.After(w.Now) {
						w.Now = d
					}
					step(&machine.Tick{})
				}
				w.Now = end
			}
		}
	})
}

// oldest returns the attempt that was begun first, and where it goes.
func (m *Machine) oldest() (machine.Ticket, transport.Address) {
	if len(m.attempts) == 0 {
		return 0, transport.Address{}
	}
	k := slices.Min(slices.Collect(maps.Keys(m.attempts)))
	return k, m.attempts[k].address
}

func address(i byte) transport.Address {
	return transport.Address{IPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, i + 1})}, Port: 3863}
}

func mustLive(t *testing.T, alive map[machine.AssociationID]bool, id machine.AssociationID, e any) {
	t.Helper()
	if !alive[id] {
		t.Fatalf("%#v is about association %d, which is gone", e, id)
	}
}
