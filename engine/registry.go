package engine

import (
	"fmt"
	"slices"
	"strings"

	rserpool "github.com/rspool/rspool"
)

// Registry finds policies by name and by wire type. It does not change, so any
// number of goroutines may use it.
type Registry struct {
	policies []Policy
	byName   map[string]Policy
	byType   map[rserpool.PolicyType]Policy
}

// NewRegistry returns a registry of policies known to the program. It panics
// where two have the same name or wire type; for policies that come from
// elsewhere, see With.
func NewRegistry(policies ...Policy) *Registry {
	r, err := (&Registry{}).With(policies...)
	if err != nil {
		panic(err.Error())
	}
	return r
}

// With returns a registry of r's policies and further ones. It fails where a name
// or a wire type would mean two policies, or where a policy has none of the forms.
func (r *Registry) With(policies ...Policy) (*Registry, error) {
	n := &Registry{
		policies: append(slices.Clip(r.policies), policies...),
		byName:   map[string]Policy{},
		byType:   map[rserpool.PolicyType]Policy{},
	}
	for _, p := range n.policies {
		d := p.Describe()
		if _, ok := n.byName[d.Name]; ok {
			return nil, fmt.Errorf("engine: policy %q is registered twice: rename one", d.Name)
		}
		if _, opens := p.(PerPool); !opens && !formed(p) {
			return nil, fmt.Errorf("engine: policy %q has none of the forms and opens none", d.Name)
		}
		n.byName[d.Name] = p
		for _, t := range d.Types {
			if q, ok := n.byType[t]; ok {
				return nil, fmt.Errorf("engine: policies %q and %q both claim the type 0x%08x: drop it from one",
					q.Describe().Name, d.Name, uint32(t))
			}
			n.byType[t] = p
		}
	}
	return n, nil
}

// Policies returns all policies in the order in which they were given.
func (r *Registry) Policies() []Policy { return slices.Clone(r.policies) }

// ByType returns the policy that a wire type selects.
func (r *Registry) ByType(t rserpool.PolicyType) (Policy, bool) {
	p, ok := r.byType[t]
	return p, ok
}

// Find returns the policy of a name, which may have the prefix "builtin.". The
// error names those that it could have meant.
func (r *Registry) Find(name string) (Policy, error) {
	if p, ok := r.byName[name]; ok {
		return p, nil
	}
	bare := strings.TrimPrefix(name, "builtin.")
	if p, ok := r.byName[bare]; ok {
		return p, nil
	}
	var near []string
	for _, p := range r.policies {
		n := p.Describe().Name
		if distance(n, bare) <= max(2, len(bare)/4) {
			near = append(near, fmt.Sprintf("%q", n))
		}
	}
	if len(near) == 0 {
		return nil, fmt.Errorf("unknown policy %q: see rspool policy list", name)
	}
	return nil, fmt.Errorf("unknown policy %q: did you mean %s?", name, strings.Join(near, " or "))
}

// distance is the number of insertions, deletions and replacements that make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
