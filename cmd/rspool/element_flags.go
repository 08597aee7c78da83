package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/suggest"
)

// elementFlags are what the command of every element can say over its
// configuration.
type elementFlags struct {
	host      hostFlags
	pool      string
	protocol  string
	port      int
	element   config.Element // id, policy and values, as far as flags give them
	telemetry string
	csp       cspFlags
	readyFile string
}

func (f *elementFlags) add(flags *pflag.FlagSet, handle rserpool.Handle) {
	f.host.add(flags)
	flags.StringVar(&f.pool, "pool", "", fmt.Sprintf("`HANDLE` of the pool to join (default %s)", handle))
	flags.Var(&textFlag[rserpool.ElementID]{&f.element.ID, "ID", parseElementID, formatElementID}, "id", "element identifier (default: a random one)")
	flags.Var(&choice{&f.protocol, []string{"sctp", "tcp"}}, "protocol", "what users reach the service by (default sctp)")
	flags.Var(&portFlag{&f.port, 0}, "port", "SCTP or TCP port of the service, or any for a free one")
	p := &f.element.Policy
	flags.Var(&textFlag[rserpool.PolicyType]{&p.Type, "POLICY", parsePolicy, formatPolicy}, "policy", "pool policy to register (default round-robin)")
	flags.Uint32Var(&p.Weight, "weight", 0, "relative capacity, for the weighted policies (default 1)")
	flags.Uint32Var(&p.Priority, "priority", 0, "for priority: larger is preferred")
	flags.Var(shareFlag(&p.Degradation), "degradation", "load that one more selection adds, from 0 to 1 (default 1/max-sessions)")
	flags.Var(shareFlag(&p.WeightDPF), "weight-dpf", "share of the weight lost with each millisecond of distance")
	flags.Var(shareFlag(&p.LoadDPF), "load-dpf", "load added with each millisecond of distance")
	flags.Uint32Var(&p.Distance, "distance", 0, "distance in milliseconds")
	flags.StringVar(&f.telemetry, "telemetry", "", "`ADDRESS` for metrics, health and status, as HOST:PORT")
	f.csp.add(flags)
	flags.StringVar(&f.readyFile, "ready-file", "", "`FILE` that receives a line of JSON once the element is registered")
}

// apply lets the flags that were given win over the configuration. A policy's
// values stand and fall with it: with --policy, those of the file do not count.
func (f *elementFlags) apply(flags *pflag.FlagSet, e *config.Element) error {
	f.host.apply(flags, &e.HostConfig)
	if f.pool != "" {
		e.Pool = rserpool.Handle(f.pool)
	}
	if f.element.ID != 0 {
		e.ID = f.element.ID
	}
	switch f.protocol {
	case "sctp":
		e.Protocol = rserpool.SCTP
	case "tcp":
		e.Protocol = rserpool.TCP
	}
	if flags.Changed("port") {
		e.Port = uint16(f.port)
	}
	if f.element.Policy.Type != 0 {
		e.Policy = rserpool.Policy{Type: f.element.Policy.Type}
	}
	if e.Policy.Type == 0 {
		e.Policy.Type = rserpool.RoundRobin
	}
	carried, _ := e.Policy.Type.Fields()
	for field := rserpool.FieldWeight; field <= rserpool.FieldDistance; field++ {
		name := strings.ReplaceAll(field.String(), "_", "-")
		if !flags.Changed(name) {
			continue
		}
		if !slices.Contains(carried, field) {
			return fmt.Errorf("policy %s does not carry a %s: leave --%s out, or choose another --policy", e.Policy.Type, field, name)
		}
		if field == rserpool.FieldWeight && f.element.Policy.Weight == 0 {
			return fmt.Errorf("--weight 0: want 1 or more; an element that is to serve nobody leaves its pool")
		}
		e.Policy.SetValue(field, f.element.Policy.Value(field))
	}
	if e.Policy.Weight == 0 && slices.Contains(carried, rserpool.FieldWeight) {
		e.Policy.Weight = 1
	}
	return nil
}

func parseElementID(s string) (rserpool.ElementID, error) {
	id, err := rserpool.ParseID(s)
	return rserpool.ElementID(id), err
}

func formatElementID(id rserpool.ElementID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func parsePolicy(s string) (rserpool.PolicyType, error) {
	t, ok := rserpool.ParsePolicyType(s)
	if !ok {
		return 0, fmt.Errorf("no such policy.%s There are %s", suggest.Sentence(s, policyNames()), strings.Join(policyNames(), ", "))
	}
	return t, nil
}

func formatPolicy(t rserpool.PolicyType) string {
	if t == 0 {
		return ""
	}
	return t.String()
}

// policyNames are the names of the policies that elements can register.
func policyNames() []string {
	var names []string
	for _, p := range builtin.All() {
		if _, ok := rserpool.ParsePolicyType(p.Describe().Name); ok {
			names = append(names, p.Describe().Name)
		}
	}
	return names
}

// shareFlag is a flag that takes a number from 0 to 1.
func shareFlag(l *rserpool.Load) *textFlag[rserpool.Load] {
	return &textFlag[rserpool.Load]{l, "SHARE",
		func(s string) (rserpool.Load, error) {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil || !(v >= 0 && v <= 1) {
				return 0, fmt.Errorf("want a number from 0 to 1")
			}
			return rserpool.LoadOf(v), nil
		},
		func(l rserpool.Load) string {
			if l == 0 {
				return ""
			}
			return strconv.FormatFloat(l.Float64(), 'g', 4, 64)
		}}
}
