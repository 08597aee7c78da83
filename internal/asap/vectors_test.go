package asap

import (
	"encoding/hex"
	"testing"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/wire/wiretest"
)

var codec = wiretest.Codec[Message]{
	Parse:      Parse,
	NewDecoder: func() wiretest.ParseFunc[Message] { return new(Decoder).Parse },
	Append:     Append,
	Fields:     fields,
	Amend: func(v *wiretest.Vector) {
		if v.Name == "asap_business_card_with_policy" {
			// One deployed writer has a policy there; it is passed over.
			p := v.Fields["parameters"].([]any)
			v.Fields["parameters"] = append(p[:1:1], p[2:]...)
		}
	},
	Different: map[string]string{
		"asap_handle_resolution_strict_length_padded": "its length does not count the padding",
		"asap_business_card_with_policy":              "it has a policy that the RFC does not",
	},
}

func TestVectorsDecodeToTheirFields(t *testing.T) { codec.TestFields(t) }

func TestVectorsAreReproduced(t *testing.T) { codec.TestReproduced(t) }

func TestPrefixesAreRejectedUnlessOnlyPaddingIsMissing(t *testing.T) { codec.TestPrefixes(t) }

func TestParametersBehindTheLastAreSkipped(t *testing.T) { codec.TestTrailing(t) }

func TestDecoderForgetsTheMessageBefore(t *testing.T) { codec.TestDecoder(t) }

func TestUnknownMessages(t *testing.T) { codec.TestUnknown(t, 0x0e, 1, 2, 3, 4) }

func FuzzParse(f *testing.F) { codec.Fuzz(f) }

// fields returns the message as the vectors state it.
func fields(m Message) wiretest.Fields {
	f := wiretest.Fields{"message_type": m.Type(), "message_name": m.Type().String(), "flags": m.flags()}
	var p []wiretest.Fields
	add := func(x wiretest.Fields) { p = append(p, x) }
	addError := func(e *rserpool.OperationError) {
		if e != nil {
			add(wiretest.OperationError(e.Causes))
		}
	}
	switch m := m.(type) {
	case *Registration:
		add(wiretest.Handle(m.Handle))
		add(wiretest.Element(m.Element))
	case *Deregistration:
		add(wiretest.Handle(m.Handle))
		add(wiretest.ElementID(m.Element))
	case *RegistrationResponse:
		f["reject"] = m.Reject
		add(wiretest.Handle(m.Handle))
		add(wiretest.ElementID(m.Element))
		addError(m.Error)
	case *DeregistrationResponse:
		add(wiretest.Handle(m.Handle))
		add(wiretest.ElementID(m.Element))
		addError(m.Error)
	case *HandleResolution:
		add(wiretest.Handle(m.Handle))
		if m.Items != 0 {
			add(wiretest.Fields{"param": "handle_resolution", "items": m.Items})
		}
	case *HandleResolutionResponse:
		add(wiretest.Handle(m.Handle))
		if m.Policy.Type != 0 {
			add(wiretest.Policy(m.Policy))
		}
		for _, e := range m.Elements {
			add(wiretest.Element(e))
		}
		addError(m.Error)
	case *KeepAlive:
		f["home"] = m.Home
		f["server_identifier"] = m.Sender
		add(wiretest.Handle(m.Handle))
		if m.Element != 0 {
			add(wiretest.ElementID(m.Element))
		}
	case *KeepAliveAck:
		add(wiretest.Handle(m.Handle))
		add(wiretest.ElementID(m.Element))
	case *Unreachable:
		add(wiretest.Handle(m.Handle))
		add(wiretest.ElementID(m.Element))
	case *ServerAnnounce:
		f["server_identifier"] = m.Sender
		for _, x := range m.Transports {
			add(wiretest.Transport(x))
		}
	case *Cookie:
		add(wiretest.Fields{"param": "cookie", "cookie_hex": hex.EncodeToString(m.Cookie)})
	case *CookieEcho:
		add(wiretest.Fields{"param": "cookie", "cookie_hex": hex.EncodeToString(m.Cookie)})
	case *BusinessCard:
		add(wiretest.Handle(m.Handle))
		for _, e := range m.Elements {
			add(wiretest.Element(e))
		}
	case *Error:
		add(wiretest.OperationError(m.Causes))
	}
	if p == nil {
		p = []wiretest.Fields{}
	}
	f["parameters"] = p
	return f
}
