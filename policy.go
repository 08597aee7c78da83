package rserpool

import "fmt"

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
