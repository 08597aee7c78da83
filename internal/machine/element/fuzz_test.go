package element

import (
	"fmt"
	"testing"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// FuzzMachine plays any course of events among eight elements of two pools.
// Whatever happens, the state hangs together (see world.check), and an element
// whose registrar answers from some point on is registered in the end.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 4, 0, 4, 1, 9, 10, 2, 0, 5, 1})
	f.Add([]byte{0, 0, 1, 0, 3, 0, 1, 1, 9, 255, 9, 255, 3, 0, 9, 200})
	f.Add([]byte{0, 1, 0, 2, 0, 3, 1, 0, 6, 1, 7, 2, 8, 0, 8, 1, 10, 3, 9, 30, 11, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		w := newWorld(t, 0)
		next := 0
		name := func(n byte) string {
			return fmt.Sprintf("Pool%d/%d", n%2, n%8+1)
		}
		do := func(words ...string) {
			if err := w.do(words); err != nil {
				t.Fatalf("%v: %v", words, err)
			}
			w.check()
		}
		home := func() {
			next++
			do("home", fmt.Sprint(next))
		}
		for len(script) >= 2 {
			verb, arg := script[0], script[1]
			script = script[2:]
			el := name(arg)
			id := machine.Ticket(arg%8 + 1)
			switch verb % 12 {
			case 0:
				if w.m.elements[id] == nil {
					do("register", el, "policy=least-used")
				}
			case 1:
				home()
			case 2:
				if w.home != 0 {
					do("home-lost")
				}
			case 3:
				do("deregister", el)
			case 4:
				do("accept", el)
			case 5:
				do("reject", el, fmt.Sprint([]int{3, 6, 0xf007, 0xf008}[arg/8%4]))
			case 6:
				do("deregistered", el)
			case 7:
				if w.m.elements[id] != nil {
					do("update", el, fmt.Sprintf("load=%g", float64(arg)/255))
				}
			case 8:
				do("keep-alive", []string{el, "Pool0", "Pool1"}[arg/8%3], "from=0xa", "home", fmt.Sprintf("on=%d", arg/24))
			case 9:
				do("advance", fmt.Sprintf("%dms", int(arg)*200))
			case 10:
				do("error", "0x11")
			case 11:
				w.step(&machine.Received{Association: w.home, PPID: asap.PPID, Payload: script[:min(len(script), int(arg))]})
				w.check()
			}
			w.Out.Reset()
		}
		// From here on the registrar behaves.
		home()
		for range 4 {
			for t, e := range w.m.elements {
				switch {
				case e.inFlight && e.state == leaving:
					do("deregistered", fmt.Sprintf("%s/%d", e.Handle, t))
				case e.inFlight:
					do("accept", fmt.Sprintf("%s/%d", e.Handle, t))
				}
			}
		}
		for id, e := range w.m.elements {
			if e.state != registered {
				t.Errorf("element %d is in state %d in the end", id, e.state)
			}
		}
	})
}
