package enrp

import (
	"fmt"
	"testing"

	"github.com/rspool/rspool/internal/wire/wiretest"
)

var codec = wiretest.Codec[Message]{
	Parse:      Parse,
	NewDecoder: func() wiretest.ParseFunc[Message] { return new(Decoder).Parse },
	Append:     Append,
	Fields:     fields,
}

func TestVectorsDecodeToTheirFields(t *testing.T) { codec.TestFields(t) }

func TestVectorsAreReproduced(t *testing.T) { codec.TestReproduced(t) }

func TestPrefixesAreRejectedUnlessOnlyPaddingIsMissing(t *testing.T) { codec.TestPrefixes(t) }

func TestParametersBehindTheLastAreSkipped(t *testing.T) { codec.TestTrailing(t) }

func TestDecoderForgetsTheMessageBefore(t *testing.T) { codec.TestDecoder(t) }

func TestUnknownMessages(t *testing.T) { codec.TestUnknown(t, 0x0a, 0, 0, 0, 1, 0, 0, 0, 2) }

func FuzzParse(f *testing.F) { codec.Fuzz(f) }

// fields returns the message as the vectors state it.
func fields(m Message) wiretest.Fields {
	sender, receiver := m.Ends()
	f := wiretest.Fields{
		"message_type": m.Type(), "message_name": m.Type().String(), "flags": m.flags(),
		"sender_server_id": sender, "receiver_server_id": receiver,
	}
	p := []wiretest.Fields{}
	add := func(x wiretest.Fields) { p = append(p, x) }
	switch m := m.(type) {
	case *Presence:
		f["reply_required"] = m.ReplyRequired
		add(wiretest.Fields{"param": "pe_checksum", "pe_checksum": fmt.Sprintf("0x%04x", m.Checksum)})
		if m.Server != nil {
			add(wiretest.Server(*m.Server))
		}
	case *HandleTableRequest:
		f["own_children_only"] = m.OwnChildren
	case *HandleTableResponse:
		f["reject"] = m.Reject
		f["more_to_send"] = m.More
		for _, pool := range m.Pools {
			add(wiretest.Handle(pool.Handle))
			for _, e := range pool.Elements {
				add(wiretest.Element(e))
			}
		}
	case *HandleUpdate:
		f["takeover_suggested"] = m.TakeoverSuggested
		f["update_action"] = m.Action
		add(wiretest.Handle(m.Handle))
		add(wiretest.Element(m.Element))
	case *ListResponse:
		f["reject"] = m.Reject
		for _, s := range m.Servers {
			add(wiretest.Server(s))
		}
	case *InitTakeover:
		f["target_server_id"] = m.Target
	case *InitTakeoverAck:
		f["target_server_id"] = m.Target
	case *TakeoverServer:
		f["target_server_id"] = m.Target
	case *Error:
		add(wiretest.OperationError(m.Causes))
	}
	f["parameters"] = p
	return f
}
