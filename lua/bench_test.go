package lua

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
)

// interpretedOnly is a program whose functions all run in the interpreter.
func interpretedOnly(p *Program) *Program {
	q := *p
	for h, b := range p.functions {
		if b != nil {
			c := *b
			c.pure = nil
			q.functions[h] = &c
		}
	}
	q.simple, q.interpreted = false, true
	return &q
}

// BenchmarkLuaSelect selects one element of a pool by the same policy in three
// ways. Loads and degradations are random; where an element's load has reached the
// whole, it registers again.
func BenchmarkLuaSelect(b *testing.B) {
	text, err := os.ReadFile("../examples/policies/least-used-degradation.lua")
	if err != nil {
		b.Fatal(err)
	}
	p := mustLoad(b, string(text), Options{})
	for _, way := range []struct {
		name   string
		policy engine.Policy
	}{
		{"builtin", builtin.LeastUsedDegradation{}},
		{"compiled", p},
		{"vm", interpretedOnly(p)},
	} {
		for _, n := range []int{10, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				elements := make([]rserpool.Element, n)
				for i := range elements {
					elements[i] = rserpool.Element{Policy: rserpool.Policy{
						Type:        rserpool.LeastUsedDegradation,
						Load:        rserpool.LoadOf(r.Float64() / 2),
						Degradation: rserpool.LoadOf(0.001 + r.Float64()/100),
					}}
				}
				s, _ := selectorOf(b, way.policy, elements...)
				q := &engine.Request{Items: 1, Now: noon}
				var dst []*engine.Member
				b.ReportAllocs()
				begin := processorTime()
				for b.Loop() {
					dst = s.Select(q, dst[:0])
					if dst[0].Selections() > 100 {
						s.Update(noon, dst[0])
					}
				}
				if spent := processorTime() - begin; spent > 0 {
					b.ReportMetric(float64(b.N)/spent.Seconds(), "ops/cpu-s")
				}
			})
		}
	}
}
