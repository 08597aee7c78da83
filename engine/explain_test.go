package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told writes an explanation, a line for each member.
func told(e Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s, %d", e.Policy.Name, e.Form, e.Total)
	if e.Fault != nil {
		fmt.Fprintf(&b, ", fault: %v", e.Fault)
	}
	b.WriteByte('\n')
	for _, m := range e.Members {
		mark := '-'
		if m.Eligible {
			mark = '+'
		}
		fmt.Fprintf(&b, "%c %s %.3g: %s\n", mark, m.Owner, m.Key, m.Reason)
	}
	return b.String()
}

// admitsLight is a filter that leaves out weights above 5 and fails at 4.
type admitsLight struct{ byWeight }

func (admitsLight) Admit(m *Member, _ *Request) (bool, error) {
	if m.Element.Policy.Weight == 4 {
		return false, errors.New("four is no good")
	}
	return m.Element.Policy.Weight <= 5, nil
}

// backwards chooses all members in reverse.
type backwards struct{ fault error }

func (backwards) Describe() Description {
	return Description{Name: "backwards", Mark: 1, MaxElements: 3}
}

func (b backwards) Choose(members []*Member, r *Request, dst []*Member) ([]*Member, error) {
	for i := len(members); i > 1; i-- { // but the first
		dst = append(dst, members[i-1])
	}
	return dst, b.fault
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		policy  Policy
		weights []uint32
		limit   int
		want    string
	}{
		{"keys", byWeight{}, []uint32{5, 2, 2, infinite}, 10, `by-weight by key, 4
+ B 2: the smallest key
+ C 2: equal to the one before, and selected or registered later
+ A 5: a larger key than those before
- D +Inf: cannot serve: the policy gives it an infinite key
`},
		{"the_first_ones", byWeight{}, []uint32{5, 2}, 1, "by-weight by key, 2\n+ B 2: the smallest key\n"},
		{"turns", inTurn{}, []uint32{1, 0}, 10, `in-turn by turns, 2
+ A 0: has its turn at this position
- B +Inf: cannot serve: the policy gives it an infinite step
`},
		{"weights", atRandom{}, []uint32{1, 3, 0}, 10, `at-random by weight, 3
+ B 3: drawn with a chance of 75 %
+ A 1: drawn with a chance of 25 %
- C 0: cannot serve: the policy gives it the weight 0
`},
		{"a_filter", admitsLight{}, []uint32{9, 4, 3}, 10, `by-weight by key, 3
+ C 3: the smallest key
- B 4: left out: its filter fails: four is no good
- A 9: left out by the filter
`},
		{"a_choice", backwards{}, []uint32{1, 2, 3}, 10, `backwards by choice, 3
+ C NaN: number 1 of the policy's answer
+ B NaN: number 2 of the policy's answer
- A 0: not in the policy's answer
`},
		{"a_choice_that_fails", backwards{errors.New("no")}, []uint32{1}, 10, `backwards by choice, 1, fault: no
- A 0: not in the policy's answer
`},
		{"a_pool_too_large", backwards{}, []uint32{1, 2, 3, 4}, 1, `backwards by choice, 4, fault: the pool has 4 elements, more than the 3 that the policy looks at
- A 0: the pool is too large for the policy
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSelector(tt.policy)
			ms := named(s, tt.weights...)
			before := s.Faults()
			if diff := cmp.Diff(tt.want, told(s.Explain(&Request{Items: 10}, tt.limit))); diff != "" {
				t.Errorf("explanation (-want +got):\n%s", diff)
			}
			if s.Faults() != before {
				t.Error("a question counts as a fault")
			}
			for _, m := range ms {
				if m.Selections() > 0 {
					t.Error("a question counts as a selection")
				}
			}
		})
	}
}
