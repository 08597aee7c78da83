package registrar

import (
	"fmt"
	"math"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/status"
)

// maxExplained bounds the elements of an explanation.
const maxExplained = 10_000

// ErrNoPool is wrapped by errors about a pool that does not exist.
var ErrNoPool = fmt.Errorf("there is no pool")

// Explain says how the elements of the request's pool come in their order: as many as
// it asks for, or all up to a bound. Nothing counts as selected.
func (r *Registrar) Explain(q engine.Request) (*status.Explanation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.machine.Space().Pool(q.Handle)
	if p == nil {
		return nil, fmt.Errorf("%w %s; %s", ErrNoPool, q.Handle, r.poolsInWords())
	}
	limit := q.Items
	if limit <= 0 || limit > maxExplained {
		limit = maxExplained
	}
	q.Items, q.Now, q.Preview = limit, time.Now(), true
	e := p.Explain(&q, limit)
	s := &status.Explanation{
		Handle: q.Handle.String(), Policy: e.Policy.Name, Version: e.Policy.Version, Hash: e.Policy.Hash,
		Form: e.Form, Total: e.Total, Fault: text(e.Fault), Elements: []status.ExplainedElement{},
	}
	if p.Chained() {
		s.Chain, s.Shadow = chainStatus(p.Status())
	}
	for i := range e.Members {
		s.Elements = append(s.Elements, explained(&e.Members[i], q.Now))
	}
	return s, nil
}

// poolsInWords says which pools there are, for those who have misspelt one.
func (r *Registrar) poolsInWords() string {
	const shown = 5
	var names []string
	for p := range r.machine.Space().All() {
		if len(names) == shown {
			return fmt.Sprintf("there are %d, among them %s", r.machine.Space().Pools(), strings.Join(names, ", "))
		}
		names = append(names, p.Handle().String())
	}
	if len(names) == 0 {
		return "there are none yet"
	}
	return "there are: " + strings.Join(names, ", ")
}

func explained(m *engine.Explained, now time.Time) status.ExplainedElement {
	x := status.ExplainedElement{
		ID: m.Owner.(*handlespace.Entry).Element().ID, Eligible: m.Eligible, Reason: m.Reason,
		Inputs: map[string]any{
			"selections":       m.Selections(),
			"selections_total": m.SelectionsTotal(),
			"failures":         m.Failures(),
		},
	}
	if !math.IsInf(m.Key, 0) && !math.IsNaN(m.Key) {
		key := m.Key
		x.Key = &key
	}
	if at := m.LastFailure(); !at.IsZero() {
		x.Inputs["last_failure"] = at.Unix()
	}
	el := m.Element
	fields, _ := el.Policy.Type.Fields()
	for _, f := range fields {
		if v := el.Policy.Value(f); f.Share() {
			x.Inputs[f.String()] = rserpool.Load(v).Float64()
		} else {
			x.Inputs[f.String()] = v
		}
	}
	if len(el.UserTransport.Addresses) > 0 {
		x.Inputs["address"] = el.UserTransport.Addresses[0].String()
	}
	for name, v := range m.Tags {
		x.Inputs[name] = v
	}
	return x
}
