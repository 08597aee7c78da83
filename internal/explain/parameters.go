package explain

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire"
)

// value reads the value of a known parameter to its end.
func (r *reader) value(t wire.ParameterType) {
	switch {
	case r.level > maxLevel:
		r.bytes("Value", "value_hex", r.end-r.off, "nested too deep to look into")
	case t == wire.OpaqueTransport:
		r.bytes("Value", "value_hex", r.end-r.off, "")
	case t.IsTransport():
		r.transport(t)
	case t == wire.IPv4Address:
		r.address(4)
	case t == wire.IPv6Address:
		r.address(16)
	case t == wire.SelectionPolicy:
		r.policy()
	case t == wire.PoolHandle:
		r.bytes("Handle", "pool_handle_hex", r.end-r.off, "")
	case t == wire.PoolElement:
		r.uint(4, "PE Identifier", "pe_identifier", identifier)
		r.uint(4, "Home ENRP Server Identifier", "home_enrp_server_identifier", func(v uint32) shown {
			return remarkZero(v, "none yet")
		})
		r.uint(4, "Registration Life", "registration_life", life)
		r.parameters()
	case t == wire.ServerInformation:
		r.uint(4, "Server Identifier", "server_identifier", identifier)
		r.parameters()
	case t == wire.OperationError:
		r.causes()
	case t == wire.Cookie:
		r.bytes("Cookie", "cookie_hex", r.end-r.off, "")
	case t == wire.ElementIdentifier:
		r.uint(4, "PE Identifier", "pe_identifier", identifier)
	case t == wire.Checksum:
		r.uint(2, "PE Checksum", "pe_checksum", checksum)
	case t == wire.HandleResolution:
		r.uint(4, "Items", "items", items)
	case t == wire.UDPEncapsulation:
		r.uint(2, "UDP Port", "udp_port", udpPort)
		r.uint(2, "UDP Port of the ASAP Transport", "asap_udp_port", udpPort)
	case t == wire.ElementTags, t == wire.RequestAttributes:
		r.tags()
	}
	if !r.stopped && r.off < r.end {
		r.bytes("Surplus", "", r.end-r.off, "the parameter is longer than it should be")
	}
}

// transport reads any transport but the opaque one.
func (r *reader) transport(t wire.ParameterType) {
	r.uint(2, "Port", "port", decimal)
	switch t {
	case wire.SCTPTransport, wire.TCPTransport:
		r.uint(2, "Transport Use", "transport_use", func(v uint32) shown {
			s := decimal(v)
			switch rserpool.TransportUse(v) {
			case rserpool.DataOnly:
				s.meaning = "data only"
			case rserpool.DataAndControl:
				s.meaning = "data plus control"
			default:
				s.meaning = "not assigned"
			}
			return s
		})
	case wire.DCCPTransport:
		r.reserved()
		r.uint(4, "Service Code", "service_code", decimal)
	default:
		r.reserved()
	}
	r.parameters()
}

func (r *reader) address(n int) {
	if !r.have(n, "Address") {
		return
	}
	a, _ := netip.AddrFromSlice(r.b[r.off : r.off+n])
	r.add(Field{Length: n, Name: "Address", Value: a.String(), key: "address", data: a.String()})
}

func (r *reader) policy() {
	kind := rserpool.PolicyType(r.uint(4, "Policy Type", "policy_type", func(v uint32) shown {
		s := identifier(v)
		kind := deployed(rserpool.PolicyType(v))
		if _, known := kind.Fields(); known {
			s.meaning = kind.String()
		} else {
			s.meaning = "not known here"
		}
		return s
	}))
	fields, known := deployed(kind).Fields()
	if !known {
		r.bytes("Data", "data", r.end-r.off, "")
		return
	}
	for _, f := range fields {
		n := policyFields[f]
		r.uint(4, n.name, n.key, func(v uint32) shown {
			s := decimal(v)
			if f.Share() {
				s.meaning = strconv.FormatFloat(100*rserpool.Load(v).Float64(), 'f', 2, 64) + " %"
			}
			return s
		})
	}
}

// deployed returns the type whose layout a type has.
func deployed(t rserpool.PolicyType) rserpool.PolicyType {
	if t == wire.LUDPFAsPrinted {
		return rserpool.LeastUsedDPF
	}
	return t
}

