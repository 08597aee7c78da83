package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
)

func (e *Element) block() block {
	h := &e.HostConfig
	return block{
		name: "element",
		doc:  "An element: serves a pool.",
		fields: slices.Concat([]field{
			{name: "pool", example: `"EchoPool"`, doc: "The handle of the pool to join. If absent, the command says.", value: handle(&e.Pool)},
			{name: "id", example: `"0x00000017"`, doc: "Identifies the element in its pool. If absent, a random one is drawn.", value: identifier(&e.ID)},
		}, e.policyFields(), []field{
			{name: "tags", example: `{ site = "small", watts = 90 }`, doc: "What the element says of itself beyond that, for policies to go by: strings, numbers or truth values by name.", value: tags(&e.Tags)},
			{name: "protocol", def: `"sctp"`, doc: "What users reach the service by: sctp, or tcp for those behind firewalls.", value: serviceProtocol(&e.Protocol)},
			{name: "port", def: `"any"`, doc: "The SCTP or TCP port of the service, or \"any\" for a free one.", value: port(&e.Port, 0)},
			{name: "data_only", def: "false", doc: "Registers a transport without control channel: no cookies, no business cards. Over TCP, the service is a plain byte stream then.", value: boolean(&e.DataOnly)},
			{name: "life", example: `"90s"`, doc: "Registration life asked for. If absent, three times reregister, or 15m in the RFC dialect.", value: duration(&e.Life, time.Second, 365*day)},
			{name: "reregister", example: `"30s"`, doc: "T4-reregistration. If absent, the smaller of 10m and life less 20s, and at least a third of life; 30s where life is absent too.", value: duration(&e.Reregister, 10*time.Millisecond, 365*day)},
			{name: "register_timeout", def: `"30s"`, doc: "T2-registration: how long a registrar may take to answer a registration.", value: duration(&e.RegisterTimeout, shortest, longest)},
			{name: "deregister_timeout", def: `"30s"`, doc: "T3-deregistration: how long it may take to answer a deregistration.", value: duration(&e.DeregisterTimeout, shortest, longest)},
			{name: "max_register_attempts", def: "2", doc: "MAX-REG-ATTEMPT: attempts before the element gives up, if it never was registered.", value: integer(&e.MaxRegisterAttempts, 1, 1_000_000)},
			{name: "load_interval", def: `"100ms"`, doc: "Least time between two re-registrations for a changed load.", value: duration(&e.LoadInterval, shortest, longest)},
			{name: "backlog", def: "128", doc: "Sessions that may wait to be accepted.", value: integer(&e.Backlog, 1, 1_000_000)},
		}, hostFields(h)),
		blocks: hostBlocks(h),
		check:  e.check,
	}
}

// serviceProtocol is what users reach a service by.
func serviceProtocol(p *rserpool.Protocol) value {
	words := map[string]rserpool.Protocol{"sctp": rserpool.SCTP, "tcp": rserpool.TCP}
	return parsed("protocol", p,
		func(s string) (rserpool.Protocol, error) {
			if v, ok := words[s]; ok {
				return v, nil
			}
			names := []string{"sctp", "tcp"}
			return 0, fmt.Errorf("%s is not one of %s%s", quote(s), quoteAll(names), didYouMean(s, names))
		},
		rserpool.Protocol.String)
}

// policyFields are the policy that the element registers and its own values.
func (e *Element) policyFields() []field {
	p := &e.Policy
	const most = 1<<32 - 1
	return []field{
		{name: "policy", def: `"round-robin"`, doc: "The policy that the element registers; the first element of a pool decides for the pool.", value: policyType(&p.Type)},
		{name: "weight", example: "1", doc: "Relative capacity, for the weighted policies.", value: integer(&p.Weight, 1, most)},
		{name: "priority", example: "1", doc: "For priority: larger is preferred.", value: integer(&p.Priority, 0, most)},
		{name: "load", example: "0.0", doc: "Load at the start, from 0 to 1, for the least-used family.", value: share(&p.Load)},
		{name: "degradation", example: "0.1", doc: "Load that one more selection adds, from 0 to 1.", value: share(&p.Degradation)},
		{name: "weight_dpf", example: "0.001", doc: "Share of the weight lost with each millisecond of distance.", value: share(&p.WeightDPF)},
		{name: "load_dpf", example: "0.001", doc: "Load added with each millisecond of distance.", value: share(&p.LoadDPF)},
		{name: "distance", example: "20", doc: "Distance in milliseconds.", value: integer(&p.Distance, 0, most)},
	}
}

func (e *Element) check() (string, string) {
	if e.Life != 0 && e.Reregister >= e.Life {
		return "reregister", fmt.Sprintf("The registration would expire after %s, before it is renewed after %s. Make life at least three times reregister.",
			formatDuration(e.Life), formatDuration(e.Reregister))
	}
	t := e.Policy.Type
	if t == 0 {
		t = rserpool.RoundRobin
	}
	carried, _ := t.Fields()
	for f := rserpool.FieldWeight; f <= rserpool.FieldDistance; f++ {
		if e.Policy.Value(f) != 0 && !slices.Contains(carried, f) {
			return f.String(), fmt.Sprintf("Policy %q does not carry a %s. %s", t, f, carries(carried))
		}
	}
	return "", ""
}

// carries says which values go with a policy.
func carries(fields []rserpool.PolicyField) string {
	if len(fields) == 0 {
		return "It carries no values."
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.String()
	}
	return "It carries " + strings.Join(names, ", ") + "."
}

// policyType is a policy of RFC 5356 or a published extension, by name.
func policyType(t *rserpool.PolicyType) value {
	return parsed("policy", t,
		func(s string) (rserpool.PolicyType, error) {
			v, ok := rserpool.ParsePolicyType(s)
			if !ok {
				return 0, fmt.Errorf("%s is not a policy that goes over the wire%s", quote(s), didYouMean(s, policyNames()))
			}
			return v, nil
		},
		rserpool.PolicyType.String)
}

// policyNames are the names of the policies that go over the wire.
func policyNames() []string {
	var names []string
	for _, p := range builtin.All() {
		if _, ok := rserpool.ParsePolicyType(p.Describe().Name); ok {
			names = append(names, p.Describe().Name)
		}
	}
	return names
}

// handle is a pool's handle.
func handle(h *rserpool.Handle) value {
	return parsed("pool handle", h,
		func(s string) (rserpool.Handle, error) {
			if err := rserpool.CheckHandle(rserpool.Handle(s), rserpool.MaxHandleLen); err != nil {
				return "", err
			}
			return rserpool.Handle(s), nil
		},
		func(h rserpool.Handle) string { return string(h) })
}
