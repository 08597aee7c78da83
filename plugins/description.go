package plugins

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rspool/rspool/plugins/protocol"
)

// Description is what a plugin says of itself.
type Description struct {
	Name     string
	Version  string
	Summary  string
	Revision uint32 // of the protocol
	Policies []PolicyInfo
}

// Policy returns the policy of a name, nil where there is none.
func (d *Description) Policy(name string) *PolicyInfo {
	for i := range d.Policies {
		if d.Policies[i].Name == name {
			return &d.Policies[i]
		}
	}
	return nil
}

// PolicyInfo is what a plugin says of one policy.
type PolicyInfo struct {
	Name          string
	Summary       string
	Mode          Mode
	Order         Order // in mode Rank
	Needs         []Field
	Tags          []string
	Schema        Schema
	Deterministic bool
}

// needs reports whether the policy wants a field.
func (i *PolicyInfo) needs(f Field) bool { return slices.Contains(i.Needs, f) }

// Mode is how a plugin takes part in selections.
type Mode uint8

// The modes.
const (
	Rank   Mode = Mode(protocol.Mode_RANK)
	Queue  Mode = Mode(protocol.Mode_QUEUE)
	Direct Mode = Mode(protocol.Mode_DIRECT)
)

// String returns the mode in lower case.
func (m Mode) String() string { return strings.ToLower(protocol.Mode(m).String()) }

// Order tells which numbers of a rank count.
type Order uint8

// The orders.
const (
	ByKey    Order = Order(protocol.Order_KEY)
	ByPace   Order = Order(protocol.Order_PACE)
	ByWeight Order = Order(protocol.Order_DRAW)
)

// String returns the order in lower case.
func (o Order) String() string {
	return [...]string{"unspecified", "key", "pace", "weight"}[min(o, ByWeight)]
}

// Field is a value of an element that a policy may need.
type Field uint8

// String returns the field in lower case.
func (f Field) String() string { return strings.ToLower(protocol.Field(f).String()) }

// Bounds of a description, so that a plugin cannot grow its host.
const (
	maxPolicies   = 64
	maxAttributes = 256
	maxTags       = 64
	maxText       = 4096
)

var (
	nameForm      = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	attributeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// describe checks what a plugin says of itself.
func describe(r *protocol.DescribeReply) (*Description, error) {
	d := &Description{Name: r.GetName(), Version: r.GetVersion(), Summary: line(r.GetSummary()), Revision: r.GetRevision()}
	if !named(d.Name) {
		return nil, fmt.Errorf("it calls itself %.80q, which is no name in lower case and hyphens", d.Name)
	}
	if _, err := parseVersion(d.Version); err != nil {
		return nil, fmt.Errorf("its version is %.80q, which is none", d.Version)
	}
	if n := len(r.GetPolicies()); n == 0 || n > maxPolicies {
		return nil, fmt.Errorf("it offers %d policies: there must be 1 to %d", n, maxPolicies)
	}
	for _, p := range r.GetPolicies() {
		info, err := describePolicy(p)
		if err != nil {
			return nil, fmt.Errorf("its policy %.80q %w", p.GetName(), err)
		}
		if d.Policy(info.Name) != nil {
			return nil, fmt.Errorf("its policy %q is there twice", info.Name)
		}
		d.Policies = append(d.Policies, info)
	}
	return d, nil
}

func describePolicy(p *protocol.PolicyInfo) (PolicyInfo, error) {
	i := PolicyInfo{
		Name:          p.GetName(),
		Summary:       line(p.GetSummary()),
		Mode:          Mode(p.GetMode()),
		Order:         Order(p.GetOrder()),
		Deterministic: p.GetDeterministic(),
	}
	if !named(i.Name) {
		return i, errors.New("has no name in lower case and hyphens")
	}
	if p.GetMode() < protocol.Mode_RANK || p.GetMode() > protocol.Mode_DIRECT {
		return i, fmt.Errorf("has the mode %d, which this host does not know", p.GetMode())
	}
	if p.GetOrder() < 0 || p.GetOrder() > protocol.Order_DRAW {
		return i, fmt.Errorf("has the order %d, which this host does not know", p.GetOrder())
	}
	if i.Order == 0 {
		i.Order = ByKey
	}
	for _, f := range p.GetNeeds() {
		if f <= 0 || f > protocol.Field_TAGS {
			return i, fmt.Errorf("needs the field %d, which this host does not know", f)
		}
		if !i.needs(Field(f)) {
			i.Needs = append(i.Needs, Field(f))
		}
	}
	if len(p.GetTags()) > maxTags {
		return i, fmt.Errorf("needs %d tags: at most %d", len(p.GetTags()), maxTags)
	}
	for _, t := range p.GetTags() {
		if t == "" || len(t) > 256 {
			return i, fmt.Errorf("needs a tag %.80q", t)
		}
		i.Tags = append(i.Tags, t)
	}
	var err error
	i.Schema, err = schemaOf(p.GetSchema())
	return i, err
}

func named(s string) bool { return len(s) <= 64 && nameForm.MatchString(s) }

// line makes text fit for a terminal: one line, no control characters, not long.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return strings.TrimSpace(s)
}
