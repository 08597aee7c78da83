// Package explain shows what a message of ASAP or ENRP says, byte by byte, and
// finds such messages in packet captures. It goes as far as the bytes make sense,
// where the codec proper stops at the first fault, and then tells what the codec
// thinks of them.
//
// It is for people and their tools; no protocol role reads messages with it.
package explain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/enrp"
	"github.com/rspool/rspool/internal/wire"
)

// Protocol is whose message it is; messages do not say it themselves.
type Protocol string

// The protocols.
const (
	ASAP Protocol = "asap"
	ENRP Protocol = "enrp"
)

// ProtocolOf returns the protocol with the SCTP payload protocol identifier.
func ProtocolOf(ppid uint32) (p Protocol, ok bool) {
	switch ppid {
	case asap.PPID:
		return ASAP, true
	case enrp.PPID:
		return ENRP, true
	}
	return "", false
}

// Message is an explained message.
type Message struct {
	Protocol Protocol
	Bytes    []byte
	// Summary is the message in one line.
	Summary string
	// Fields cover all bytes, in order.
	Fields []Field
	// Err is why a receiver rejects the message, nil if it does not.
	Err error
}

// Field is an annotated stretch of a message: a value, or a parameter with
// further fields in it.
type Field struct {
	Offset, Length int
	Name           string
	Value          string // as it is meant, empty for a parameter
	Meaning        string // what there is to say about it, if anything
	Fields         []Field

	key       string // of the value in JSON, empty where it is not shown there
	data      any    // the value in JSON
	parameter wire.ParameterType
}

// Explain explains the message b of protocol p.
func Explain(p Protocol, b []byte) *Message {
	m := &Message{Protocol: p, Bytes: b, Summary: "rejected message"}
	if len(b) > 0 {
		m.Summary = "rejected " + m.typeName()
	}
	if parsed, err := m.parse(); err != nil {
		m.Err = err
	} else {
		m.Summary = parsed.String()
	}
	m.Fields = m.walk()
	return m
}

// parse reads the message as a receiver does.
func (m *Message) parse() (fmt.Stringer, error) {
	if m.Protocol == ENRP {
		parsed, _, err := enrp.Parse(m.Bytes)
		return parsed, err
	}
	parsed, _, err := asap.Parse(m.Bytes)
	return parsed, err
}

// typeName returns the RFC's name of the message. There is at least one byte.
func (m *Message) typeName() string {
	if m.Protocol == ENRP {
		return enrp.Type(m.Bytes[0]).String()
	}
	return asap.Type(m.Bytes[0]).String()
}

// fault returns where and why a receiver stops.
func (m *Message) fault() (offset int, reason string) {
	var e *wire.Error
	if !errors.As(m.Err, &e) {
		return 0, ""
	}
	if e.Parameter != 0 {
		return e.Offset, e.Parameter.String() + " " + e.Reason
	}
	return e.Offset, e.Reason
}

// walk explains all bytes.
func (m *Message) walk() []Field {
	r := &reader{b: m.Bytes, end: len(m.Bytes)}
	r.uint(1, "Type", "message_type", func(v uint32) shown {
		return shown{fmt.Sprintf("0x%02x", v), v, m.typeName()}
	})
	r.uint(1, "Flags", "flags", func(v uint32) shown { return shown{fmt.Sprintf("0x%02x", v), v, ""} })
	r.uint(2, "Length", "length", decimal)
	if r.stopped {
		return r.fields
	}
	r.fields[1].Fields = flagFields(flagsOf(m.Protocol, m.Bytes[0]), m.Bytes[1])
	length := int(binary.BigEndian.Uint16(m.Bytes[2:]))
	switch {
	case length < r.off:
		r.fields[2].Meaning = "impossible: the header alone has 4 bytes"
		length = len(m.Bytes)
	case length > len(m.Bytes):
		r.fields[2].Meaning = fmt.Sprintf("more than the %d bytes at hand", len(m.Bytes))
		length = len(m.Bytes)
	}
	r.end = length
	r.body(m.Protocol, m.Bytes[0])
	r.end = len(m.Bytes)
	switch n := r.end - r.off; {
	case n > 3:
		r.add(Field{Length: n, Name: "Surplus", Meaning: "behind the end of the message, and ignored"})
	case n > 0:
		r.add(Field{Length: n, Name: "Padding"})
	}
	return r.fields
}
