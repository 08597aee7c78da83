package wire

import (
	"fmt"

	rserpool "github.com/rspool/rspool"
)

// ParameterType is the number of a parameter. Its two top bits say what to do
// with a parameter that is not recognised (RFC 5354, Section 3).
type ParameterType uint16

// The parameters of RFC 5354, Table 1, in the registry's order, and those
// that this module knows beyond it.
const (
	IPv4Address       ParameterType = 0x0001
	IPv6Address       ParameterType = 0x0002
	DCCPTransport                   = ParameterType(rserpool.DCCP)
	SCTPTransport                   = ParameterType(rserpool.SCTP)
	TCPTransport                    = ParameterType(rserpool.TCP)
	UDPTransport                    = ParameterType(rserpool.UDP)
	UDPLiteTransport                = ParameterType(rserpool.UDPLite)
	SelectionPolicy   ParameterType = 0x0008
	PoolHandle        ParameterType = 0x0009
	PoolElement       ParameterType = 0x000a
	ServerInformation ParameterType = 0x000b
	OperationError    ParameterType = 0x000c
	Cookie            ParameterType = 0x000d
	ElementIdentifier ParameterType = 0x000e
	Checksum          ParameterType = 0x000f
	OpaqueTransport                 = ParameterType(rserpool.Opaque)

	// HandleResolution is the Handle Resolution option
	// (draft-dreibholz-rserpool-asap-hropt, Section 2.1).
	HandleResolution ParameterType = 0x803f
	// UDPEncapsulation states UDP ports of encapsulated SCTP. It is private to
	// this module; others skip it silently.
	//
	// Deviation: RFC 5354 cannot say behind which UDP port an endpoint is
	// found; see docs/deviations.md.
	UDPEncapsulation ParameterType = 0x9899
	// ElementTags and RequestAttributes are what an element says of itself, and a
	// user of its request, for policies to go by. They are private to this module;
	// others skip them silently.
	//
	// Deviation: RFC 5354 has neither; see docs/deviations.md.
	ElementTags       ParameterType = 0x98a0
	RequestAttributes ParameterType = 0x98a1
)

var parameterNames = map[ParameterType]string{
	IPv4Address:       "IPv4 Address",
	IPv6Address:       "IPv6 Address",
	DCCPTransport:     "DCCP Transport",
	SCTPTransport:     "SCTP Transport",
	TCPTransport:      "TCP Transport",
	UDPTransport:      "UDP Transport",
	UDPLiteTransport:  "UDP-Lite Transport",
	SelectionPolicy:   "Pool Member Selection Policy",
	PoolHandle:        "Pool Handle",
	PoolElement:       "Pool Element",
	ServerInformation: "Server Information",
	OperationError:    "Operation Error",
	Cookie:            "Cookie",
	ElementIdentifier: "PE Identifier",
	Checksum:          "PE Checksum",
	OpaqueTransport:   "Opaque Transport",
	HandleResolution:  "Handle Resolution",
	UDPEncapsulation:  "UDP Encapsulation",
	ElementTags:       "Tags",
	RequestAttributes: "Attributes",
}

// String returns the parameter's name in the RFC's words, or its number.
func (t ParameterType) String() string {
	if s, ok := parameterNames[t]; ok {
		return s
	}
	return fmt.Sprintf("parameter 0x%04x", uint16(t))
}

// Known reports whether this module knows the parameter.
func (t ParameterType) Known() bool {
	return t >= IPv4Address && t <= OpaqueTransport || t == HandleResolution || t == UDPEncapsulation ||
		t == ElementTags || t == RequestAttributes
}

// IsTransport reports whether the parameter is one of the six transports.
func (t ParameterType) IsTransport() bool {
	return t >= DCCPTransport && t <= UDPLiteTransport || t == OpaqueTransport
}

// LUDPFAsPrinted is the number that the figure of draft-dreibholz-rserpool-delay
// gives to the policy that all deployed peers number rserpool.LeastUsedDPF. It
// is accepted in its place and never sent.
const LUDPFAsPrinted rserpool.PolicyType = 0x40000010

// AllItems asks for as many elements as the registrar would give
// (draft-dreibholz-rserpool-asap-hropt, Section 2.1).
const AllItems = 0xffffffff
