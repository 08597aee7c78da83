package rserpool

import "testing"

// TestFieldsOfEveryType holds the order of policyFields against the numbers.
func TestFieldsOfEveryType(t *testing.T) {
	places := map[int]PolicyType{}
	for p := range policyNames {
		i, known := p.known()
		if other, taken := places[i]; !known || taken || i >= len(policyFields) {
			t.Errorf("%s has place %d (known: %v), which %s has", p, i, known, other)
		}
		places[i] = p
	}
	if len(places) != len(policyFields) {
		t.Errorf("%d types, %d lists of fields", len(places), len(policyFields))
	}
	for _, p := range []PolicyType{0, Priority + 1, LeastUsed - 1, RandomizedLeastUsed + 1, PriorityLeastUsedDegradationDPF + 1, 1<<32 - 1} {
		if fields, known := p.Fields(); known || fields != nil {
			t.Errorf("%s has fields %v", p, fields)
		}
	}
}
