package element

import (
	"fmt"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// crowd returns a machine with n registered elements of ten pools.
func crowd(b *testing.B, n int) *world {
	w := newWorld(b, rserpool.Deployed)
	w.m.Step(w.Now, &machine.HomeUp{Association: 1, Local: local})
	for i := range n {
		in := newRegister(rserpool.Handle(fmt.Sprint("Pool", i%10)), rserpool.ElementID(i+1))
		w.m.Step(w.Now, in)
		w.m.Step(w.Now, received(&asap.RegistrationResponse{Handle: in.Handle, Element: in.Element.ID}))
	}
	if w.m.inFlight != 0 || w.m.Len() != n {
		b.Fatalf("%d unanswered, %d elements", w.m.inFlight, w.m.Len())
	}
	return w
}

func received(m asap.Message) *machine.Received {
	return &machine.Received{Association: 1, PPID: asap.PPID, Payload: asap.Append(nil, m)}
}

// BenchmarkKeepAlive answers a keep-alive that names the element.
func BenchmarkKeepAlive(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			w := crowd(b, n)
			in := received(&asap.KeepAlive{Sender: 0xa, Handle: "Pool3", Element: 4})
			b.ReportAllocs()
			for b.Loop() {
				w.m.Step(w.Now, in)
			}
		})
	}
}

// BenchmarkReregister changes an element's load and has it accepted.
func BenchmarkReregister(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			w := crowd(b, n)
			answer := received(&asap.RegistrationResponse{Handle: "Pool3", Element: 4})
			up := &Update{Ticket: 4, Policy: rserpool.Policy{Type: rserpool.LeastUsed}}
			b.ReportAllocs()
			for b.Loop() {
				w.Now = w.Now.Add(time.Microsecond)
				w.m.elements[4].sent = time.Time{}
				up.Policy.Load++
				w.m.Step(w.Now, up)
				w.m.Step(w.Now, answer)
			}
		})
	}
}

// BenchmarkRehome registers all elements with another home; the time is that of one.
func BenchmarkRehome(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) {
			w := crowd(b, n)
			var answers []*machine.Received
			for i := range n {
				answers = append(answers, received(&asap.RegistrationResponse{
					Handle: rserpool.Handle(fmt.Sprint("Pool", i%10)), Element: rserpool.ElementID(i + 1),
				}))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				w.m.Step(w.Now, &machine.HomeUp{Association: 1, Local: local})
				for _, a := range answers {
					w.m.Step(w.Now, a)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
		})
	}
}
