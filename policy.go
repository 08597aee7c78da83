package rserpool

import (
	"fmt"
	"strconv"
)

// Load is a share in the RFC's 32-bit form: 0 is nothing, 0xffffffff is all
// (RFC 5356, Section 3.1).
type Load uint32

// LoadOf returns the share nearest to f, which is held within 0 and 1.
func LoadOf(f float64) Load {
	switch {
	case !(f > 0):
		return 0
	case f >= 1:
		return 0xffffffff
	}
	return Load(min(f*(1<<32), 0xffffffff))
}

// Float64 returns l / 2^32, and exactly 1 for 0xffffffff: sums of shares are
// exact in a float64.
func (l Load) Float64() float64 {
	if l == 0xffffffff {
		return 1
	}
	return float64(l) / (1 << 32)
}

// PolicyType is the number of a member selection policy (RFC 5356, Section 7.1).
type PolicyType uint32

// The policies of RFC 5356 and the published extensions, in the order of their
// numbers.
const (
	RoundRobin                             PolicyType = 0x00000001
	WeightedRoundRobin                     PolicyType = 0x00000002
	Random                                 PolicyType = 0x00000003
	WeightedRandom                         PolicyType = 0x00000004
	Priority                               PolicyType = 0x00000005
	LeastUsed                              PolicyType = 0x40000001
	LeastUsedDegradation                   PolicyType = 0x40000002
	PriorityLeastUsed                      PolicyType = 0x40000003
	RandomizedLeastUsed                    PolicyType = 0x40000004
	RandomizedPriorityLeastUsed            PolicyType = 0xb0001001
	RandomizedLeastUsedDegradation         PolicyType = 0xb0001002
	PriorityLeastUsedDegradation           PolicyType = 0xb0001003
	RandomizedPriorityLeastUsedDegradation PolicyType = 0xb0001004
	WeightedRandomDPF                      PolicyType = 0xb0002001
	LeastUsedDPF                           PolicyType = 0xb0002002
	LeastUsedDegradationDPF                PolicyType = 0xb0002003
	PriorityLeastUsedDPF                   PolicyType = 0xb0002004
	PriorityLeastUsedDegradationDPF        PolicyType = 0xb0002005
)

var policyNames = map[PolicyType]string{
	RoundRobin:                             "round-robin",
	WeightedRoundRobin:                     "weighted-round-robin",
	Random:                                 "random",
	WeightedRandom:                         "weighted-random",
	Priority:                               "priority",
	LeastUsed:                              "least-used",
	LeastUsedDegradation:                   "least-used-degradation",
	PriorityLeastUsed:                      "priority-least-used",
	RandomizedLeastUsed:                    "randomized-least-used",
	RandomizedPriorityLeastUsed:            "randomized-priority-least-used",
	RandomizedLeastUsedDegradation:         "randomized-least-used-degradation",
	PriorityLeastUsedDegradation:           "priority-least-used-degradation",
	RandomizedPriorityLeastUsedDegradation: "randomized-priority-least-used-degradation",
	WeightedRandomDPF:                      "weighted-random-dpf",
	LeastUsedDPF:                           "least-used-dpf",
	LeastUsedDegradationDPF:                "least-used-degradation-dpf",
	PriorityLeastUsedDPF:                   "priority-least-used-dpf",
	PriorityLeastUsedDegradationDPF:        "priority-least-used-degradation-dpf",
}

// String returns the policy's name as in "least-used", or its number.
func (t PolicyType) String() string {
	if s, ok := policyNames[t]; ok {
		return s
	}
	return fmt.Sprintf("policy-0x%08x", uint32(t))
}

// ParsePolicyType returns the type that String prints as s.
func ParsePolicyType(s string) (PolicyType, bool) {
	for t, n := range policyNames {
		if n == s {
			return t, true
		}
	}
	return 0, false
}

// Private reports whether the number is in the range for private use
// (RFC 5356, Section 7.1).
func (t PolicyType) Private() bool { return t&0x80000000 != 0 }

// PolicyField is one of the values that a policy carries.
type PolicyField uint8

// The values, named as the fields of Policy.
const (
	FieldWeight PolicyField = iota
	FieldPriority
	FieldLoad
	FieldDegradation
	FieldWeightDPF
	FieldLoadDPF
	FieldDistance
)

// String returns the field's name in lower case, as in "load_dpf".
func (f PolicyField) String() string {
	return [...]string{"weight", "priority", "load", "degradation", "weight_dpf", "load_dpf", "distance"}[f]
}

// Share reports whether the value is a Load, a share of 0xffffffff.
func (f PolicyField) Share() bool {
	return f != FieldWeight && f != FieldPriority && f != FieldDistance
}

