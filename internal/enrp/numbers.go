package enrp

import (
	"fmt"
	"net/netip"
)

// PPID is the SCTP payload protocol identifier of ENRP (RFC 5353, Section 5.4).
const PPID = 12

// The ports of ENRP, over SCTP and UDP alike (RFC 5353, Section 5.3).
const (
	Port    = 9901
	TLSPort = 9902
)

// DeployedGroup is the multicast group of presences.
//
// Deviation: RFC 5353 assigns no group, deployed registrars use this one; see
// docs/deviations.md.
var DeployedGroup = netip.MustParseAddrPort("239.0.0.51:9901")

// Type is the number of a message.
type Type uint8

// The messages (RFC 5353, Section 2, Figure 1).
const (
	TypePresence            Type = 0x01
	TypeHandleTableRequest  Type = 0x02
	TypeHandleTableResponse Type = 0x03
	TypeHandleUpdate        Type = 0x04
	TypeListRequest         Type = 0x05
	TypeListResponse        Type = 0x06
	TypeInitTakeover        Type = 0x07
	TypeInitTakeoverAck     Type = 0x08
	TypeTakeoverServer      Type = 0x09
	TypeError               Type = 0x0a

	typeEnd = 0x0b
)

var typeNames = [typeEnd]string{
	TypePresence:            "ENRP_PRESENCE",
	TypeHandleTableRequest:  "ENRP_HANDLE_TABLE_REQUEST",
	TypeHandleTableResponse: "ENRP_HANDLE_TABLE_RESPONSE",
	TypeHandleUpdate:        "ENRP_HANDLE_UPDATE",
	TypeListRequest:         "ENRP_LIST_REQUEST",
	TypeListResponse:        "ENRP_LIST_RESPONSE",
	TypeInitTakeover:        "ENRP_INIT_TAKEOVER",
	TypeInitTakeoverAck:     "ENRP_INIT_TAKEOVER_ACK",
	TypeTakeoverServer:      "ENRP_TAKEOVER_SERVER",
	TypeError:               "ENRP_ERROR",
}

// String returns the message's name in the RFC's spelling, or its number.
func (t Type) String() string {
	if t > 0 && t < typeEnd {
		return typeNames[t]
	}
	return fmt.Sprintf("ENRP message 0x%02x", uint8(t))
}

// The flags.
const (
	// flagReplyRequired of a presence: RFC 5353 speaks of the flag without
	// giving it a bit; all deployed implementations use this one.
	flagReplyRequired     = 0x01
	flagOwnChildren       = 0x01 // handle table request
	flagReject            = 0x01 // handle table and list response
	flagMore              = 0x02 // handle table response
	flagTakeoverSuggested = 0x01 // handle update
)
