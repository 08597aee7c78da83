package asap

import (
	"fmt"
	"net/netip"
)

// PPID is the SCTP payload protocol identifier of ASAP (RFC 5352, Section 8.3).
const PPID = 11

// The ports of ASAP, over SCTP, TCP and UDP alike (RFC 5352, Section 8.2).
const (
	Port    = 3863
	TLSPort = 3864
)

// The multicast groups of server announcements.
var (
	// DeployedGroup is the group that deployed registrars use.
	//
	// Deviation: RFC 5352, Section 8.4 assigns AssignedGroup and AssignedGroup6;
	// see docs/deviations.md.
	DeployedGroup = netip.MustParseAddrPort("239.0.0.50:3863")
	// AssignedGroup and AssignedGroup6 are the assigned ones; the latter is
	// site-local.
	AssignedGroup  = netip.MustParseAddrPort("224.0.1.185:3863")
	AssignedGroup6 = netip.MustParseAddrPort("[ff05::133]:3863")
)

// Type is the number of a message.
type Type uint8

// The messages (RFC 5352, Section 2.2, Figure 1).
const (
	TypeRegistration             Type = 0x01
	TypeDeregistration           Type = 0x02
	TypeRegistrationResponse     Type = 0x03
	TypeDeregistrationResponse   Type = 0x04
	TypeHandleResolution         Type = 0x05
	TypeHandleResolutionResponse Type = 0x06
	TypeKeepAlive                Type = 0x07
	TypeKeepAliveAck             Type = 0x08
	TypeUnreachable              Type = 0x09
	TypeServerAnnounce           Type = 0x0a
	TypeCookie                   Type = 0x0b
	TypeCookieEcho               Type = 0x0c
	TypeBusinessCard             Type = 0x0d
	TypeError                    Type = 0x0e

	typeEnd = 0x0f
)

var typeNames = [typeEnd]string{
	TypeRegistration:             "ASAP_REGISTRATION",
	TypeDeregistration:           "ASAP_DEREGISTRATION",
	TypeRegistrationResponse:     "ASAP_REGISTRATION_RESPONSE",
	TypeDeregistrationResponse:   "ASAP_DEREGISTRATION_RESPONSE",
	TypeHandleResolution:         "ASAP_HANDLE_RESOLUTION",
	TypeHandleResolutionResponse: "ASAP_HANDLE_RESOLUTION_RESPONSE",
	TypeKeepAlive:                "ASAP_ENDPOINT_KEEP_ALIVE",
	TypeKeepAliveAck:             "ASAP_ENDPOINT_KEEP_ALIVE_ACK",
	TypeUnreachable:              "ASAP_ENDPOINT_UNREACHABLE",
	TypeServerAnnounce:           "ASAP_SERVER_ANNOUNCE",
	TypeCookie:                   "ASAP_COOKIE",
	TypeCookieEcho:               "ASAP_COOKIE_ECHO",
	TypeBusinessCard:             "ASAP_BUSINESS_CARD",
	TypeError:                    "ASAP_ERROR",
}

// String returns the message's name in the RFC's spelling, or its number.
func (t Type) String() string {
	if t > 0 && t < typeEnd {
		return typeNames[t]
	}
	return fmt.Sprintf("ASAP message 0x%02x", uint8(t))
}

// The flags; each message defines the lowest bit at most.
const (
	flagReject    = 0x01 // registration response
	flagSubscribe = 0x01 // handle resolution
	flagAccepted  = 0x01 // handle resolution response
	flagHome      = 0x01 // keep-alive
)