var policyFields = map[rserpool.PolicyField]struct{ name, key string }{
	rserpool.FieldWeight:      {"Weight", "weight"},
	rserpool.FieldPriority:    {"Priority", "priority"},
	rserpool.FieldLoad:        {"Load", "load"},
	rserpool.FieldDegradation: {"Load Degradation", "load_degradation"},
	rserpool.FieldWeightDPF:   {"Weight DPF", "weight_dpf"},
	rserpool.FieldLoadDPF:     {"Load DPF", "load_dpf"},
	rserpool.FieldDistance:    {"Distance", "distance"},
}

// causes reads the error causes of an Operation Error parameter.
func (r *reader) causes() {
	for !r.stopped && r.end-r.off >= 4 {
		n := int(binary.BigEndian.Uint16(r.b[r.off+2:]))
		if n < 4 || n > r.end-r.off {
			r.stop(fmt.Sprintf("the cause has the impossible length %d", n))
			return
		}
		in := reader{b: r.b, off: r.off, end: r.off + n}
		in.uint(2, "Cause Code", "cause_code", func(v uint32) shown {
			return shown{fmt.Sprintf("0x%04x", v), v, rserpool.CauseCode(v).String()}
		})
		in.uint(2, "Cause Length", "", decimal)
		in.bytes("Information", "info_hex", n-4, "")
		r.add(Field{Length: n, Name: fmt.Sprintf("Error Cause, %d bytes", n), Fields: in.fields})
		r.padding()
	}
}

// tags reads the values of a Tags or Attributes parameter.
func (r *reader) tags() {
	for !r.stopped && r.off < r.end {
		if !r.have(4, "Tag") {
			return
		}
		kind, name, value := wire.TagKind(r.b[r.off]), int(r.b[r.off+1]), int(binary.BigEndian.Uint16(r.b[r.off+2:]))
		n := 4 + name + value
		if n > r.end-r.off {
			r.stop(fmt.Sprintf("the tag has the length %d, but %d bytes are left", n, r.end-r.off))
			return
		}
		in := reader{b: r.b, off: r.off, end: r.off + n}
		in.uint(1, "Kind", "", tagKind)
		in.uint(1, "Name Length", "", decimal)
		in.uint(2, "Value Length", "", decimal)
		title := "Tag " + text(r.b[in.off:in.off+name])
		in.bytes("Name", "", name, "")
		f := Field{Length: n, Name: title, key: "tag:" + string(r.b[in.off-name:in.off])}
		f.data = in.tag(kind, value)
		f.Fields = in.fields
		r.add(f)
	}
}

// tag reads a value of n bytes and returns it.
func (r *reader) tag(kind wire.TagKind, n int) any {
	v := r.b[r.off : r.off+n]
	switch {
	case kind == wire.TagNumber && n == 8:
		x := math.Float64frombits(binary.BigEndian.Uint64(v))
		r.add(Field{Length: n, Name: "Value", Value: strconv.FormatFloat(x, 'g', -1, 64)})
		if x-x != 0 {
			return nil
		}
		return x
	case kind == wire.TagBool && n == 1:
		r.add(Field{Length: n, Name: "Value", Value: strconv.FormatBool(v[0] == 1)})
		return v[0] == 1
	}
	r.bytes("Value", "", n, "")
	return string(v)
}

func tagKind(v uint32) shown {
	s := decimal(v)
	s.meaning = "not known here"
	if int(v) < len(tagKinds) {
		s.meaning = tagKinds[v]
	}
	return s
}

var tagKinds = [...]string{wire.TagString: "text", wire.TagNumber: "number", wire.TagBool: "truth value"}

func life(v uint32) shown {
	s := decimal(v)
	s.meaning = fmt.Sprintf("%v in the milliseconds of deployed peers", rserpool.Deployed.Duration(v))
	return s
}

func remarkZero(v uint32, meaning string) shown {
	s := identifier(v)
	if v == 0 {
		s.meaning = meaning
	}
	return s
}

func checksum(v uint32) shown {
	s := fmt.Sprintf("0x%04x", v)
	meaning := ""
	if v == 0xffff {
		meaning = "of no elements"
	}
	return shown{s, s, meaning}
}

func items(v uint32) shown {
	s := decimal(v)
	switch v {
	case 0:
		s.meaning = "as the registrar likes"
	case wire.AllItems:
		s.meaning = "as many as possible"
	}
	return s
}

func udpPort(v uint32) shown {
	s := decimal(v)
	if v == 0 {
		s.meaning = "not stated"
	}
	return s
}