// policyFields has the types in the order of their numbers.
var policyFields = [...][]PolicyField{
	{},                            // RoundRobin
	{FieldWeight},                 // WeightedRoundRobin
	{},                            // Random
	{FieldWeight},                 // WeightedRandom
	{FieldPriority},               // Priority
	{FieldLoad},                   // LeastUsed
	{FieldLoad, FieldDegradation}, // LeastUsedDegradation
	{FieldLoad, FieldDegradation}, // PriorityLeastUsed
	{FieldLoad},                   // RandomizedLeastUsed
	{FieldLoad, FieldDegradation}, // RandomizedPriorityLeastUsed
	{FieldLoad, FieldDegradation}, // RandomizedLeastUsedDegradation
	{FieldLoad, FieldDegradation}, // PriorityLeastUsedDegradation
	{FieldLoad, FieldDegradation}, // RandomizedPriorityLeastUsedDegradation
	{FieldWeight, FieldWeightDPF, FieldDistance},               // WeightedRandomDPF
	{FieldLoad, FieldLoadDPF, FieldDistance},                   // LeastUsedDPF
	{FieldLoad, FieldDegradation, FieldLoadDPF, FieldDistance}, // LeastUsedDegradationDPF
	{FieldLoad, FieldDegradation, FieldLoadDPF, FieldDistance}, // PriorityLeastUsedDPF
	{FieldLoad, FieldDegradation, FieldLoadDPF, FieldDistance}, // PriorityLeastUsedDegradationDPF
}

// known returns the type's place in policyFields, and whether it has one: in a map
// that would cost more than all else that is done to write a policy.
func (t PolicyType) known() (place int, ok bool) {
	switch {
	case t >= RoundRobin && t <= Priority:
		return int(t - RoundRobin), true
	case t >= LeastUsed && t <= RandomizedLeastUsed:
		return int(t-LeastUsed) + 5, true
	case t >= RandomizedPriorityLeastUsed && t <= RandomizedPriorityLeastUsedDegradation:
		return int(t-RandomizedPriorityLeastUsed) + 9, true
	case t >= WeightedRandomDPF && t <= PriorityLeastUsedDegradationDPF:
		return int(t-WeightedRandomDPF) + 13, true
	}
	return 0, false
}

// Fields returns the values that the type carries, in the order in which they
// are written, and whether this module knows the type. The slice must not be
// changed.
//
// Deviation: the last two types have no deployed layout; they are written as
// LeastUsedDegradationDPF is. See docs/deviations.md.
func (t PolicyType) Fields() ([]PolicyField, bool) {
	i, known := t.known()
	if !known {
		return nil, false
	}
	return policyFields[i], true
}

// Policy is a Member Selection Policy parameter: the pool's policy and one
// element's values for it (RFC 5354, Section 3.8; RFC 5356). Fields that the
// type does not carry are zero. It is comparable.
type Policy struct {
	Type        PolicyType
	Weight      uint32 // relative capacity
	Priority    uint32 // larger is preferred
	Load        Load
	Degradation Load   // load that one more selection adds
	WeightDPF   Load   // share of the weight lost with each millisecond of distance
	LoadDPF     Load   // load added with each millisecond of distance
	Distance    uint32 // milliseconds
	Data        string // bytes of a type that this module does not know
}

// Value returns one of the policy's values.
func (p *Policy) Value(f PolicyField) uint32 {
	switch f {
	case FieldWeight:
		return p.Weight
	case FieldPriority:
		return p.Priority
	case FieldLoad:
		return uint32(p.Load)
	case FieldDegradation:
		return uint32(p.Degradation)
	case FieldWeightDPF:
		return uint32(p.WeightDPF)
	case FieldLoadDPF:
		return uint32(p.LoadDPF)
	default:
		return p.Distance
	}
}

// SetValue changes one of the policy's values.
func (p *Policy) SetValue(f PolicyField, v uint32) {
	switch f {
	case FieldWeight:
		p.Weight = v
	case FieldPriority:
		p.Priority = v
	case FieldLoad:
		p.Load = Load(v)
	case FieldDegradation:
		p.Degradation = Load(v)
	case FieldWeightDPF:
		p.WeightDPF = Load(v)
	case FieldLoadDPF:
		p.LoadDPF = Load(v)
	default:
		p.Distance = v
	}
}

// String returns the policy with its values, as in
// "least-used-degradation load=0.5 degradation=0.1".
func (p Policy) String() string {
	fields, known := p.Type.Fields()
	if !known {
		return fmt.Sprintf("%s data=%x", p.Type, p.Data)
	}
	s := p.Type.String()
	for _, f := range fields {
		v := p.Value(f)
		s += " " + f.String() + "="
		if f.Share() {
			s += strconv.FormatFloat(Load(v).Float64(), 'g', 4, 64)
		} else {
			s += strconv.FormatUint(uint64(v), 10)
		}
	}
	return s
}
