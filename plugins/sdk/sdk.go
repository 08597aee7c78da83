// Package sdk is for authors of policy plugins in Go: describe what the policies
// are and need, implement Rank, and call Serve. The program is then started by a
// registrar, which sorts the elements of a pool by the ranks and selects by itself.
//
// It is not the side that starts plugins: that is package plugins.
package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
)

// Plugin is what a program serves.
type Plugin struct {
	// Name is how people call the plugin: lower case, words joined by hyphens.
	Name string
	// Version is the semantic version, as in "1.4.0".
	Version string
	// Summary is one line for lists.
	Summary string
	// Policies are what the plugin offers, at least one.
	Policies []Policy
	// Confine lists what the process gives up for good before it serves. It has an
	// effect on Linux only.
	Confine []Confinement
}

// Policy is a rule for choosing among the elements of a pool. It has exactly one
// of Rank, Queue and Choose, each of which is called once for each pool that uses
// the policy; an error from it reaches the operator, and the pool goes without.
type Policy struct {
	// Name is how configurations refer to the policy, as in "greenest".
	Name string
	// Summary is one line for lists.
	Summary string
	// Order tells which numbers of a Rank count. If zero, ByKey.
	Order Order
	// Needs are the fields of an Element that are filled in. A change of another
	// field is not heard of.
	Needs []Field
	// Tags are the names of the tags that are filled in; they need not be in Needs.
	Tags []string
	// Config is the schema of the config block.
	Config []Attribute
	// TTL is how long ranks, or a queue, hold after the last sign of life from the
	// plugin. If zero, the registrar decides.
	TTL time.Duration
	// Deterministic says that the same events lead to the same answers.
	Deterministic bool
	// Check, if not nil, looks at a config block that fits the schema. An error is
	// shown to the operator, and the block is refused.
	Check func(Config) error

	Rank   func(*Pool) (Ranker, error)
	Queue  func(*Pool) (Queuer, error)
	Choose func(*Pool) (Chooser, error)
}

// Ranker ranks the elements of one pool. Its methods are called one at a time.
type Ranker interface {
	// Rank returns what the elements are worth. They are new or have changed, or
	// are all there are, after Pool.Rerank. Elements that are left out keep
	// the rank that they have. It must return within about a second.
	Rank(elements []Element) []Rank
}

// RankFunc is a Ranker that looks at one element at a time. It may leave out the ID.
type RankFunc func(Element) Rank

// Rank implements Ranker.
func (f RankFunc) Rank(elements []Element) []Rank {
	ranks := make([]Rank, len(elements))
	for i, e := range elements {
		ranks[i] = f(e)
		ranks[i].ID = e.ID
	}
	return ranks
}

// Queuer tells whom to select next. Its methods are called one at a time.
type Queuer interface {
	// Queue returns about n identifiers in the order in which they are to be
	// selected, with repetitions where an element shall be selected more often.
	// The elements are all there are. Where changed is set, some have come, gone
	// or changed, and the list replaces what is left of the earlier ones.
	Queue(elements []Element, n int, changed bool) []rserpool.ElementID
}

// Chooser answers each request by itself. That takes a round trip for each
// selection and is meant for experiments. Its methods are called one at a time.
type Chooser interface {
	// Choose returns up to r.Items identifiers, best first. The elements are all
	// there are.
	Choose(elements []Element, r Request) []rserpool.ElementID
}

// Forgetter may be implemented besides: it is told who left.
type Forgetter interface {
	Forget(ids []rserpool.ElementID)
}

// Closer may be implemented besides: it is told when the pool is no longer followed.
type Closer interface {
	Close()
}

// Order tells which numbers of a Rank count.
type Order uint8

// The orders.
const (
	// ByKey sorts by Key, to which each selection since the element registered
	// last adds Step. Less is better; equals are selected in turn.
	ByKey Order = iota + 1
	// ByPace takes turns: each selection moves an element on by Step, which is
	// above zero and at most one.
	ByPace
	// ByWeight draws at random in proportion to Weight.
	ByWeight
)

// Rank is what an element is worth. Infinity as Key or Step, and zero as Weight,
// say that it cannot serve: it is selected only where nobody can. NaN and numbers
// out of range are refused and counted.
type Rank struct {
	ID   rserpool.ElementID
	Key  float64
	Step float64
	// Weight is used ByWeight only.
	Weight float64
}

// Request is what a Chooser is asked for.
type Request struct {
	Items       int
	UserAddress string
	Attributes  map[string]string
}

var (
	nameForm      = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	attributeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	versionForm   = regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$`)
)

// check finds mistakes of the author.
func (p *Plugin) check() error {
	switch {
	case !nameForm.MatchString(p.Name):
		return fmt.Errorf("plugin name %q: use lower case and hyphens, as in \"carbon\"", p.Name)
	case !versionForm.MatchString(p.Version):
		return fmt.Errorf("plugin version %q: use three numbers, as in \"1.0.0\"", p.Version)
	case len(p.Policies) == 0:
		return errors.New("the plugin has no policies: add one to Plugin.Policies")
	}
	seen := map[string]bool{}
	for i := range p.Policies {
		q := &p.Policies[i]
		if err := q.check(); err != nil {
			return fmt.Errorf("policy %q: %w", q.Name, err)
		}
		if seen[q.Name] {
			return fmt.Errorf("policy %q is there twice: rename one", q.Name)
		}
		seen[q.Name] = true
	}
	return nil
}

func (p *Policy) check() error {
	if !nameForm.MatchString(p.Name) {
		return errors.New("use lower case and hyphens, as in \"least-cost\"")
	}
	forms := 0
	for _, there := range []bool{p.Rank != nil, p.Queue != nil, p.Choose != nil} {
		if there {
			forms++
		}
	}
	if forms != 1 {
		return fmt.Errorf("it has %d of Rank, Queue and Choose: it must have one", forms)
	}
	if p.Order > ByWeight || p.Order != 0 && p.Rank == nil {
		return errors.New("Order is for policies that Rank: ByKey, ByPace or ByWeight")
	}
	seen := map[string]bool{}
	for _, a := range p.Config {
		if err := a.check(); err != nil {
			return fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		if seen[a.Name] {
			return fmt.Errorf("attribute %q is there twice", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}

// duration reads what a DURATION attribute holds.
func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is no duration: write it as in \"1m30s\"", strconv.Quote(strings.TrimSpace(s)))
	}
	return d, nil
}
