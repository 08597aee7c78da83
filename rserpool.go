// Package rserpool is the vocabulary of Reliable Server Pooling (RFC 5351 to
// RFC 5356): handles, identifiers, transports, elements, policies and error
// causes. Everything else in the module speaks with these words.
//
// It is not a client or a server: see packages pool and registrar for those.
package rserpool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxHandleLen is the longest pool handle that a parameter can carry, in bytes.
const MaxHandleLen = 65531

// DeployedHandleLen is the longest pool handle that deployed peers survive, in
// bytes. Longer handles are refused unless a limit says otherwise.
const DeployedHandleLen = 32

// Handle names a pool: one or more opaque bytes, compared bytewise
// (RFC 5354, Section 3.9).
type Handle string

// String returns the handle as text where it is printable, quoted otherwise.
func (h Handle) String() string {
	s := string(h)
	if s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == '"' }) {
		return s
	}
	return strconv.Quote(s)
}

// ElementID identifies an element within its pool; zero is invalid
// (RFC 5354, Section 3.14).
type ElementID uint32

// String returns the identifier as eight hex digits with 0x.
func (id ElementID) String() string { return fmt.Sprintf("0x%08x", uint32(id)) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (id ElementID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseID.
func (id *ElementID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = ElementID(v)
	return err
}

// RegistrarID identifies a registrar within its operation scope; zero is invalid
// (RFC 5353, Section 2.1).
type RegistrarID uint32

// String returns the identifier as eight hex digits with 0x.
func (id RegistrarID) String() string { return fmt.Sprintf("0x%08x", uint32(id)) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (id RegistrarID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseID.
func (id *RegistrarID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = RegistrarID(v)
	return err
}

// ParseID reads an element or registrar identifier: hexadecimal with 0x, or
// decimal. Zero and values beyond 32 bits are errors.
func ParseID(s string) (uint32, error) {
	v, err := strconv.ParseUint(s, 0, 32)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("identifier %q: want a number from 0x00000001 to 0xffffffff", s)
	}
	return uint32(v), nil
}

// Dialect decides where the RFCs and the deployed implementations differ.
type Dialect uint8

// The dialects. Deployed is the zero value and the default.
const (
	Deployed Dialect = iota // as rsplib and the dissectors do
	RFC                     // to the letter
)

// String returns "deployed" or "rfc".
func (d Dialect) String() string {
	if d == RFC {
		return "rfc"
	}
	return "deployed"
}

// ParseDialect reads what String prints.
func ParseDialect(s string) (Dialect, error) {
	switch s {
	case "deployed":
		return Deployed, nil
	case "rfc":
		return RFC, nil
	}
	return Deployed, fmt.Errorf("dialect %q: want \"deployed\" or \"rfc\"", s)
}

// Life returns a registration life as the dialect writes it: milliseconds in the
// deployed one, seconds in the RFC's. It saturates, and is at least 1 for any
// positive duration.
//
// Deviation: RFC 5352, Section 3.1 has seconds; see docs/deviations.md.
func (d Dialect) Life(life time.Duration) uint32 {
	if life <= 0 {
		return 0
	}
	return uint32(min(max(int64(life/d.lifeUnit()), 1), 1<<32-1))
}

// Duration is the inverse of Life.
func (d Dialect) Duration(life uint32) time.Duration {
	return time.Duration(life) * d.lifeUnit()
}

func (d Dialect) lifeUnit() time.Duration {
	if d == RFC {
		return time.Second
	}
	return time.Millisecond
}

// ErrHandle is wrapped by the errors of CheckHandle.
var ErrHandle = errors.New("invalid pool handle")

// CheckHandle reports why h may not be used where handles may have limit bytes
// at most; zero means DeployedHandleLen.
func CheckHandle(h Handle, limit int) error {
	if limit == 0 {
		limit = DeployedHandleLen
	}
	switch {
	case len(h) == 0:
		return fmt.Errorf("%w: it is empty", ErrHandle)
	case len(h) > MaxHandleLen:
		return fmt.Errorf("%w: %d bytes exceed the %d that a parameter can carry", ErrHandle, len(h), MaxHandleLen)
	case len(h) > limit:
		return fmt.Errorf("%w: %d bytes exceed the limit of %d; deployed peers abort on more than %d (raise max_handle_length if none takes part)", ErrHandle, len(h), limit, DeployedHandleLen)
	}
	return nil
}

// ChecksumBlock returns the unfolded sum of one element's block in the PE
// checksum: the 16-bit words of the handle, padded with zeros, and of the
// identifier (RFC 5353, Section 3.6.2).
func ChecksumBlock(h Handle, id ElementID) uint64 {
	sum := uint64(id>>16) + uint64(id&0xffff)
	i := 0
	for ; i+1 < len(h); i += 2 {
		sum += uint64(h[i])<<8 | uint64(h[i+1])
	}
	if i < len(h) {
		sum += uint64(h[i]) << 8
	}
	return sum
}

// FoldChecksum returns the 16-bit PE checksum of a sum of blocks.
func FoldChecksum(sum uint64) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// IDFromBytes returns a non-zero identifier from four random bytes.
func IDFromBytes(b [4]byte) uint32 {
	if v := binary.BigEndian.Uint32(b[:]); v != 0 {
		return v
	}
	return 1
}
