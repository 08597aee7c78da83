package status

import rserpool "github.com/rspool/rspool"

// Explanation says how the elements of a pool come in their order.
type Explanation struct {
	Handle string `json:"pool"`
	// Policy is the one that the pool goes by.
	Policy  string `json:"policy"`
	Version string `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`
	// Form is what it goes by: "key", "turns", "weight", "chance", "affinity",
	// "sample" or "choice".
	Form string `json:"form"`
	// Chain is the policies that the pool may go by, and Shadow the one that is
	// asked for nothing; as in Pool.
	Chain  []PoolPolicy `json:"policies,omitempty"`
	Shadow *PoolPolicy  `json:"shadow,omitempty"`
	// Total is the number of elements, of which Elements may have the first ones.
	Total    int                `json:"total"`
	Elements []ExplainedElement `json:"elements"`
	// Fault is why the policy says nothing about the request.
	Fault string `json:"fault,omitempty"`
}

// ExplainedElement is an element in an Explanation.
type ExplainedElement struct {
	ID rserpool.ElementID `json:"id"`
	// Key is what the policy gives it, by the form; missing where that is not
	// finite.
	Key *float64 `json:"key,omitempty"`
	// Eligible says that it may be selected while others may be too.
	Eligible bool   `json:"eligible"`
	Reason   string `json:"reason"`
	// Inputs are what policies may look at, by the names that they have in
	// scripts.
	Inputs map[string]any `json:"inputs"`
}
