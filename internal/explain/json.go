package explain

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

func (o *object) add(key string, value any) { *o = append(*o, member{key, value}) }

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// MarshalJSON writes message_type, message_name, flags, length, the message's own
// flags and fields, and its parameters in order. Identifiers and numbers of
// policies are hexadecimal strings, other numbers are numbers. A message that
// receivers reject has a member error besides.
func (m *Message) MarshalJSON() ([]byte, error) {
	var o, flags object
	parameters := []object{}
	for _, f := range m.Fields {
		if f.parameter != 0 {
			parameters = append(parameters, m.parameter(f))
			continue
		}
		if f.key != "" {
			o.add(f.key, f.data)
		}
		switch f.key {
		case "message_type":
			o.add("message_name", m.typeName())
		case "flags":
			for _, bit := range f.Fields {
				if bit.key != "" {
					flags.add(bit.key, bit.data)
				}
			}
		}
		if m.Protocol == ASAP && f.key == "length" || f.key == "receiver_server_id" {
			o = append(o, flags...)
		}
	}
	o.add("parameters", parameters)
	if m.Err != nil {
		offset, reason := m.fault()
		o.add("error", object{{"offset", offset}, {"reason", reason}})
	}
	return json.Marshal(o)
}

var parameterKeys = map[wire.ParameterType]string{
	wire.IPv4Address:       "address",
	wire.IPv6Address:       "address",
	wire.DCCPTransport:     "transport",
	wire.SCTPTransport:     "transport",
	wire.TCPTransport:      "transport",
	wire.UDPTransport:      "transport",
	wire.UDPLiteTransport:  "transport",
	wire.SelectionPolicy:   "policy",
	wire.PoolHandle:        "pool_handle",
	wire.PoolElement:       "pool_element",
	wire.ServerInformation: "server_information",
	wire.OperationError:    "operation_error",
	wire.Cookie:            "cookie",
	wire.ElementIdentifier: "pe_identifier",
	wire.Checksum:          "pe_checksum",
	wire.HandleResolution:  "handle_resolution",
	wire.UDPEncapsulation:  "udp_encapsulation",
	wire.ElementTags:       "tags",
	wire.RequestAttributes: "attributes",
}

// parameter returns a parameter: its kind, its values, and what it contains.
func (m *Message) parameter(f Field) object {
	kind, ok := parameterKeys[f.parameter]
	if !ok {
		o := object{{"param", "unknown"}, {"type", fmt.Sprintf("0x%04x", uint16(f.parameter))}}
		return append(o, values(f)...)
	}
	o := object{{"param", kind}}
	switch f.parameter {
	case wire.PoolHandle:
		o = append(o, values(f)...)
		o.add("pool_handle_text", string(m.Bytes[f.Offset+4:f.Offset+f.Length]))
	case wire.SelectionPolicy:
		for i, v := range values(f) {
			o = append(o, v)
			if name := m.policyName(f); i == 0 && name != "" {
				o.add("policy_name", name)
			}
		}
	case wire.PoolElement:
		o = append(o, values(f)...)
		o = append(o, m.contained(f, "user_transport", "asap_transport")...)
	case wire.ServerInformation:
		o = append(o, values(f)...)
		o = append(o, m.contained(f, "transport")...)
	case wire.ElementTags, wire.RequestAttributes:
		o.add("values", tags(f))
	case wire.OperationError:
		o.add("causes", causes(f))
		o = append(o, values(f)...)
	default:
		if f.parameter.IsTransport() {
			o.add("protocol", rserpool.Protocol(f.parameter).String())
			o = append(o, values(f)...)
			o = append(o, m.addresses(f)...)
		} else {
			o = append(o, values(f)...)
		}
	}
	return o
}

// tags returns the values of a Tags or Attributes parameter by name.
func tags(f Field) object {
	o := object{}
	for _, v := range f.Fields {
		if name, ok := strings.CutPrefix(v.key, "tag:"); ok {
			o.add(name, v.data)
		}
	}
	return o
}

// values returns a parameter's values that are no parameters themselves.
func values(f Field) object {
	var o object
	for _, v := range f.Fields {
		if v.key != "" {
			o.add(v.key, v.data)
		}
	}
	return o
}

// contained returns the parameters in f by their role. Transports have the roles
// given, in order; those that have no role are listed together.
func (m *Message) contained(f Field, transports ...string) object {
	var o object
	var others []object
	for _, p := range f.Fields {
		role := ""
		switch {
		case p.parameter == 0:
			continue
		case p.parameter.IsTransport() && len(transports) > 0:
			role, transports = transports[0], transports[1:]
		case p.parameter == wire.SelectionPolicy || p.parameter == wire.UDPEncapsulation || p.parameter == wire.ElementTags:
			role = parameterKeys[p.parameter]
		}
		if role == "" {
			others = append(others, m.parameter(p))
		} else {
			o.add(role, m.parameter(p))
		}
	}
	if others != nil {
		o.add("other_parameters", others)
	}
	return o
}

// addresses returns the addresses in a transport, and what else is there.
func (m *Message) addresses(f Field) object {
	list := []any{}
	var others []object
	for _, p := range f.Fields {
		switch {
		case p.parameter == 0:
		case len(p.Fields) > 0 && p.Fields[0].key == "address":
			list = append(list, p.Fields[0].data)
		default:
			others = append(others, m.parameter(p))
		}
	}
	o := object{{"addresses", list}}
	if others != nil {
		o.add("other_parameters", others)
	}
	return o
}

// causes returns the causes in an Operation Error parameter.
func causes(f Field) []object {
	list := []object{}
	for _, c := range f.Fields {
		if len(c.Fields) == 0 {
			continue
		}
		o := values(c)
		if len(o) == 1 {
			o.add("info_hex", "")
		}
		list = append(list, o)
	}
	return list
}

// policyName returns the name of the policy in f in one word, or nothing.
func (m *Message) policyName(f Field) string {
	if f.Length < 8 {
		return ""
	}
	kind := deployed(rserpool.PolicyType(binary.BigEndian.Uint32(m.Bytes[f.Offset+4:])))
	if _, known := kind.Fields(); !known {
		return ""
	}
	var name strings.Builder
	for word := range strings.SplitSeq(kind.String(), "-") {
		if word == "dpf" {
			name.WriteString("DPF")
		} else {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}
