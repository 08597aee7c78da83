// Package csp is the Component Status Protocol: registrars, elements and users report how
// they are to a monitor, by UDP, every now and then. It holds the reports, the side that
// sends them and the side that listens.
//
// Nobody answers a report and nothing is authenticated: what a monitor shows is what
// somebody has said.
package csp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Port is where monitors listen unless told otherwise.
const Port = 2960

// Group says what a component is.
type Group uint8

// The groups.
const (
	Registrar Group = 1
	Element   Group = 2
	User      Group = 3
)

// String returns the group's name.
func (g Group) String() string {
	switch g {
	case Registrar:
		return "registrar"
	case Element:
		return "element"
	case User:
		return "user"
	}
	return fmt.Sprintf("group %d", uint8(g))
}

// ID identifies a component: its group in the first eight bits, and in the others what it
// is called there.
type ID uint64

// NewID returns the identifier of an object, of which 56 bits count.
func NewID(g Group, object uint64) ID { return ID(uint64(g)<<56 | object&(1<<56-1)) }

// Group returns what the component is.
func (id ID) Group() Group { return Group(id >> 56) }

// Object returns what it is called in its group.
func (id ID) Object() uint64 { return uint64(id) & (1<<56 - 1) }

// String returns, for example, "element 0x00000017".
func (id ID) String() string {
	if id.Group() == User {
		return fmt.Sprintf("user 0x%014x", id.Object())
	}
	return fmt.Sprintf("%s 0x%08x", id.Group(), id.Object())
}

// Workload is how much a component has to do, as a fraction of 65534.
type Workload uint16

// NoWorkload says that it is not known.
const NoWorkload Workload = 0xffff

// WorkloadOf returns the workload for a share between 0 and 1.
func WorkloadOf(share float64) Workload {
	return Workload(math.Round(min(max(share, 0), 1) * float64(NoWorkload-1)))
}

// Share returns a share between 0 and 1, and false where it is not known.
func (w Workload) Share() (float64, bool) {
	return float64(w) / float64(NoWorkload-1), w != NoWorkload
}

// Unknown is the duration of an association of which it is not known.
const Unknown time.Duration = -1

// Association is one of a component's relations to another one.
type Association struct {
	Peer     ID
	Duration time.Duration // so far, or Unknown
	Flags    uint16
	Protocol uint16 // IANA's number: 132 is SCTP
	PPID     uint32
}

// Report is what a component says of itself.
type Report struct {
	Sender ID
	// Final says that the component is leaving: it has nothing else to say.
	Final bool
	// Uptime is the time since the component's start, Interval that until its next report.
	// Both have a resolution of a microsecond.
	Uptime, Interval time.Duration
	// Location is where it is, in the form "host: address, address", Status how it is, for
	// people. Both have 127 bytes at most.
	Location, Status string
	Workload         Workload
	Associations     []Association
}

// MaxAssociations is the number of associations that a report has room for.
const MaxAssociations = 1000

// The layout, in bytes. All integers are big-endian and nothing is padded but texts.
const (
	typeReport     = 1
	flagFinal      = 0x01
	version        = 0x0200
	textLen        = 128
	reportLen      = 288 // without associations
	associationLen = 24
)

// ErrReport is wrapped by the errors of ParseReport.
var ErrReport = errors.New("component status report")

// Append appends the report to b. Texts that are too long are cut, associations beyond
// MaxAssociations left out.
func (r *Report) Append(b []byte) []byte {
	associations := r.Associations[:min(len(r.Associations), MaxAssociations)]
	flags := byte(0)
	if r.Final {
		flags = flagFinal
	}
	b = append(b, typeReport, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(reportLen+associationLen*len(associations)))
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Sender))
	b = binary.BigEndian.AppendUint64(b, uint64(max(r.Uptime, 0).Microseconds()))
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(r.Interval, 0).Microseconds(), math.MaxUint32)))
	b = appendText(b, r.Location)
	b = appendText(b, r.Status)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Workload))
	b = binary.BigEndian.AppendUint16(b, uint16(len(associations)))
	for _, a := range associations {
		b = binary.BigEndian.AppendUint64(b, uint64(a.Peer))
		b = binary.BigEndian.AppendUint64(b, microseconds(a.Duration))
		b = binary.BigEndian.AppendUint16(b, a.Flags)
		b = binary.BigEndian.AppendUint16(b, a.Protocol)
		b = binary.BigEndian.AppendUint32(b, a.PPID)
	}
	return b
}

func microseconds(d time.Duration) uint64 {
	if d < 0 {
		return math.MaxUint64
	}
	return uint64(d.Microseconds())
}

// appendText appends s in textLen bytes, cut between two characters where it is too long.
func appendText(b []byte, s string) []byte {
	if len(s) > textLen-1 {
		s = s[:textLen-1]
		for len(s) > 0 {
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	b = append(b, s...)
	return append(b, make([]byte, textLen-len(s))...)
}

// ParseReport reads a report. Its texts may hold anything but the byte 0: they are not for
// a terminal as they are.
func ParseReport(b []byte) (*Report, error) {
	if len(b) < reportLen {
		return nil, fmt.Errorf("%w: %d bytes: want at least %d", ErrReport, len(b), reportLen)
	}
	if b[0] != typeReport {
		return nil, fmt.Errorf("%w: type %d: want %d", ErrReport, b[0], typeReport)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != version {
		return nil, fmt.Errorf("%w: version 0x%04x: want 0x%04x", ErrReport, v, version)
	}
	if n := int(binary.BigEndian.Uint16(b[2:])); n != len(b) {
		return nil, fmt.Errorf("%w: length field %d in %d bytes", ErrReport, n, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[286:]))
	if n > MaxAssociations || len(b) != reportLen+n*associationLen {
		return nil, fmt.Errorf("%w: %d bytes for %d associations: want %d", ErrReport, len(b), n, reportLen+n*associationLen)
	}
	r := &Report{
		Sender:   ID(binary.BigEndian.Uint64(b[8:])),
		Final:    b[1]&flagFinal != 0,
		Uptime:   duration(binary.BigEndian.Uint64(b[16:])),
		Interval: duration(uint64(binary.BigEndian.Uint32(b[24:]))),
		Location: text(b[28:]),
		Status:   text(b[156:]),
		Workload: Workload(binary.BigEndian.Uint16(b[284:])),
	}
	for a := b[reportLen:]; len(a) > 0; a = a[associationLen:] {
		r.Associations = append(r.Associations, Association{
			Peer:     ID(binary.BigEndian.Uint64(a)),
			Duration: duration(binary.BigEndian.Uint64(a[8:])),
			Flags:    binary.BigEndian.Uint16(a[16:]),
			Protocol: binary.BigEndian.Uint16(a[18:]),
			PPID:     binary.BigEndian.Uint32(a[20:]),
		})
	}
	return r, nil
}

// duration returns Unknown for all ones, and for more than a Duration holds the longest.
func duration(microseconds uint64) time.Duration {
	switch {
	case microseconds == math.MaxUint64:
		return Unknown
	case microseconds > math.MaxInt64/1000:
		return math.MaxInt64 / 1000 * 1000
	}
	return time.Duration(microseconds) * time.Microsecond
}

func text(b []byte) string {
	s, _, _ := bytes.Cut(b[:textLen], []byte{0})
	return string(s)
}
