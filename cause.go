package rserpool

import (
	"fmt"
	"strings"
)

// CauseCode is the number of an error cause (RFC 5354, Section 3.12).
type CauseCode uint16

// The causes of RFC 5354, and those of deployed peers that appear on the wire.
const (
	Unspecified              CauseCode = 0x0000
	UnrecognizedParameter    CauseCode = 0x0001
	UnrecognizedMessage      CauseCode = 0x0002
	InvalidValues            CauseCode = 0x0003
	NonUniqueElementID       CauseCode = 0x0004
	InconsistentPolicy       CauseCode = 0x0005
	LackOfResources          CauseCode = 0x0006
	InconsistentTransport    CauseCode = 0x0007
	InconsistentTransportUse CauseCode = 0x0008
	UnknownPoolHandle        CauseCode = 0x0009
	SecurityRejection        CauseCode = 0x000a

	DeployedInvalidMessage    CauseCode = 0x0010
	DeployedInvalidValue      CauseCode = 0x0011
	DeployedWrongProtocol     CauseCode = 0x100a
	DeployedUnsupportedPolicy CauseCode = 0x100b
	DeployedInvalidElementID  CauseCode = 0xf000
	DeployedOwnID             CauseCode = 0xf001
	DeployedDuplicateID       CauseCode = 0xf002
	DeployedInvalidPolicy     CauseCode = 0xf003
	DeployedInvalidHandle     CauseCode = 0xf004
	DeployedInvalidAddresses  CauseCode = 0xf005
	DeployedInvalidRegistrar  CauseCode = 0xf006
	DeployedNoASAPAddresses   CauseCode = 0xf007
	DeployedNoUserAddresses   CauseCode = 0xf008
)

var causeNames = map[CauseCode]string{
	Unspecified:              "unspecified error",
	UnrecognizedParameter:    "unrecognized parameter",
	UnrecognizedMessage:      "unrecognized message",
	InvalidValues:            "invalid values",
	NonUniqueElementID:       "non-unique element identifier",
	InconsistentPolicy:       "inconsistent pool policy",
	LackOfResources:          "lack of resources",
	InconsistentTransport:    "inconsistent transport type",
	InconsistentTransportUse: "inconsistent data/control configuration",
	UnknownPoolHandle:        "unknown pool handle",
	SecurityRejection:        "rejected due to security considerations",

	DeployedInvalidMessage:    "invalid message",
	DeployedInvalidValue:      "invalid value",
	DeployedWrongProtocol:     "wrong transport protocol",
	DeployedUnsupportedPolicy: "unsupported policy",
	DeployedInvalidElementID:  "invalid element identifier",
	DeployedOwnID:             "own identifier",
	DeployedDuplicateID:       "duplicate identifier",
	DeployedInvalidPolicy:     "invalid policy",
	DeployedInvalidHandle:     "invalid pool handle",
	DeployedInvalidAddresses:  "invalid addresses",
	DeployedInvalidRegistrar:  "invalid registrar transport",
	DeployedNoASAPAddresses:   "no usable ASAP addresses",
	DeployedNoUserAddresses:   "no usable user transport addresses",
}

// String returns the cause in words, or its number.
func (c CauseCode) String() string {
	if s, ok := causeNames[c]; ok {
		return s
	}
	return fmt.Sprintf("cause 0x%04x", uint16(c))
}

// Cause is one error cause: its code and what it carries, undecoded.
type Cause struct {
	Code CauseCode
	Info []byte
}

// OperationError is an Operation Error parameter: one or more causes
// (RFC 5354, Section 3.12). It is an error.
type OperationError struct{ Causes []Cause }

// Error returns the causes in words.
func (e *OperationError) Error() string {
	if len(e.Causes) == 0 {
		return "operation error without a cause"
	}
	var b strings.Builder
	for i, c := range e.Causes {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.Code.String())
	}
	return b.String()
}

// Is reports whether the first cause is the first cause of target, so that
// errors.Is(err, rserpool.Fail(rserpool.UnknownPoolHandle)) works.
func (e *OperationError) Is(target error) bool {
	t, ok := target.(*OperationError)
	return ok && len(e.Causes) > 0 && len(t.Causes) > 0 && e.Causes[0].Code == t.Causes[0].Code
}

// Fail returns an OperationError with one cause.
func Fail(code CauseCode, info ...byte) *OperationError {
	return &OperationError{Causes: []Cause{{Code: code, Info: info}}}
}
