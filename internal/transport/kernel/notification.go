package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The kernel's notifications have the byte order of the machine (RFC 6458,
// Section 6.1).
var native = binary.NativeEndian

// notification is what the kernel tells about an association.
type notification struct {
	kind        uint16 // RFC 6458, Section 6.1.9; numbered as Linux does
	association int32

	state   uint16 // of associationChange
	cause   uint16 // why, if a cause was given: RFC 9260, Section 3.3.10
	streams uint16 // outgoing
	info    []byte // the causes of the peer's ABORT

	path uint32 // of addressChange: what became of the path
}

// The kinds of notifications that are listened to.
const (
	associationChange = 0x8001 + iota
	addressChange
	_ // send failed
	_ // remote error
	shutdownEvent
	partialDelivery
	_ // adaptation
	_ // authentication
	senderDry
)

// The states of an associationChange.
const (
	commUp = iota
	commLost
	restarted
	shutdownComplete
	cannotStart
)

// addressUnreachable is the state of an addressChange when a path has failed.
const addressUnreachable = 1

var (
	errNotification = errors.New("notification is truncated")
	errAddress      = errors.New("socket address is malformed")
)

// parseNotification reads a notification. What it does not know has kind and
// nothing else. The result refers to b.
func parseNotification(b []byte) (notification, error) {
	if len(b) < 8 {
		return notification{}, errNotification
	}
	n := notification{kind: native.Uint16(b)}
	at := func(i int) ([]byte, error) {
		if len(b) < i+4 {
			return nil, errNotification
		}
		return b[i:], nil
	}
	// Where the association stands: behind what is the kind's own.
	place := map[uint16]int{associationChange: 16, addressChange: 144, shutdownEvent: 8, partialDelivery: 12, senderDry: 8}[n.kind]
	if place == 0 {
		return n, nil
	}
	p, err := at(place)
	if err != nil {
		return notification{}, err
	}
	n.association = int32(native.Uint32(p))
	switch n.kind {
	case associationChange:
		n.state, n.streams = native.Uint16(b[8:]), native.Uint16(b[12:])
		n.cause = binary.BigEndian.Uint16(b[10:])
		n.info = b[20:]
	case addressChange:
		n.path = native.Uint32(b[136:])
	}
	return n, nil
}

// causes names error causes of RFC 9260, Section 3.3.10.
var causes = map[uint16]string{
	1: "invalid stream identifier", 2: "missing mandatory parameter", 3: "stale cookie", 4: "out of resource",
	5: "unresolvable address", 6: "unrecognized chunk type", 7: "invalid mandatory parameter", 8: "unrecognized parameters",
	9: "no user data", 10: "cookie received while shutting down", 11: "restart with new addresses", protocolViolation: "protocol violation",
}

// The causes that come with a text; the former is what the peer's program wants.
const (
	userAbort         = 12
	protocolViolation = 13
)

// maxReason is the length of a peer's reason that is repeated, in bytes.
const maxReason = 200

// describe names the first cause of an ABORT.
func (n *notification) describe() string {
	b := n.info
	cause := n.cause
	if len(b) >= 4 {
		cause = binary.BigEndian.Uint16(b)
	}
	reason := ""
	if len(b) >= 4 {
		length := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
		reason = strings.TrimRight(string(b[4:max(4, min(length, 4+maxReason))]), "\x00")
	}
	switch {
	case cause == userAbort && reason == "":
		return "without a reason"
	case cause == userAbort:
		return fmt.Sprintf("%q", reason)
	case cause == protocolViolation && reason != "":
		return fmt.Sprintf("protocol violation: %q", reason)
	case causes[cause] != "":
		return causes[cause]
	case cause == 0:
		return "without a cause"
	}
	return fmt.Sprintf("cause %d", cause)
}
