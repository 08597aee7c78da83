package plugins

import (
	"math"

	"google.golang.org/protobuf/types/known/structpb"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// The fields that elements are asked for by name below.
const (
	fieldSelections = Field(protocol.Field_SELECTIONS)
	fieldFailures   = Field(protocol.Field_FAILURES)
)

// wire returns what the policy needs of an element, without its counters.
func (p *pool) wire(m *engine.Member) *protocol.Element {
	e := &protocol.Element{Id: uint32(m.Element.ID)}
	v := &m.Element.Policy
	for _, f := range p.policy.info.Needs {
		switch protocol.Field(f) {
		case protocol.Field_LOAD:
			e.Load, e.LoadDpf = v.Load.Float64(), v.LoadDPF.Float64()
		case protocol.Field_DEGRADATION:
			e.Degradation = v.Degradation.Float64()
		case protocol.Field_WEIGHT:
			e.Weight, e.WeightDpf = weight(v), v.WeightDPF.Float64()
		case protocol.Field_PRIORITY:
			e.Priority = v.Priority
		case protocol.Field_DISTANCE:
			e.Distance = v.Distance
		case protocol.Field_ADDRESSES:
			t := &m.Element.UserTransport
			for _, a := range t.Addresses {
				e.Addresses = append(e.Addresses, a.String())
			}
			e.Transport = t.Protocol.String()
		case protocol.Field_TAGS:
			e.Tags = tags(m.Tags, p.policy.info.Tags)
		}
	}
	return e
}

// weight is 1 where the element's policy has none.
func weight(v *rserpool.Policy) uint32 {
	fields, _ := v.Type.Fields()
	for _, f := range fields {
		if f == rserpool.FieldWeight {
			return v.Weight
		}
	}
	return 1
}

// tags returns those that are named and there.
func tags(have rserpool.Tags, names []string) map[string]*structpb.Value {
	var t map[string]*structpb.Value
	for _, name := range names {
		if v, ok := have[name]; ok {
			if w, err := structpb.NewValue(v); err == nil { // else it is none that a tag can have
				if t == nil {
					t = map[string]*structpb.Value{}
				}
				t[name] = w
			}
		}
	}
	return t
}

// usable says whether a rank's numbers are what the order allows.
func usable(o Order, r *protocol.Rank) bool {
	switch o {
	case ByPace:
		s := r.GetStep()
		return s > 0 && s <= 1 || math.IsInf(s, 1)
	case ByWeight:
		w := r.GetWeight()
		return w >= 0 && w <= math.MaxFloat32
	}
	k, s := r.GetKey(), r.GetStep()
	return k == k && !math.IsInf(k, -1) && s == s && !math.IsInf(s, 0)
}
