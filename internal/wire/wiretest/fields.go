package wiretest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	rserpool "github.com/rspool/rspool"
)

// Fields is a message or parameter in the form of Vector.Fields.
type Fields map[string]any

// Normalize returns f as if it had been read from a file.
func Normalize(t testing.TB, f Fields) map[string]any {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Handle returns a Pool Handle parameter.
func Handle(h rserpool.Handle) Fields {
	return Fields{"param": "pool_handle", "pool_handle_hex": fmt.Sprintf("%x", string(h)), "pool_handle_text": string(h)}
}

// ElementID returns a PE Identifier parameter.
func ElementID(id rserpool.ElementID) Fields {
	return Fields{"param": "pe_identifier", "pe_identifier": id}
}

// Element returns a Pool Element parameter.
func Element(e rserpool.Element) Fields {
	f := Fields{
		"param":                       "pool_element",
		"pe_identifier":               e.ID,
		"home_enrp_server_identifier": e.Home,
		"registration_life":           e.Life,
		"user_transport":              Transport(e.UserTransport),
		"policy":                      Policy(e.Policy),
	}
	if e.ASAPTransport != nil {
		f["asap_transport"] = Transport(*e.ASAPTransport)
	}
	return f
}

// Server returns a Server Information parameter.
func Server(s rserpool.Server) Fields {
	return Fields{"param": "server_information", "server_identifier": s.ID, "transport": Transport(s.Transport)}
}

// Transport returns a transport parameter.
func Transport(t rserpool.Transport) Fields {
	if t.Protocol == rserpool.Opaque {
		return Fields{"param": "unknown", "type": "0x0010", "value_hex": fmt.Sprintf("%x", t.Opaque)}
	}
	f := Fields{"param": "transport", "protocol": t.Protocol.String(), "port": t.Port, "addresses": t.Addresses}
	if t.Protocol == rserpool.SCTP || t.Protocol == rserpool.TCP {
		f["transport_use"] = t.Use
	}
	return f
}

// policies are the types that occur in the vectors.
var policies = map[rserpool.PolicyType]string{
	rserpool.RoundRobin:                  "RoundRobin",
	rserpool.WeightedRoundRobin:          "WeightedRoundRobin",
	rserpool.Random:                      "Random",
	rserpool.Priority:                    "Priority",
	rserpool.LeastUsed:                   "LeastUsed",
	rserpool.LeastUsedDegradation:        "LeastUsedDegradation",
	rserpool.PriorityLeastUsed:           "PriorityLeastUsed",
	rserpool.RandomizedPriorityLeastUsed: "RandomizedPriorityLeastUsed",
	rserpool.LeastUsedDPF:                "LeastUsedDPF",
}

// Policy returns a Pool Member Selection Policy parameter.
func Policy(p rserpool.Policy) Fields {
	f := Fields{"param": "policy", "policy_type": fmt.Sprintf("0x%08x", uint32(p.Type))}
	name, ok := policies[p.Type]
	if !ok {
		f["data"] = fmt.Sprintf("%x", p.Data)
		return f
	}
	f["policy_name"] = name
	switch p.Type {
	case rserpool.WeightedRoundRobin:
		f["weight"] = p.Weight
	case rserpool.Priority:
		f["priority"] = p.Priority
	case rserpool.LeastUsed:
		f["load"] = p.Load
	case rserpool.LeastUsedDegradation, rserpool.PriorityLeastUsed, rserpool.RandomizedPriorityLeastUsed:
		f["load"], f["load_degradation"] = p.Load, p.Degradation
	case rserpool.LeastUsedDPF:
		f["load"], f["load_dpf"], f["distance"] = p.Load, p.LoadDPF, p.Distance
	}
	return f
}

// OperationError returns an Operation Error parameter.
func OperationError(causes []rserpool.Cause) Fields {
	list := []Fields{}
	for _, c := range causes {
		list = append(list, Fields{"cause_code": c.Code, "info_hex": hex.EncodeToString(c.Info)})
	}
	return Fields{"param": "operation_error", "causes": list}
}
