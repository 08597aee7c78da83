package lua

import (
	"math/rand/v2"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// noon is when tests begin, a Monday.
var noon = epoch

// mustLoad loads a policy that is right.
func mustLoad(t testing.TB, text string, o Options) *Program {
	t.Helper()
	p, err := Load("test", text, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// opened keeps the instance that it opens.
type opened struct {
	*Program
	instance *instance
}

func (o *opened) Open(pool *engine.Pool) (engine.Policy, error) {
	o.instance = newInstance(o.Program, pool)
	if _, e := o.instance.ready(); e != nil {
		return nil, e
	}
	return o.instance.formed(), nil
}

// selectorOf puts a policy to work on elements, whose identifiers count from 1.
func selectorOf(t testing.TB, p engine.Policy, elements ...rserpool.Element) (*engine.Selector, []*engine.Member) {
	t.Helper()
	s, err := engine.NewSelector(noon, p, engine.Setting{Handle: "pool", Rand: rand.New(rand.NewPCG(1, 2))})
	if err != nil {
		t.Fatal(err)
	}
	members := make([]*engine.Member, len(elements))
	for i := range elements {
		if elements[i].ID == 0 {
			elements[i].ID = rserpool.ElementID(i + 1)
		}
		members[i] = &engine.Member{Element: &elements[i], Tags: elements[i].Tags}
		s.Add(noon, members[i])
	}
	return s, members
}

// loaded is an element of a load.
func loaded(load float64) rserpool.Element {
	return rserpool.Element{Policy: rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(load)}}
}

func after(d time.Duration) time.Time { return noon.Add(d) }
