package engine

import (
	"fmt"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// rude panics wherever it is called.
type rude struct{ form int }

func (p rude) Describe() Description    { return Description{Name: "rude", Mark: 1, Every: time.Second} }
func (rude) Open(*Pool) (Policy, error) { panic("Open") }

type rudeInstance struct{}

func (rudeInstance) Describe() Description {
	return Description{Name: "rude", Mark: 1, Every: time.Second, Inputs: State}
}
func (rudeInstance) Key(*Member) float64                      { panic("Key") }
func (rudeInstance) Fault() error                             { panic("Fault") }
func (rudeInstance) Admit(*Member, *Request) (bool, error)    { panic("Admit") }
func (rudeInstance) Registered(*Member) error                 { panic("Registered") }
func (rudeInstance) Selected(*Member) error                   { panic("Selected") }
func (rudeInstance) Failed(*Member, Reason) error             { panic("Failed") }
func (rudeInstance) Deregistered(*Member) error               { panic("Deregistered") }
func (rudeInstance) Tick(time.Time) error                     { panic("Tick") }
func (rudeInstance) Upgrade(map[rserpool.ElementID]any) error { panic("Upgrade") }
func (rudeInstance) Close()                                   { panic("Close") }

type rudeWeight struct{ rudeInstance }

func (rudeWeight) Weight(*Member) float64 { panic("Weight") }

type rudeStep struct{ rudeInstance }

func (rudeStep) Step(*Member) float64 { panic("Step") }

type rudeAffinity struct{ rudeInstance }

func (rudeAffinity) Affinity(*Request) (uint64, error) { panic("Affinity") }
func (rudeAffinity) Weight(*Member) float64            { panic("Weight") }

type rudeChoice struct{ rudeInstance }

func (rudeChoice) Choose([]*Member, *Request, []*Member) ([]*Member, error) { panic("Choose") }

// TestPanicsStayWhereTheyAre runs policies that panic in every call through a whole
// life. The last policy always answers.
func TestPanicsStayWhereTheyAre(t *testing.T) {
	for _, p := range []Policy{rude{}, rudeInstance{}, rudeWeight{}, rudeStep{}, rudeAffinity{}, rudeChoice{}} {
		t.Run(fmt.Sprintf("%T", p), func(t *testing.T) {
			for _, patience := range []int{1, 5, 1000} {
				w := newWorld(ChainConfig{Policies: []Policy{p, backup{}}, Shadow: p, Sample: 1, Breaker: Breaker{Errors: patience}})
				ms := w.join(1, 2, 3)
				for i := range 100 {
					w.until(time.Duration(i) * time.Second)
					if got := w.pick(2); len(got) != 2 {
						t.Fatalf("picked %q", got)
					}
					w.Update(w.now, ms[i%3])
					w.Failed(w.now, ms[i%3], Unreachable)
				}
				for _, m := range ms {
					w.Remove(m)
				}
				w.Close()
				if w.counts["rude"].Faults == 0 {
					t.Error("no fault was counted")
				}
			}
		})
	}
}
