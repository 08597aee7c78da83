package engine

import (
	"strings"
	"testing"

	rserpool "github.com/rspool/rspool"
)

// called is a policy of a name and types of its own.
type called struct {
	byWeight
	name  string
	types []rserpool.PolicyType
}

func (c called) Describe() Description { return Description{Name: c.name, Types: c.types} }

// formless is a policy that says nothing.
type formless struct{}

func (formless) Describe() Description { return Description{Name: "formless"} }

func TestRegistryFindsPolicies(t *testing.T) {
	r := NewRegistry(
		called{name: "least-used", types: []rserpool.PolicyType{rserpool.LeastUsed}},
		called{name: "least-used-dpf", types: []rserpool.PolicyType{rserpool.LeastUsedDPF, 0x40000010}},
		called{name: "random"},
	)
	for _, tc := range []struct {
		name  string
		find  string
		want  string
		error string
	}{
		{"by name", "least-used", "least-used", ""},
		{"by name with prefix", "builtin.random", "random", ""},
		{"misspelt", "leest-used", "", `unknown policy "leest-used": did you mean "least-used"?`},
		{"misspelt with prefix", "builtin.randon", "", `unknown policy "builtin.randon": did you mean "random"?`},
		{"unlike any", "carbon", "", `unknown policy "carbon": see rspool policy list`},
		{"empty", "", "", `unknown policy "": see rspool policy list`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := r.Find(tc.find)
			if err != nil {
				if err.Error() != tc.error {
					t.Errorf("error %q, want %q", err, tc.error)
				}
				return
			}
			if got := p.Describe().Name; got != tc.want || tc.error != "" {
				t.Errorf("found %q, want %q or error %q", got, tc.want, tc.error)
			}
		})
	}
	for _, typ := range []rserpool.PolicyType{rserpool.LeastUsedDPF, 0x40000010} {
		if p, ok := r.ByType(typ); !ok || p.Describe().Name != "least-used-dpf" {
			t.Errorf("type %s selects %v", typ, p)
		}
	}
	if p, ok := r.ByType(rserpool.Random); ok {
		t.Errorf("type random selects %v, want nothing", p)
	}
	if n := len(r.Policies()); n != 3 {
		t.Errorf("%d policies, want 3", n)
	}
}

func TestRegistryRefusesAmbiguity(t *testing.T) {
	base := NewRegistry(called{name: "a", types: []rserpool.PolicyType{1}})
	for _, tc := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"the same name", called{name: "a"}, `policy "a" is registered twice`},
		{"the same type", called{name: "b", types: []rserpool.PolicyType{1}}, `policies "a" and "b" both claim the type 0x00000001`},
		{"no form", formless{}, `policy "formless" has none of the forms`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := base.With(tc.policy); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	more, err := base.With(called{name: "b"})
	if err != nil || len(more.Policies()) != 2 || len(base.Policies()) != 1 {
		t.Errorf("with one more: %v, %d and %d policies", err, len(more.Policies()), len(base.Policies()))
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		want       int
	}{
		{"equal", "random", "random", 0},
		{"replaced", "random", "randon", 1},
		{"inserted", "random", "rrandom", 1},
		{"dropped", "random", "andom", 1},
		{"empty", "", "abc", 3},
		{"unlike", "abc", "xyz", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := distance(tc.a, tc.b); got != tc.want {
				t.Errorf("distance %d, want %d", got, tc.want)
			}
			if got := distance(tc.b, tc.a); got != tc.want {
				t.Errorf("distance back %d, want %d", got, tc.want)
			}
		})
	}
}
